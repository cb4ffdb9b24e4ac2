//! The controller of Argo Rollouts, run by the test as a program of this machine for as long as it is held.

use std::env;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::api::{Api, DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};

use crate::Cluster;
use crate::cluster::KUBECONFIG;
use crate::plugin::offered_kubectl;
use crate::port;
use crate::skip::skip;
use crate::wait::until;

/// The folder with the controller and its definitions, where the cluster is ours.
const FOLDER: &str = "ANCHORWATCH_E2E_ARGO_ROLLOUTS";
const PROGRAM: &str = "rollouts-controller";
/// Until the API server serves what was just defined.
const DEFINED: Duration = Duration::from_secs(30);

/// The running controller.
#[derive(Debug)]
pub struct Rollouts {
    controller: Child,
}

impl Rollouts {
    /// Starts it for one namespace; a test of this name is skipped where the environment offers none.
    pub async fn offered(test: &str, cluster: &Cluster, namespace: &str) -> Result<Option<Self>> {
        let (Some(folder), Some(kubeconfig)) = (env::var_os(FOLDER), env::var_os(KUBECONFIG)) else {
            skip(test, "needs the local cluster and the controller of Argo Rollouts")?;
            return Ok(None);
        };
        let folder = PathBuf::from(folder);
        define(&folder)?;
        let served = rollouts(cluster, namespace);
        until("the API server to serve Rollouts", DEFINED, async || {
            served.list(&ListParams::default()).await?;
            Ok(())
        })
        .await?;
        let log = env::temp_dir().join(format!("{namespace}-{PROGRAM}.log"));
        let log = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let controller = Command::new(folder.join(PROGRAM))
            .arg("--kubeconfig")
            .arg(kubeconfig)
            .args(["--namespaced", "--namespace", namespace, "--leader-elect=false"])
            .arg(format!("--metricsPort={}", port::free()?))
            .arg(format!("--healthzPort={}", port::free()?))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{PROGRAM} can't be run"))?;
        Ok(Some(Self { controller }))
    }
}

impl Drop for Rollouts {
    fn drop(&mut self) {
        // It ended by itself, or is ended here: there is nothing to do about a failure.
        self.controller.kill().ok();
        self.controller.wait().ok();
    }
}

/// The Rollouts of a namespace.
pub fn rollouts(cluster: &Cluster, namespace: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("argoproj.io", "v1alpha1", "Rollout");
    Api::namespaced_with(cluster.client.clone(), namespace, &ApiResource::from_gvk(&kind))
}

/// Its definitions stay: an idle one costs nothing, and the next run finds them.
fn define(folder: &Path) -> Result<()> {
    let crds = folder.join("crds");
    let crds = crds.to_str().context("the cache's path is no text")?;
    let output = offered_kubectl()?
        .args(["apply", "--server-side", "--kustomize", crds])
        .output()
        .context("kubectl can't be run")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
