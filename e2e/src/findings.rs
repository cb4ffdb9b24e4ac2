//! What became of what a workload was found doing.

use anchorwatch_crds::v1alpha1::{AlertState, DriftAlert};
use anyhow::{Context, Result, ensure};
use kube::api::{Api, ListParams};

use crate::Cluster;

/// Whether a program that a workload of this kind ran is a finding that this record of a rollout suppresses.
pub async fn is_suppressed(cluster: &Cluster, namespace: &str, kind: &str, program: &str, record: &str) -> Result<()> {
    let alerts: Api<DriftAlert> = Api::namespaced(cluster.client.clone(), namespace);
    let alerts = alerts.list(&ListParams::default()).await?;
    let statuses = alerts.iter().filter_map(|alert| alert.status.as_ref());
    let mut findings = statuses
        .filter(|status| status.workload.kind == kind)
        .flat_map(|status| &status.findings);
    let found = findings.find(|finding| finding.behavior.executable() == program);
    let found = found.context("it is not found yet")?;
    let rollout = found.rollout.clone().context("nothing is said of a rollout")?;
    ensure!(
        found.state == AlertState::Suppressed && rollout.record.as_deref() == Some(record),
        "it is {:?}: {}",
        found.state,
        rollout.reason
    );
    Ok(())
}
