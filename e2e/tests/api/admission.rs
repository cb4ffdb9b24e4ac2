//! Who may write what: sensors with the real tokens of two nodes, and people who decide.

use anchorwatch_e2e::Cluster;
use anchorwatch_e2e::install::{Component, Install};
use anchorwatch_e2e::sensor_tokens::{EPOCH, SecondNode, Sensor, absent_is_fine, apply, reports, token};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, RoleBinding};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::support::{object, objects, refusal};

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_sensors_token_writes_the_report_of_its_own_node_alone() {
    let cluster = Cluster::offered().await.unwrap();
    let second = SecondNode::make(&cluster, "e2e-second-node").await.unwrap();
    let other = second.sensor().await.unwrap();
    let pods = Install::of(&cluster).pods(Component::Sensor).await.unwrap();
    let first = Sensor::of_pod(&cluster, pods.first().expect("a sensor runs"))
        .await
        .unwrap();
    assert_ne!(first.node, other.node);
    for (own, foreign) in [(&first, &other), (&other, &first)] {
        own.would_write(&own.node, &own.node_uid).await.unwrap();
        let said = refusal(own.would_write(&foreign.node, &foreign.node_uid).await);
        assert!(
            said.contains(&format!("metadata.name is {}; expected {}", foreign.node, own.node)),
            "{said}"
        );
        let said = refusal(own.would_write(&own.node, &foreign.node_uid).await);
        assert!(
            said.contains(&format!(
                "expected {}, the node that the token is bound to",
                own.node_uid
            )),
            "{said}"
        );
        let said = refusal(reports(&own.client).get(&foreign.node).await);
        assert!(said.contains("cannot get resource \"sensorreports\""), "{said}");
    }
    second.remove().await.unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_sensors_token_that_names_no_node_writes_nothing() {
    let cluster = Cluster::offered().await.unwrap();
    let client = token(&cluster, None).await.unwrap();
    let said = refusal(
        apply(
            &client,
            "anywhere",
            json!({"nodeUid": "u", "epoch": EPOCH, "seq": 1}),
            true,
        )
        .await,
    );
    assert!(said.contains("the token names no node"), "{said}");
}

/// Somebody whom a careless role lets write everything of ours.
const MALLORY: &str = "e2e-mallory";

async fn careless_role(cluster: &Cluster) {
    forget_careless_role(cluster).await;
    let role: ClusterRole = serde_json::from_value(json!({
        "metadata": {"name": MALLORY},
        "rules": [{"apiGroups": ["anchorwatch.dev"], "resources": ["*"], "verbs": ["*"]}]
    }))
    .unwrap();
    Api::all(cluster.client.clone())
        .create(&PostParams::default(), &role)
        .await
        .unwrap();
    let binding: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": MALLORY},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": MALLORY},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": MALLORY}]
    }))
    .unwrap();
    Api::all(cluster.client.clone())
        .create(&PostParams::default(), &binding)
        .await
        .unwrap();
}

async fn forget_careless_role(cluster: &Cluster) {
    let parameters = DeleteParams::default();
    let roles: Api<ClusterRole> = Api::all(cluster.client.clone());
    absent_is_fine(roles.delete(MALLORY, &parameters).await).unwrap();
    let bindings: Api<ClusterRoleBinding> = Api::all(cluster.client.clone());
    absent_is_fine(bindings.delete(MALLORY, &parameters).await).unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_careless_role_lets_nobody_forge_reports_or_acknowledgements() {
    let cluster = Cluster::offered().await.unwrap();
    let second = SecondNode::make(&cluster, "e2e-forged-node").await.unwrap();
    let sensor = second.sensor().await.unwrap();
    sensor.write(json!([])).await.unwrap();
    careless_role(&cluster).await;
    let mallory = cluster.impersonate(MALLORY, &["system:authenticated"]).unwrap();
    let spec = json!({"nodeUid": sensor.node_uid, "epoch": EPOCH, "seq": 1, "containers": []});
    let said = refusal(apply(&mallory, &sensor.node, spec, true).await);
    assert!(
        said.contains("only sensors write SensorReports, not e2e-mallory"),
        "{said}"
    );
    let status = json!({"status": {"acknowledged": {"epoch": "e", "seq": 9}}});
    let parameters = PatchParams {
        dry_run: true,
        ..PatchParams::default()
    };
    let forged = reports(&mallory)
        .patch_status(&sensor.node, &parameters, &Patch::Merge(&status))
        .await;
    let said = refusal(forged);
    assert!(
        said.contains("only the operator acknowledges SensorReports, not e2e-mallory"),
        "{said}"
    );
    forget_careless_role(&cluster).await;
    second.remove().await.unwrap();
}

async fn person(cluster: &Cluster, namespace: &str, name: &str) -> Api<DynamicObject> {
    let binding: RoleBinding = serde_json::from_value(json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "anchorwatch-edit"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]
    }))
    .unwrap();
    Api::namespaced(cluster.client.clone(), namespace)
        .create(&PostParams::default(), &binding)
        .await
        .unwrap();
    let client = cluster.impersonate(name, &["system:authenticated"]).unwrap();
    objects(&client, "DriftAlert", "driftalerts", Some(namespace))
}

fn decision(finding: &str, by: &str) -> Patch<Value> {
    let disposition = json!({"decision": "Dismiss", "reason": "known", "decidedBy": by});
    Patch::Merge(json!({"spec": {"dispositions": {finding: disposition}}}))
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn whoever_decides_about_a_finding_signs_with_the_own_name_and_alone_takes_it_back() {
    let cluster = Cluster::offered().await.unwrap();
    let namespace = cluster.fresh_namespace("decided-by").await.unwrap();
    let alerts = objects(&cluster.client, "DriftAlert", "driftalerts", Some(&namespace));
    alerts
        .create(&PostParams::default(), &object("DriftAlert", "an-alert", &json!({})))
        .await
        .unwrap();
    let alice = person(&cluster, &namespace, "alice").await;
    let bob = person(&cluster, &namespace, "bob").await;
    let parameters = PatchParams::default();

    let said = refusal(alice.patch("an-alert", &parameters, &decision("f1", "bob")).await);
    assert!(said.contains("must be your own name, alice"), "{said}");
    alice
        .patch("an-alert", &parameters, &decision("f1", "alice"))
        .await
        .unwrap();
    let said = refusal(bob.patch("an-alert", &parameters, &decision("f1", "alice-2")).await);
    assert!(said.contains("must be your own name, bob"), "{said}");
    let forgotten = Patch::Merge(json!({"spec": {"dispositions": {"f1": null}}}));
    let said = refusal(bob.patch("an-alert", &parameters, &forgotten).await);
    assert!(said.contains("only who decided may take a decision back"), "{said}");
    // What alice decided stays hers when bob decides about something else.
    bob.patch("an-alert", &parameters, &decision("f2", "bob"))
        .await
        .unwrap();
    let kept = alerts.get("an-alert").await.unwrap();
    let by = |finding: &str| kept.data["spec"]["dispositions"][finding]["decidedBy"].clone();
    assert_eq!((by("f1"), by("f2")), (json!("alice"), json!("bob")));
    alice.patch("an-alert", &parameters, &forgotten).await.unwrap();
    cluster.delete_namespace(&namespace).await.unwrap();
}
