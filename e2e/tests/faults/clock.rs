//! The operator's clock is stepped by an hour, and it is killed in the middle of a rollout: the evidence stays in order.

use std::time::Duration;

use anchorwatch_crds::v1alpha1::{DriftPolicy, RolloutRecord};
use anchorwatch_e2e::install::{Component, Goal};
use anchorwatch_e2e::wait::until;
use anchorwatch_e2e::{AgentImages, Cluster};
use anyhow::{Result, ensure};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::turn::with_switches;

/// A pod is started and its digests told; the operator is started again, after a back-off.
const RECORDED: Duration = Duration::from_secs(90);

struct Scene {
    cluster: Cluster,
    namespace: String,
    images: AgentImages,
}

impl Scene {
    fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.cluster.client.clone(), &self.namespace)
    }

    async fn rolls_out(&self, image: &str) {
        let container = json!({"name": "web", "image": image});
        let patch = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
        let parameters = PatchParams::default();
        self.deployments()
            .patch("web", &parameters, &Patch::Strategic(patch))
            .await
            .unwrap();
    }

    /// The records, by their place in the chain, once there are so many.
    async fn records(&self, number: usize) -> Vec<RolloutRecord> {
        until(&format!("{number} records"), RECORDED, async || {
            let records: Api<RolloutRecord> = Api::namespaced(self.cluster.client.clone(), &self.namespace);
            let mut records = records.list(&ListParams::default()).await?.items;
            ensure!(records.len() == number, "there are {}", records.len());
            records.sort_by_key(|record| record.spec.chain.as_ref().map(|chain| chain.sequence));
            Ok(records)
        })
        .await
        .unwrap()
    }

    /// Each record is the next link of the chain, of the next revision, and says when its ReplicaSet was made.
    async fn is_in_order(&self, records: &[RolloutRecord]) -> Result<()> {
        let sets: Api<ReplicaSet> = Api::namespaced(self.cluster.client.clone(), &self.namespace);
        let sets = sets.list(&ListParams::default()).await?.items;
        let mut previous = None;
        for (number, record) in (1_i64..).zip(records) {
            let spec = &record.spec;
            let link = spec.chain.as_ref().expect("it is sealed");
            ensure!(
                (spec.revision, link.sequence) == (number, number),
                "{:?}",
                record.metadata.name
            );
            ensure!(link.previous == previous, "{:?} follows another", record.metadata.name);
            previous = Some(link.hash.clone());
            let set = sets.iter().find(|set| {
                let labels = set.metadata.labels.as_ref();
                labels.and_then(|labels| labels.get("pod-template-hash")) == Some(&spec.template_hash)
            });
            let made = set.and_then(|set| set.metadata.creation_timestamp.clone());
            ensure!(
                made.as_ref() == Some(&spec.started_at),
                "{:?}: {made:?}",
                record.metadata.name
            );
        }
        Ok(())
    }
}

fn deployment(image: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{"name": "web", "image": image, "command": ["sleep", "100000"]}],
                },
            },
        },
    })
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn the_evidence_stays_in_order_whatever_the_operators_clock_says_and_when_it_dies_halfway() {
    let cluster = Cluster::offered().await.unwrap();
    let scene = Scene {
        namespace: cluster.fresh_namespace("clock").await.unwrap(),
        images: AgentImages::offered().unwrap(),
        cluster,
    };
    let policy: DriftPolicy = serde_json::from_value(json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftPolicy", "metadata": {"name": "web"},
        "spec": {"selector": {"matchLabels": {"app": "web"}}},
    }))
    .unwrap();
    let policies: Api<DriftPolicy> = Api::namespaced(scene.cluster.client.clone(), &scene.namespace);
    policies.create(&PostParams::default(), &policy).await.unwrap();
    let made = serde_json::from_value(deployment(&scene.images.first)).unwrap();
    scene.deployments().create(&PostParams::default(), &made).await.unwrap();
    scene.records(1).await;

    // An hour ahead, and killed after the record was made and before anything was told of it.
    let ahead = [
        ("ANCHORWATCH_TEST_CLOCK", "3600"),
        ("ANCHORWATCH_TEST_KILL", "operator-mid-record"),
        ("ANCHORWATCH_TEST_KILL_AT", "deployment-web-2"),
        ("ANCHORWATCH_TEST_KILL_MARKER", "/scratch/killed"),
    ];
    let next = scene.images.next.clone();
    with_switches(
        &scene.cluster,
        Component::Operator,
        &ahead,
        Goal::Ready,
        async |install| {
            scene.rolls_out(&next).await;
            let records = scene.records(2).await;
            let (recorded, started) = (records[1].spec.recorded_at.0, records[1].spec.started_at.0);
            let ahead = recorded.duration_since(started).as_secs();
            assert!(ahead >= 3_600, "the clock is stepped: {ahead} s");
            until("the operator's second life", RECORDED, async || {
                ensure!(install.restarts(Component::Operator).await? >= 1, "it lives on");
                Ok(())
            })
            .await
            .unwrap();
            install.reached(Component::Operator, Goal::Ready).await.unwrap();
        },
    )
    .await;
    // An hour behind.
    let behind = [("ANCHORWATCH_TEST_CLOCK", "-3600")];
    with_switches(&scene.cluster, Component::Operator, &behind, Goal::Ready, async |_| {
        let image = json!([{"name": "web", "env": [{"name": "AGAIN", "value": "1"}]}]);
        let patch = json!({"spec": {"template": {"spec": {"containers": image}}}});
        let parameters = PatchParams::default();
        scene
            .deployments()
            .patch("web", &parameters, &Patch::Strategic(patch))
            .await
            .unwrap();
        let records = scene.records(3).await;
        let (recorded, started) = (records[2].spec.recorded_at.0, records[2].spec.started_at.0);
        assert!(recorded < started, "the clock is stepped: {recorded} and {started}");
        scene.is_in_order(&records).await.unwrap();
    })
    .await;
    let records = scene.records(3).await;
    scene.is_in_order(&records).await.unwrap();
    scene.cluster.delete_namespace(&scene.namespace).await.unwrap();
}
