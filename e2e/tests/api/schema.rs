//! Bad input of people is refused with the field's path and what was expected.

use anchorwatch_e2e::Cluster;
use serde_json::{Value, json};

use super::support::{object, refusal, try_strictly};

async fn refused(kind: &str, plural: &str, spec: Value) -> String {
    let cluster = Cluster::offered().await.unwrap();
    let path = format!("namespaces/default/{plural}");
    refusal(try_strictly(&cluster.client, &path, &object(kind, "bad", &spec)).await)
}

async fn policy_refused(spec: Value) -> String {
    refused("DriftPolicy", "driftpolicies", spec).await
}

fn selector() -> Value {
    json!({"matchLabels": {"app": "a"}})
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn an_unknown_field_of_a_policy_is_refused_with_its_path() {
    let said = policy_refused(json!({"selector": selector(), "baseline": {"windw": "7d"}})).await;
    assert!(said.contains("unknown field \"spec.baseline.windw\""), "{said}");
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_wrong_duration_is_refused_with_its_path_and_what_was_expected() {
    let said = policy_refused(json!({"selector": selector(), "baseline": {"maturity": {"minimum": "1 minute"}}})).await;
    assert!(
        said.contains("spec.baseline.maturity.minimum") && said.contains("(s|m|h|d)"),
        "{said}"
    );
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_window_is_in_whole_days() {
    let said = policy_refused(json!({"selector": selector(), "baseline": {"window": "36h"}})).await;
    assert!(said.contains("spec.baseline.window"), "{said}");
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_retention_of_evidence_that_is_shorter_than_the_window_is_refused_with_the_reason() {
    let spec = |retention: &str| json!({"selector": selector(), "baseline": {"window": "14d"}, "rollout": {"retention": retention}});
    let said = policy_refused(spec("13d")).await;
    assert!(
        said.contains("spec.rollout.retention must be at least spec.baseline.window"),
        "{said}"
    );
    let cluster = Cluster::offered().await.unwrap();
    let policy = object("DriftPolicy", "kept", &spec("14d"));
    let path = "namespaces/default/driftpolicies";
    try_strictly(&cluster.client, path, &policy).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn an_unknown_mode_is_refused_with_the_known_ones() {
    let said = policy_refused(json!({"selector": selector(), "mode": "Enforce"})).await;
    assert!(
        said.contains("spec.mode") && said.contains("\"Observe\", \"Alert\""),
        "{said}"
    );
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn an_empty_selector_is_refused_with_its_path_and_what_was_expected() {
    for selector in [json!({}), json!({"matchLabels": {}}), json!({"matchExpressions": []})] {
        let said = policy_refused(json!({"selector": selector})).await;
        assert!(
            said.contains("spec") && said.contains("spec.selector must not be empty"),
            "{said}"
        );
    }
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_policy_without_a_selector_is_refused() {
    let said = policy_refused(json!({"mode": "Alert"})).await;
    assert!(said.contains("spec.selector: Required value"), "{said}");
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn the_empty_selector_of_a_cluster_policy_matches_everything_and_is_taken() {
    let cluster = Cluster::offered().await.unwrap();
    let policy = object("ClusterDriftPolicy", "e2e-all", &json!({"selector": {}}));
    let made = try_strictly(&cluster.client, "clusterdriftpolicies", &policy).await;
    assert_eq!(made.unwrap().data["spec"]["mode"], "Observe");
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn an_approval_that_says_nothing_is_refused() {
    let workload = json!({"kind": "Deployment", "name": "a"});
    for (spec, field, expected) in [
        (
            json!({"workload": workload}),
            "spec",
            "say something: list behaviour under spec.approve",
        ),
        (json!({"freeze": true}), "spec", "name either spec.workload"),
        (
            json!({"workload": workload, "selector": {"matchLabels": {"a": "b"}}, "freeze": true}),
            "spec",
            "and not both",
        ),
        (
            json!({"selector": {}, "freeze": true}),
            "spec",
            "spec.selector must not be empty",
        ),
        (
            json!({"workload": workload, "inheritFrom": workload}),
            "spec",
            "must name another workload",
        ),
        (
            json!({"workload": workload, "approve": {}}),
            "spec.approve",
            "list at least one behaviour",
        ),
        (
            json!({"workload": workload, "approve": {"modules": [{"path": "/x.so"}]}}),
            "spec",
            "spec.approve.modules: each needs sha256",
        ),
        (
            json!({"workload": workload, "deny": {"destinations": [{"name": "a.org", "group": "g"}]}}),
            "spec.deny.destinations[0]",
            "a destination is one of",
        ),
        (
            json!({"workload": workload, "deny": {"destinations": [{"network": "192.0.2.0"}]}}),
            "spec.deny.destinations[0].network",
            "must be a CIDR such as 192.0.2.0/24",
        ),
        (
            json!({"workload": workload, "approve": {"processes": [{"executable": "bash"}]}}),
            "spec.approve.processes[0].executable",
            "should match",
        ),
    ] {
        let said = refused("BehaviorApproval", "behaviorapprovals", spec).await;
        assert!(said.contains(field) && said.contains(expected), "{said}");
    }
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn an_approval_of_every_feed_is_taken() {
    let cluster = Cluster::offered().await.unwrap();
    let spec = json!({
        "workload": {"kind": "Deployment", "name": "a"},
        "approve": {
            "processes": [{"executable": "/usr/bin/bash", "parent": "/usr/bin/python3", "container": "app"}],
            "destinations": [{"name": "*.example.org", "port": 443, "protocol": "tcp"}, {"service": "shop/cart"}],
            "listeners": [{"port": 8080}],
            "modules": [{"kind": "library", "sha256": "a".repeat(64)}],
        },
        "deny": {"destinations": [{"network": "203.0.113.0/24"}], "modules": [{"path": "/data/x.so"}]},
    });
    let approval = object("BehaviorApproval", "e2e-all-feeds", &spec);
    let made = try_strictly(&cluster.client, "namespaces/default/behaviorapprovals", &approval).await;
    assert_eq!(made.unwrap().data["spec"]["approve"], spec["approve"]);
}
