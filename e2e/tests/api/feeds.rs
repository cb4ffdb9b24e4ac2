//! What policies say of the network and of modules: bad input is refused with the field's path and what to write instead,
//! and a ConfigMap that can't be read is told of in a condition.

use std::time::Duration;

use anchorwatch_crds::v1alpha1::DriftPolicy;
use anchorwatch_e2e::Cluster;
use anchorwatch_e2e::install::Install;
use anchorwatch_e2e::wait::until;
use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::{Value, json};

use super::support::{object, refusal, try_strictly};

async fn refused(feeds: Value) -> String {
    let cluster = Cluster::offered().await.unwrap();
    let spec = json!({"selector": {"matchLabels": {"app": "a"}}, "feeds": feeds});
    let policy = object("DriftPolicy", "bad", &spec);
    refusal(try_strictly(&cluster.client, "namespaces/default/driftpolicies", &policy).await)
}

fn says(said: &str, field: &str, expected: &str) {
    assert!(said.contains(field) && said.contains(expected), "{said}");
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_policy_for_every_feed_is_taken_with_its_defaults() {
    let cluster = Cluster::offered().await.unwrap();
    let spec = json!({
        "selector": {"matchLabels": {"app": "a"}},
        "feeds": {
            "network": {
                "deny": {"names": ["*.example.org"], "networks": ["192.0.2.0/24", "2001:db8::/32"], "groups": ["cloud"]},
                "destinationGroups": [
                    {"name": "cloud", "networks": ["203.0.113.0/24"]},
                    {"name": "more", "configMap": {"name": "ranges", "key": "ip-ranges.json"}}
                ]
            },
            "module": {"deny": ["/tmp/x.so"], "approvedHashes": {"sha256": ["a".repeat(64)]}}
        }
    });
    let policy = object("DriftPolicy", "good", &spec);
    let made = try_strictly(&cluster.client, "namespaces/default/driftpolicies", &policy)
        .await
        .unwrap();
    let feeds = &made.data["spec"]["feeds"];
    assert_eq!(feeds["network"]["spike"], json!({"factor": 3, "minimum": 5}));
    assert_eq!(feeds["module"]["enabled"], true);
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_is_no_network_is_refused_with_its_path_and_an_example() {
    let said = refused(json!({"network": {"deny": {"networks": ["example.org"]}}})).await;
    says(&said, "spec.feeds.network.deny.networks", "a CIDR such as 192.0.2.0/24");
    let group = json!({"name": "cloud", "networks": ["300.0.0.0/8"]});
    let said = refused(json!({"network": {"destinationGroups": [group]}})).await;
    says(
        &said,
        "spec.feeds.network.destinationGroups[0].networks",
        "a CIDR such as 192.0.2.0/24",
    );
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_group_needs_networks_and_a_denied_group_needs_to_be_there() {
    let said = refused(json!({"network": {"destinationGroups": [{"name": "cloud"}]}})).await;
    says(
        &said,
        "spec.feeds.network.destinationGroups[0]",
        "a group needs networks or a configMap",
    );
    let said = refused(json!({"network": {"deny": {"groups": ["cloud"]}}})).await;
    says(
        &said,
        "spec.feeds.network",
        "deny.groups must name groups under destinationGroups",
    );
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_name_in_capitals_and_a_hash_that_is_none_are_refused_with_their_path() {
    let said = refused(json!({"network": {"deny": {"names": ["Example.org"]}}})).await;
    says(&said, "spec.feeds.network.deny.names[0]", "should match");
    let said = refused(json!({"module": {"approvedHashes": {"sha256": ["x".repeat(64)]}}})).await;
    says(&said, "spec.feeds.module.approvedHashes.sha256[0]", "should match");
    let said = refused(json!({"module": {"approvedHashes": {}}})).await;
    says(
        &said,
        "spec.feeds.module.approvedHashes",
        "approvedHashes needs sha256 or a configMap",
    );
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_spike_without_a_factor_is_refused_with_the_least() {
    let said = refused(json!({"network": {"spike": {"factor": 0}}})).await;
    says(&said, "spec.feeds.network.spike.factor", "greater than or equal to 1");
}

/// What the operator says of the policy's references.
async fn references(policies: &Api<DriftPolicy>, name: &str) -> anyhow::Result<(String, String)> {
    let status = policies.get(name).await?.status.context("it has no status yet")?;
    let mut conditions = status.conditions.into_iter();
    let found = conditions.find(|condition| condition.type_ == "ReferencesResolved");
    let found = found.context("nothing is said of references yet")?;
    Ok((found.status, found.message))
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_config_map_that_the_operator_must_not_read_is_told_with_the_remedy() {
    let client = Cluster::offered().await.unwrap().client;
    let policies: Api<DriftPolicy> = Api::namespaced(client, "default");
    let policy = serde_json::from_value(json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftPolicy", "metadata": {"name": "e2e-references"},
        "spec": {
            "selector": {"matchLabels": {"app": "e2e-nobody"}},
            "feeds": {"network": {"destinationGroups": [
                {"name": "cloud", "configMap": {"name": "e2e-ranges", "key": "ranges"}}
            ]}}
        }
    }));
    policies.create(&PostParams::default(), &policy.unwrap()).await.unwrap();
    let told = until("the condition", Duration::from_secs(30), async || {
        let (status, message) = references(&policies, "e2e-references").await?;
        ensure!(
            status == "False" && message.contains("operator.configMapNamespaces"),
            "{status}: {message}"
        );
        ensure!(
            message.contains("spec.feeds.network.destinationGroups[0].configMap"),
            "{message}"
        );
        Ok(())
    })
    .await;
    policies
        .delete("e2e-references", &DeleteParams::default())
        .await
        .unwrap();
    told.unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_config_map_of_the_operators_namespace_is_read_for_a_policy_of_the_cluster_and_followed() {
    let cluster = Cluster::offered().await.unwrap();
    let namespace = Install::of(&cluster).namespace;
    let client = cluster.client;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    let policies: Api<anchorwatch_crds::v1alpha1::ClusterDriftPolicy> = Api::all(client);
    let policy = serde_json::from_value(json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "ClusterDriftPolicy", "metadata": {"name": "e2e-references"},
        "spec": {
            "selector": {"matchLabels": {"app": "e2e-nobody"}},
            "feeds": {"module": {"approvedHashes": {"configMap": {"name": "e2e-hashes", "key": "sums"}}}}
        }
    }));
    policies.create(&PostParams::default(), &policy.unwrap()).await.unwrap();
    let said = async |status: &str, part: &str| {
        until("the condition", Duration::from_secs(30), async || {
            let found = policies
                .get("e2e-references")
                .await?
                .status
                .context("it has no status yet")?;
            let mut conditions = found.conditions.into_iter();
            let found = conditions.find(|condition| condition.type_ == "ReferencesResolved");
            let found = found.context("nothing is said of references yet")?;
            ensure!(
                found.status == status && found.message.contains(part),
                "{}: {}",
                found.status,
                found.message
            );
            Ok(())
        })
        .await
    };
    let missing = said("False", "there is none").await;
    let map = serde_json::from_value(json!({
        "metadata": {"name": "e2e-hashes"}, "data": {"sums": format!("{}  /usr/lib/x.so", "a".repeat(64))}
    }));
    let made = maps.create(&PostParams::default(), &map.unwrap()).await;
    let found = said("True", "can be read").await;
    policies
        .delete("e2e-references", &DeleteParams::default())
        .await
        .unwrap();
    maps.delete("e2e-hashes", &DeleteParams::default()).await.unwrap();
    made.unwrap();
    missing.unwrap();
    found.unwrap();
}
