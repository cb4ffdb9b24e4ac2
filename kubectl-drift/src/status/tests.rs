//! What is wrong is said and told by the exit code; what is only worth knowing is said.

use serde_json::{Value, json};

use super::*;
use crate::testkit::{baseline, condition, list, serving, with};

const NOW: &str = "2026-01-02T00:00:00Z";

fn report(sent: &str, acknowledged: i64, hooks: &Value) -> Value {
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "SensorReport", "metadata": {"name": "node1"},
        "spec": {"nodeUid": "u", "epoch": "e", "seq": 7, "sentAt": sent, "hooks": hooks},
        "status": {"acknowledged": {"epoch": "e", "seq": acknowledged}},
    })
}

fn hook(name: &str, feed: &str, state: &str) -> Value {
    json!({"name": name, "feed": feed, "state": state, "reason": "because"})
}

fn all_attached() -> Value {
    json!([
        hook("exec", "process", "attached"),
        hook("connect4", "network", "attached"),
        hook("mmap", "module", "fallback")
    ])
}

fn policy(name: &str, label: &str, accepted: &str) -> Value {
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftPolicy",
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"selector": {"matchLabels": {"app": label}}},
        "status": {"conditions": [condition("Accepted", accepted, "it makes no sense")]},
    })
}

/// A cluster of one node with these reports and policies, whose workload is `Deployment/agent`.
async fn health(reports: &[Value], policies: &[Value], renewed: &str) -> Health {
    let node = json!({
        "metadata": {"name": "node1"}, "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    });
    let lease = json!({
        "metadata": {"name": "anchorwatch-operator"}, "spec": {"holderIdentity": "operator-1", "renewTime": renewed},
    });
    let client = serving([
        ("/apis/anchorwatch.dev/v1alpha1/sensorreports", list(reports)),
        (
            "/apis/anchorwatch.dev/v1alpha1/behaviorbaselines",
            list(&[baseline("Deployment", "agent", &[])]),
        ),
        ("/apis/anchorwatch.dev/v1alpha1/driftpolicies", list(policies)),
        ("/apis/anchorwatch.dev/v1alpha1/behaviorapprovals", list(&[])),
        ("/apis/anchorwatch.dev/v1alpha1/clusterdriftpolicies", list(&[])),
        ("/api/v1/nodes", list(&[node])),
        (
            "/apis/coordination.k8s.io/v1/namespaces/anchorwatch-system/leases/anchorwatch-operator",
            with(json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}), lease),
        ),
    ]);
    let facts = fetch::facts(&client, "anchorwatch-system", "anchorwatch-operator")
        .await
        .unwrap();
    assess(&facts, NOW.parse().unwrap())
}

const FRESH: &str = "2026-01-01T23:59:50Z";
const RENEWED: &str = "2026-01-01T23:59:55.000000Z";

#[tokio::test]
async fn a_cluster_in_which_all_works_is_healthy_and_says_what_is_worth_knowing() {
    let policies = [policy("agents", "agent", "True"), policy("nobody", "nobody", "True")];
    let health = health(&[report(FRESH, 7, &all_attached())], &policies, RENEWED).await;
    assert!(health.healthy, "{:?}", health.wrong);
    assert_eq!(health.notes, ["the policy shop/nobody holds for no workload"]);
    let text = render::text(&health, true);
    for line in [
        "Anchorwatch is well.\n",
        "operator   operator-1\n",
        "workloads  1 enforcing, 0 learning, 0 provisional\n",
        "losses     shop/Deployment/agent\n",
        "node1   10s ago       0s       attached   attached   fallback   -      0\n",
        "node1   mmap       module    fallback   because\n",
        "shop/agents   Observe   1           yes\n",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
}

#[tokio::test]
async fn each_fault_is_named() {
    let cases = [
        (vec![], RENEWED, "node node1 is ready and has no sensor"),
        (
            vec![report("2026-01-01T23:50:00Z", 6, &all_attached())],
            RENEWED,
            "the report of node node1 waits for 600 s",
        ),
        (
            vec![report("2026-01-01T20:00:00Z", 7, &all_attached())],
            RENEWED,
            "the sensor of node node1 has been silent for 240 minutes",
        ),
        (
            vec![report(FRESH, 7, &json!([hook("exec", "process", "failed")]))],
            RENEWED,
            "on node node1 the hook exec failed: because",
        ),
        (
            vec![report(FRESH, 7, &json!([hook("exec", "process", "attached")]))],
            RENEWED,
            "on node node1 the network feed is not watched",
        ),
        (
            vec![report(FRESH, 7, &all_attached())],
            "2026-01-01T23:00:00.000000Z",
            "the operator operator-1 has not renewed its lease",
        ),
    ];
    for (reports, renewed, expected) in cases {
        let health = health(&reports, &[policy("agents", "agent", "True")], renewed).await;
        let named = health.wrong.iter().any(|wrong| wrong.starts_with(expected));
        assert!(named && !health.healthy, "{expected}: {:?}", health.wrong);
    }
}

#[tokio::test]
async fn a_hook_that_the_kernel_refuses_is_a_note_while_another_sees_the_feed() {
    let policies = [policy("agents", "agent", "True")];
    let refused = hook("module_load", "module", "unsupported");
    let mut hooks = all_attached();
    hooks.as_array_mut().unwrap().push(refused.clone());
    let beside = health(&[report(FRESH, 7, &hooks)], &policies, RENEWED).await;
    assert!(beside.healthy, "{:?}", beside.wrong);
    assert_eq!(
        beside.notes,
        ["on node node1 the kernel does not have or forbids the hook module_load: because"]
    );
    let alone = json!([
        hook("exec", "process", "attached"),
        hook("bind", "network", "attached"),
        refused
    ]);
    let alone = health(&[report(FRESH, 7, &alone)], &policies, RENEWED).await;
    assert_eq!(
        alone.wrong,
        ["on node node1 the module feed is not watched: nothing is seen of it"]
    );
}

#[tokio::test]
async fn a_policy_that_makes_no_sense_is_wrong_and_holds_for_nobody() {
    let health = health(
        &[report(FRESH, 7, &all_attached())],
        &[policy("agents", "agent", "False")],
        RENEWED,
    )
    .await;
    assert_eq!(health.wrong, ["the policy shop/agents: it makes no sense"]);
    assert_eq!(health.without_policy, ["shop/Deployment/agent"]);
    let text = render::text(&health, false);
    assert!(
        text.starts_with("Anchorwatch is not well:\n  ! the policy shop/agents"),
        "{text}"
    );
    assert!(text.contains("no policy  shop/Deployment/agent\n"), "{text}");
}

#[tokio::test]
async fn who_may_not_read_reports_is_told_what_it_takes() {
    let client = serving([("/apis/anchorwatch.dev/v1alpha1/sensorreports!", json!({}))]);
    let said = fetch::facts(&client, "anchorwatch-system", "anchorwatch-operator")
        .await
        .unwrap_err();
    assert!(
        said.to_string().contains("that takes a cluster administrator"),
        "{said}"
    );
}
