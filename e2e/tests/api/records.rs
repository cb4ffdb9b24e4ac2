//! RolloutRecords are evidence.

use anchorwatch_e2e::Cluster;
use anchorwatch_e2e::install::{Component, Install};
use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::support::{object, objects, refusal};

const KIND: &str = "RolloutRecord";
const PLURAL: &str = "rolloutrecords";

fn spec() -> Value {
    let digest = format!("sha256:{}", "0".repeat(64));
    json!({
        "workload": {"kind": "Deployment", "name": "agent"},
        "workloadUid": "u",
        "revision": 1,
        "templateHash": "h",
        "containers": [{"name": "agent", "image": "agent:1", "digest": digest}],
        "witness": "agent-h-1",
        "startedAt": "2026-01-01T00:00:00Z",
        "recordedAt": "2026-01-01T00:00:01Z"
    })
}

struct Scene {
    cluster: Cluster,
    namespace: String,
    by_admin: Api<DynamicObject>,
    by_operator: Api<DynamicObject>,
}

impl Scene {
    async fn new() -> Self {
        let cluster = Cluster::offered().await.unwrap();
        let namespace = cluster.fresh_namespace("records").await.unwrap();
        let user = Install::of(&cluster).user(Component::Operator);
        let operator = cluster
            .impersonate(&user, &["system:serviceaccounts", "system:authenticated"])
            .unwrap();
        let records = |client: &Client| objects(client, KIND, PLURAL, Some(&namespace));
        Self {
            by_admin: records(&cluster.client),
            by_operator: records(&operator),
            cluster,
            namespace,
        }
    }

    async fn made(&self) {
        self.by_operator
            .create(&PostParams::default(), &object(KIND, "deployment-agent-1", &spec()))
            .await
            .unwrap();
    }
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn nobody_but_the_operator_makes_or_deletes_a_record_and_it_goes_with_its_namespace() {
    let scene = Scene::new().await;
    let forged = object(KIND, "deployment-agent-2", &spec());
    let said = refusal(scene.by_admin.create(&PostParams::default(), &forged).await);
    assert!(said.contains("only the operator makes and deletes it"), "{said}");
    scene.made().await;
    let said = refusal(
        scene
            .by_admin
            .delete("deployment-agent-1", &DeleteParams::default())
            .await,
    );
    assert!(said.contains("only the operator makes and deletes it"), "{said}");
    scene.cluster.remove_namespace(&scene.namespace).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_records_spec_can_be_neither_changed_nor_emptied_by_a_cluster_admin() {
    let scene = Scene::new().await;
    scene.made().await;
    for (patch, expected) in [
        (json!({"spec": {"revision": 2}}), "a RolloutRecord is evidence"),
        (json!({"spec": {"containers": []}}), "a RolloutRecord is evidence"),
        (
            json!({"spec": {"changeCause": "harmless"}}),
            "a RolloutRecord is evidence",
        ),
        (json!({"spec": null}), "spec: Required value"),
    ] {
        let parameters = PatchParams::default();
        let said = refusal(
            scene
                .by_admin
                .patch("deployment-agent-1", &parameters, &Patch::Merge(patch))
                .await,
        );
        assert!(said.contains(expected), "{said}");
    }
    scene.cluster.delete_namespace(&scene.namespace).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn the_operator_has_no_right_to_change_a_record_and_may_delete_one_for_its_retention() {
    let scene = Scene::new().await;
    scene.made().await;
    let patch = Patch::Merge(json!({"spec": {"templateHash": "other"}}));
    let said = refusal(
        scene
            .by_operator
            .patch("deployment-agent-1", &PatchParams::default(), &patch)
            .await,
    );
    assert!(said.contains("cannot patch resource \"rolloutrecords\""), "{said}");
    let kept = DeleteParams::default();
    scene.by_operator.delete("deployment-agent-1", &kept).await.unwrap();
    scene.cluster.delete_namespace(&scene.namespace).await.unwrap();
}
