//! Searches: nobody finds what he may not list.

use anchorwatch_e2e::Cluster;
use anchorwatch_e2e::sensor_tokens::absent_is_fine;
use anchorwatch_e2e::wait::until;
use anyhow::ensure;
use k8s_openapi::api::rbac::v1::{ClusterRoleBinding, RoleBinding};
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use std::time::Duration;

use super::support::{object, objects, refusal};

const KIND: &str = "BehaviorQuery";
const PLURAL: &str = "behaviorqueries";

fn query(name: &str, all_namespaces: bool) -> DynamicObject {
    object(
        KIND,
        name,
        &json!({"command": "bash -c id", "allNamespaces": all_namespaces}),
    )
}

/// Binds roles to a person in a namespace, and returns the queries as that person sees them, once the API server knows the
/// last of the roles, which has to be the one to search.
async fn person(cluster: &Cluster, namespace: &str, name: &str, roles: &[&str]) -> Api<DynamicObject> {
    for role in roles {
        let binding: RoleBinding = serde_json::from_value(json!({
            "metadata": {"name": format!("{name}-{role}")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
            "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": name}]
        }))
        .unwrap();
        Api::namespaced(cluster.client.clone(), namespace)
            .create(&PostParams::default(), &binding)
            .await
            .unwrap();
    }
    let client = cluster.impersonate(name, &["system:authenticated"]).unwrap();
    let queries = objects(&client, KIND, PLURAL, Some(namespace));
    until("the role to search", Duration::from_secs(30), async || {
        ensure!(queries.get_opt("nothing").await?.is_none());
        Ok(())
    })
    .await
    .unwrap();
    queries
}

async fn ask(queries: &Api<DynamicObject>, query: &DynamicObject) -> Result<DynamicObject, kube::Error> {
    queries.create(&PostParams::default(), query).await
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn who_may_not_list_baselines_may_not_search_them() {
    let cluster = Cluster::offered().await.unwrap();
    let namespace = cluster.fresh_namespace("queries").await.unwrap();
    let stranger = person(&cluster, &namespace, "e2e-stranger", &["anchorwatch-search"]).await;
    let said = refusal(ask(&stranger, &query("q1", false)).await);
    assert!(
        said.contains(&format!(
            "e2e-stranger may not list behaviorbaselines in namespace {namespace}"
        )),
        "{said}"
    );
    let member = person(
        &cluster,
        &namespace,
        "e2e-member",
        &["anchorwatch-view", "anchorwatch-search"],
    )
    .await;
    ask(&member, &query("q2", false)).await.unwrap();
    let said = refusal(ask(&member, &query("q3", true)).await);
    assert!(
        said.contains("e2e-member may not list behaviorbaselines in every namespace"),
        "{said}"
    );
    let said = refusal(member.list(&kube::api::ListParams::default()).await.map(drop));
    assert!(said.contains("cannot list resource \"behaviorqueries\""), "{said}");
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn who_may_list_all_baselines_searches_all_and_the_operator_answers() {
    const WARDEN: &str = "e2e-warden";
    let cluster = Cluster::offered().await.unwrap();
    let namespace = cluster.fresh_namespace("queries-all").await.unwrap();
    let bindings: Api<ClusterRoleBinding> = Api::all(cluster.client.clone());
    absent_is_fine(bindings.delete(WARDEN, &DeleteParams::default()).await).unwrap();
    let everywhere: ClusterRoleBinding = serde_json::from_value(json!({
        "metadata": {"name": WARDEN},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "anchorwatch-view"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": WARDEN}]
    }))
    .unwrap();
    bindings.create(&PostParams::default(), &everywhere).await.unwrap();
    let warden = person(&cluster, &namespace, WARDEN, &["anchorwatch-search"]).await;
    ask(&warden, &query("all", true)).await.unwrap();
    let status = until("the operator's answer", Duration::from_mins(1), async || {
        let status = warden.get("all").await?.data["status"].clone();
        ensure!(status["phase"] != Value::Null, "no phase yet");
        Ok(status)
    })
    .await
    .unwrap();
    assert_eq!(status["phase"], "Answered", "{status}");
    bindings.delete(WARDEN, &DeleteParams::default()).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_is_asked_can_not_be_changed_and_must_make_sense() {
    let cluster = Cluster::offered().await.unwrap();
    let namespace = cluster.fresh_namespace("queries-fixed").await.unwrap();
    let queries = objects(&cluster.client, KIND, PLURAL, Some(&namespace));
    ask(&queries, &query("fixed", false)).await.unwrap();
    let changed = Patch::Merge(json!({"spec": {"command": "bash -c other"}}));
    let said = refusal(queries.patch("fixed", &PatchParams::default(), &changed).await);
    assert!(said.contains("spec can't be changed: ask anew"), "{said}");
    for spec in [json!({"command": ""}), json!({"command": "x", "limit": 51}), json!({})] {
        let said = refusal(ask(&queries, &object(KIND, "nonsense", &spec)).await);
        assert!(said.contains("spec."), "{spec}: {said}");
    }
}
