//! RolloutIntents: who may announce what, and that nobody changes it.

use anchorwatch_e2e::Cluster;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::support::{object, objects, refusal};

const KIND: &str = "RolloutIntent";
const PLURAL: &str = "rolloutintents";

fn spec(by: &str) -> Value {
    json!({
        "workload": {"kind": "Deployment", "name": "agent"},
        "containers": [{"name": "agent", "digest": format!("sha256:{}", "0".repeat(64))}],
        "by": by,
    })
}

/// Intents as somebody sees them who has a role in the namespace.
async fn intents_of(cluster: &Cluster, namespace: &str, who: &str, role: &str) -> Api<DynamicObject> {
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": who},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": who}]
    }))
    .unwrap();
    Api::namespaced(cluster.client.clone(), namespace)
        .create(&PostParams::default(), &binding)
        .await
        .unwrap();
    let client = cluster.impersonate(who, &["system:authenticated"]).unwrap();
    objects(&client, KIND, PLURAL, Some(namespace))
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn whoever_announces_signs_with_the_own_name_and_changes_it_no_more() {
    let cluster = Cluster::offered().await.unwrap();
    let namespace = cluster.fresh_namespace("intents").await.unwrap();
    let pipeline = intents_of(&cluster, &namespace, "ci", "anchorwatch-announce").await;
    let parameters = PostParams::default();
    let said = refusal(
        pipeline
            .create(&parameters, &object(KIND, "forged", &spec("alice")))
            .await,
    );
    assert!(said.contains("spec.by must be your own name, ci"), "{said}");
    let made = pipeline
        .create(&parameters, &object(KIND, "own", &spec("ci")))
        .await
        .unwrap();
    assert_eq!(made.data["spec"]["validFor"], "1h");

    let by_admin = objects(&cluster.client, KIND, PLURAL, Some(&namespace));
    for patch in [json!({"spec": {"by": "alice"}}), json!({"spec": {"validFor": "7d"}})] {
        let said = refusal(
            by_admin
                .patch("own", &PatchParams::default(), &Patch::Merge(&patch))
                .await,
        );
        assert!(said.contains("its spec can't be changed"), "{said}");
    }
    let said = refusal(pipeline.delete("own", &DeleteParams::default()).await);
    assert!(said.contains("cannot delete resource \"rolloutintents\""), "{said}");
    let viewer = intents_of(&cluster, &namespace, "viewer", "view").await;
    viewer.get("own").await.unwrap();
    let said = refusal(
        viewer
            .create(&parameters, &object(KIND, "viewed", &spec("viewer")))
            .await,
    );
    assert!(said.contains("cannot create resource \"rolloutintents\""), "{said}");
    cluster.delete_namespace(&namespace).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn an_intent_that_names_no_digest_or_no_workload_is_refused_with_the_field() {
    let cluster = Cluster::offered().await.unwrap();
    let intents = objects(&cluster.client, KIND, PLURAL, Some("default"));
    let with = |change: Value| {
        let mut changed = spec("x");
        changed
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        changed
    };
    for (wrong, expected) in [
        (with(json!({"containers": []})), "spec.containers"),
        (
            with(json!({"containers": [{"name": "agent", "digest": "agent:1"}]})),
            "spec.containers[0].digest",
        ),
        (with(json!({"workload": null})), "name either spec.workload"),
        (
            with(json!({"selector": {"matchLabels": {"app": "agent"}}})),
            "name either spec.workload",
        ),
        (with(json!({"expect": {}})), "list at least one behaviour"),
    ] {
        let said = refusal(
            intents
                .create(&PostParams::default(), &object(KIND, "wrong", &wrong))
                .await,
        );
        assert!(said.contains(expected), "{said}");
    }
}
