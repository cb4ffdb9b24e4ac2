//! Decisions against an API server that others write to, too.

use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::*;
use crate::testkit::{HandMade, agent_pod, agent_policy, agent_replica_set, api_server, put, refusal};

const PUT: &str = "PUT /apis/anchorwatch.dev/v1alpha1/namespaces/shop/behaviorbaselines/deployment-agent/status";

fn shell() -> Value {
    json!({"origin": "entrypoint", "parent": "/bin/app", "executable": "/bin/sh", "source": "image"})
}

fn baseline(state: &str) -> Value {
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "BehaviorBaseline",
        "metadata": {"namespace": "shop", "name": "deployment-agent", "resourceVersion": "5"},
        "spec": {"workload": {"kind": "Deployment", "name": "agent"}},
        "status": {"state": "Enforcing", "quarantined": 1, "containers": [{"name": "main", "feeds": [{
            "feed": "process", "state": "Enforcing", "startedAt": "2025-12-01T00:00:00Z", "entries": [{
                "id": "0".repeat(32), "state": state, "rule": "process-outside-baseline", "count": 2, "pods": 1,
                "process": shell(), "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T00:00:09Z",
                "lastDay": 20_454, "days": 1,
            }],
        }]}]},
    })
}

fn id() -> String {
    let held = baseline_from_crd(serde_json::from_value(baseline("Quarantined")["status"].clone()).unwrap());
    let (_, id, _) = held.entries().next().unwrap();
    id.to_string()
}

fn alert(decision: &str, state: &str) -> Value {
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftAlert",
        "metadata": {"namespace": "shop", "name": "deployment-agent-1", "resourceVersion": "3"},
        "spec": {"dispositions": {id(): {"decision": decision, "reason": "r", "decidedBy": "alice"}}},
        "status": {"workload": {"kind": "Deployment", "name": "agent"}, "container": "main", "state": state, "findings": [{
            "id": id(), "rule": "process-outside-baseline", "feed": "process", "summary": "s", "severity": "Medium",
            "state": state, "count": 2, "pods": 1, "process": shell(),
            "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T00:00:09Z",
        }]},
    })
}

/// What is written to the baseline, if anything is.
async fn written(held: &Value, decided: Value, answer: u16) -> Option<Value> {
    let mut made = HandMade::new();
    put(&mut made.feeds.policies, agent_policy());
    made.world.tell_of_pod(Event::Apply(agent_pod("agent-5d-x")));
    made.world.tell_of_replica_set(Event::Apply(agent_replica_set()));
    put(&mut made.feeds.alerts, decided);
    let (client, calls) = api_server(move |call| match answer {
        200 => (200, call.body.clone()),
        code => refusal(code, "Conflict"),
    });
    let held = Arc::new(serde_json::from_value(held.clone()).unwrap());
    let action = reconcile(&made.context(client), held).await.unwrap();
    let written = (!calls.lines().is_empty()).then(|| calls.last(PUT));
    let expected = if written.is_some() {
        Action::await_change()
    } else {
        Action::requeue(LOOK_AGAIN)
    };
    assert_eq!(action, expected);
    written
}

fn entries(object: &Value) -> &Value {
    &object["status"]["containers"][0]["feeds"][0]["entries"]
}

#[tokio::test]
async fn what_is_accepted_goes_into_the_baseline_on_the_version_that_was_read_and_once() {
    let object = written(&baseline("Quarantined"), alert("Accept", "Open"), 200)
        .await
        .unwrap();
    assert_eq!(entries(&object)[0]["state"], "Accepted");
    assert_eq!(object["metadata"]["resourceVersion"], "5");
    assert_eq!(
        (&object["status"]["accepted"], &object["status"]["quarantined"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(written(&baseline("Accepted"), alert("Accept", "Open"), 200).await, None);
    assert_eq!(
        written(&baseline("Accepted"), alert("Accept", "Accepted"), 200).await,
        None
    );
}

#[tokio::test]
async fn what_is_dismissed_is_let_go_once_the_alert_says_what_that_covers() {
    assert_eq!(
        written(&baseline("Quarantined"), alert("Dismiss", "Open"), 200).await,
        None
    );
    let object = written(&baseline("Quarantined"), alert("Dismiss", "Dismissed"), 200)
        .await
        .unwrap();
    assert_eq!(entries(&object), &json!([]));
}

#[tokio::test]
async fn who_lost_to_another_writer_waits_for_what_that_one_wrote() {
    written(&baseline("Quarantined"), alert("Accept", "Open"), 409)
        .await
        .unwrap();
}
