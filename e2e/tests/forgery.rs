//! What a stolen node can't do to another.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use std::time::Duration;

use anchorwatch_crds::v1alpha1::{BehaviorBaseline, DriftAlert};
use anchorwatch_e2e::Cluster;
use anchorwatch_e2e::install::{Component, Install};
use anchorwatch_e2e::sensor_tokens::{EPOCH, SecondNode, reports};
use anchorwatch_e2e::wait::until;
use anyhow::{Context, ensure};
use kube::api::{Api, ListParams};
use serde_json::json;

const FORGED: &str = "/e2e/forged";

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_behaviour_of_another_nodes_pod_is_rejected_counted_and_neither_learned_nor_raised() {
    let cluster = Cluster::offered().await.unwrap();
    let install = Install::of(&cluster);
    let victim = install.pods(Component::Sensor).await.unwrap().remove(0);
    let second = SecondNode::make(&cluster, "e2e-forging-node").await.unwrap();
    let forger = second.sensor().await.unwrap();
    let (name, uid) = (victim.metadata.name.unwrap(), victim.metadata.uid.unwrap());
    let containers = json!([{
        "pod": {"namespace": install.namespace, "name": name, "uid": uid},
        "container": "sensor",
        "containerId": "containerd://forged",
        "behaviors": [{
            "process": {"origin": "entrypoint", "parent": "", "executable": FORGED, "source": "memory"},
            "lineage": [FORGED],
            "count": 1,
            "firstSeen": "2026-01-01T00:00:00.000000Z",
            "lastSeen": "2026-01-01T00:00:00.000000Z"
        }]
    }]);
    forger.write(containers).await.unwrap();

    until("the acknowledgement", Duration::from_secs(45), async || {
        let report = reports(&cluster.client).get(&forger.node).await?;
        let acknowledged = &report.data["status"]["acknowledged"];
        ensure!(*acknowledged == json!({"epoch": EPOCH, "seq": 1}), "{acknowledged}");
        let rejected = report.data["status"]["rejected"]
            .as_i64()
            .context("nothing is counted")?;
        ensure!(rejected == 1, "{rejected} are rejected");
        Ok(())
    })
    .await
    .unwrap();
    let everywhere = ListParams::default();
    let baselines: Api<BehaviorBaseline> = Api::all(cluster.client.clone());
    let learned = serde_json::to_string(&baselines.list(&everywhere).await.unwrap().items).unwrap();
    assert!(!learned.contains(FORGED), "it was merged");
    let alerts: Api<DriftAlert> = Api::all(cluster.client.clone());
    let raised = serde_json::to_string(&alerts.list(&everywhere).await.unwrap().items).unwrap();
    assert!(!raised.contains(FORGED), "it was raised");
    second.remove().await.unwrap();
}
