//! Which of several policies holds, as the operator says in their status.

use std::time::Duration;

use anchorwatch_e2e::{Cluster, wait::until};
use anyhow::ensure;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::support::{object, objects};

/// The longest that the operator may take to say it.
const CEILING: Duration = Duration::from_mins(1);

/// A pod that no scheduler places: its labels are all that matters.
fn pod(app: &str) -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "watched", "labels": {"app": app}},
        "spec": {"schedulerName": "none", "containers": [{"name": "app", "image": "none.invalid/none"}]}
    }))
    .unwrap()
}

/// Waits until a policy says for how many workloads it holds and which other one goes before it.
async fn says(policies: &Api<DynamicObject>, name: &str, workloads: u64, before: Option<&str>) {
    let probe = async || {
        let policy = policies.get(name).await?;
        let status = &policy.data["status"];
        let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
        let overridden = conditions.iter().find(|condition| condition["type"] == "Overridden");
        let said = overridden.map(|condition| (condition["status"].clone(), condition["message"].clone()));
        let right = match (before, &said) {
            (None, Some((status, _))) => status == "False",
            (Some(other), Some((status, Value::String(message)))) => {
                status == "True" && message.starts_with(&format!("the policy {other} goes before it for "))
            }
            _ => false,
        };
        ensure!(right && status["workloads"] == workloads, "{name} says {status}");
        Ok(())
    };
    until("a policy's status", CEILING, probe).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn the_policy_that_goes_before_holds_and_the_others_say_which_one_that_is() {
    let cluster = Cluster::offered().await.unwrap();
    let namespace = cluster.fresh_namespace("policies").await.unwrap();
    let near = objects(&cluster.client, "DriftPolicy", "driftpolicies", Some(&namespace));
    let far = objects(&cluster.client, "ClusterDriftPolicy", "clusterdriftpolicies", None);
    let spec = |priority| json!({"selector": {"matchLabels": {"app": namespace}}, "priority": priority});
    let new = PostParams::default();
    let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &namespace);
    pods.create(&new, &pod(&namespace)).await.unwrap();
    far.create(&new, &object("ClusterDriftPolicy", &namespace, &spec(5)))
        .await
        .unwrap();
    near.create(&new, &object("DriftPolicy", "a", &spec(0))).await.unwrap();
    near.create(&new, &object("DriftPolicy", "b", &spec(1))).await.unwrap();

    says(&far, &namespace, 1, None).await;
    says(&near, "a", 0, Some(&namespace)).await;
    says(&near, "b", 0, Some(&namespace)).await;

    // Of equal priority, the namespace's goes before the cluster's.
    let equal = Patch::Merge(json!({"spec": {"priority": 1}}));
    far.patch(&namespace, &PatchParams::default(), &equal).await.unwrap();
    let first = format!("{namespace}/b");
    says(&near, "b", 1, None).await;
    says(&near, "a", 0, Some(&first)).await;
    says(&far, &namespace, 0, Some(&first)).await;

    far.delete(&namespace, &DeleteParams::default()).await.unwrap();
    cluster.delete_namespace(&namespace).await.unwrap();
}
