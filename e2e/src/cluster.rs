//! The cluster that a test was offered.

use std::env;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

use crate::wait::until;

/// Path of a kubeconfig. Not `KUBECONFIG`: what a person works with every day is no place for these tests.
pub(crate) const KUBECONFIG: &str = "ANCHORWATCH_E2E_KUBECONFIG";
/// Name of a context of it, or of the person's own kubeconfig.
pub(crate) const CONTEXT: &str = "ANCHORWATCH_E2E_CONTEXT";
/// Image of the agent.
const AGENT_IMAGE: &str = "ANCHORWATCH_E2E_AGENT";
/// Image of the agent that spawns something more at its start.
const NEXT_AGENT_IMAGE: &str = "ANCHORWATCH_E2E_AGENT_NEXT";
/// The API server's audit log.
const AUDIT_LOG: &str = "ANCHORWATCH_E2E_AUDIT_LOG";

/// A cluster in which Anchorwatch is installed.
#[derive(Clone)]
pub struct Cluster {
    /// Speaks as a cluster admin.
    pub client: Client,
    config: Config,
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cluster")
            .field("url", &self.config.cluster_url)
            .finish_non_exhaustive()
    }
}

impl Cluster {
    /// The cluster that the environment names.
    pub async fn offered() -> Result<Self> {
        let context = env::var(CONTEXT).ok();
        let kubeconfig = if let Some(path) = env::var_os(KUBECONFIG) {
            Kubeconfig::read_from(path)?
        } else {
            ensure!(
                context.is_some(),
                "no cluster is offered: {KUBECONFIG} and {CONTEXT} are unset"
            );
            Kubeconfig::read()?
        };
        let options = KubeConfigOptions {
            context,
            ..KubeConfigOptions::default()
        };
        let config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
        Ok(Self {
            client: Client::try_from(config.clone())?,
            config,
        })
    }

    /// A client that speaks as another user of the given groups.
    pub fn impersonate(&self, user: &str, groups: &[&str]) -> Result<Client> {
        let mut config = self.config.clone();
        config.auth_info.impersonate = Some(user.to_owned());
        config.auth_info.impersonate_groups = Some(groups.iter().map(|&group| group.to_owned()).collect());
        Ok(Client::try_from(config)?)
    }

    /// A client that shows a token and nothing else.
    pub fn with_token(&self, token: &str) -> Result<Client> {
        let mut config = Config::new(self.config.cluster_url.clone());
        config.root_cert.clone_from(&self.config.root_cert);
        config.auth_info.token = Some(token.to_owned().into());
        Ok(Client::try_from(config)?)
    }

    /// Makes a namespace of this test's own, with a name that no earlier run used.
    pub async fn fresh_namespace(&self, prefix: &str) -> Result<String> {
        let millis = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
        let name = format!("e2e-{prefix}-{}", millis % 1_000_000_000);
        self.create_namespace(&name).await?;
        Ok(name)
    }

    /// Makes a namespace.
    pub async fn create_namespace(&self, name: &str) -> Result<()> {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            ..ObjectMeta::default()
        };
        let namespace = Namespace {
            metadata,
            ..Namespace::default()
        };
        self.namespaces().create(&PostParams::default(), &namespace).await?;
        Ok(())
    }

    /// Deletes a namespace without waiting for its end.
    pub async fn delete_namespace(&self, name: &str) -> Result<()> {
        self.namespaces().delete(name, &DeleteParams::default()).await?;
        Ok(())
    }

    /// Deletes a namespace, if there is one, and waits until nothing is left of it.
    pub async fn remove_namespace(&self, name: &str) -> Result<()> {
        if self.namespaces().get_opt(name).await?.is_none() {
            return Ok(());
        }
        self.delete_namespace(name).await?;
        until(
            &format!("the end of the namespace {name}"),
            Duration::from_mins(2),
            async || {
                ensure!(self.namespaces().get_opt(name).await?.is_none(), "it is still there");
                Ok(())
            },
        )
        .await
    }

    fn namespaces(&self) -> Api<Namespace> {
        Api::all(self.client.clone())
    }
}

/// The two images of the agent.
#[derive(Clone, Debug)]
pub struct AgentImages {
    /// What runs first.
    pub first: String,
    /// What a rollout brings: it spawns something more at its start.
    pub next: String,
}

impl AgentImages {
    /// The images that the environment names.
    pub fn offered() -> Result<Self> {
        let image =
            |name: &str| env::var(name).with_context(|| format!("no image of the agent is offered: {name} is unset"));
        Ok(Self {
            first: image(AGENT_IMAGE)?,
            next: image(NEXT_AGENT_IMAGE)?,
        })
    }
}

/// The API server's audit log, where the environment names one.
pub fn audit_log() -> Result<PathBuf> {
    env::var_os(AUDIT_LOG)
        .map(PathBuf::from)
        .with_context(|| format!("no audit log is offered: {AUDIT_LOG} is unset"))
}
