//! Which cluster and which namespace.

use anyhow::Context;
use kube::{Client, Config, config::KubeConfigOptions};

/// Cluster and namespace, chosen as kubectl does.
#[derive(Clone, Debug, clap::Args)]
pub struct Connection {
    /// Context of the kubeconfig; the current one by default.
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// Namespace; the context's by default.
    #[arg(long, short, global = true)]
    pub namespace: Option<String>,
}

impl Connection {
    /// A client of the chosen cluster, and the chosen namespace.
    pub async fn open(&self) -> anyhow::Result<(Client, String)> {
        let config = match &self.context {
            Some(context) => {
                let options = KubeConfigOptions {
                    context: Some(context.clone()),
                    ..KubeConfigOptions::default()
                };
                Config::from_kubeconfig(&options)
                    .await
                    .with_context(|| format!("no usable context {context:?}"))?
            }
            None => Config::infer()
                .await
                .context("no usable kubeconfig: set KUBECONFIG or use --context")?,
        };
        let namespace = self
            .namespace
            .clone()
            .unwrap_or_else(|| config.default_namespace.clone());
        Ok((
            Client::try_from(config).context("the kubeconfig's cluster can't be reached")?,
            namespace,
        ))
    }
}
