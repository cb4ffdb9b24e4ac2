//! A baseline whose workload is gone, against an API server that says so or does not.

use std::sync::Arc;

use kube::runtime::{controller::Action, watcher::Event};
use serde_json::{Value, json};

use super::*;
use crate::{
    clock,
    controllers::ageing::reconcile,
    testkit::{Calls, HandMade, agent_pod, agent_policy, agent_replica_set, api_server, gone, put, refusal},
};

const DAY: i64 = 86_400;
const OBJECT: &str = "/apis/anchorwatch.dev/v1alpha1/namespaces/shop/behaviorbaselines/deployment-agent";

fn days_ago(days: i64) -> String {
    let now = clock::now().as_second();
    Timestamp::from_second(now - days * DAY).unwrap().to_string()
}

/// A baseline whose entry, in this state, was last seen 50 days ago.
fn baseline(kind: &str, api_version: &str, gone_since: Option<i64>, state: &str) -> Value {
    let seen = days_ago(50);
    let mut status = json!({
        "state": "Enforcing", "apiVersion": api_version, "podLabels": {"app": "agent"},
        "quarantined": i32::from(state == "Quarantined"),
        "containers": [{"name": "main", "feeds": [{
            "feed": "process", "state": "Enforcing", "startedAt": seen, "entries": [{
                "state": state, "rule": "process-outside-baseline", "count": 2, "pods": 1,
                "process": {"origin": "entrypoint", "parent": "/bin/app", "executable": "/bin/sh", "source": "image"},
                "firstSeen": seen, "lastSeen": seen, "lastDay": 20_454, "days": 1,
            }],
        }]}],
    });
    if let Some(days) = gone_since {
        status["goneSince"] = json!(days_ago(days));
    }
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "BehaviorBaseline",
        "metadata": {
            "namespace": "shop", "name": "deployment-agent", "uid": "b1", "resourceVersion": "5",
            "creationTimestamp": days_ago(60),
        },
        "spec": {"workload": {"kind": kind, "name": "agent"}},
        "status": status,
    })
}

/// Reconciles, where whoever asks for the workload gets this answer.
async fn looked(made: &HandMade, baseline: Value, answer: (u16, Value)) -> (Calls, Action) {
    let (client, calls) = api_server(move |call| match call.line.split_once(' ') {
        Some(("GET", _)) => answer.clone(),
        Some(("DELETE", _)) => (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success"})),
        _ => (200, call.body.clone()),
    });
    let baseline = Arc::new(serde_json::from_value(baseline).unwrap());
    let action = reconcile(&made.context(client), baseline).await.unwrap();
    (calls, action)
}

fn under_a_policy() -> HandMade {
    let mut made = HandMade::new();
    put(&mut made.feeds.policies, agent_policy());
    made
}

/// What was written of when the workload went; none where nothing was written.
fn noted(calls: &Calls) -> Option<Value> {
    let line = format!("PUT {OBJECT}/status");
    calls
        .lines()
        .contains(&line)
        .then(|| calls.last(&line)["status"]["goneSince"].clone())
}

fn is_deleted(calls: &Calls) -> bool {
    calls.lines().contains(&format!("DELETE {OBJECT}"))
}

#[tokio::test]
async fn a_workload_that_is_gone_is_noted_looked_for_every_hour_and_its_baseline_deleted_after_the_window() {
    let made = under_a_policy();
    let (calls, action) = looked(&made, baseline("Deployment", "apps/v1", None, "Learned"), gone("agent")).await;
    let since: Timestamp = noted(&calls).unwrap().as_str().unwrap().parse().unwrap();
    assert!(clock::now().duration_since(since).as_secs() < 60);
    assert_eq!(action, Action::requeue(LOOK_AGAIN));
    assert!(!is_deleted(&calls));

    let (calls, _) = looked(
        &made,
        baseline("Deployment", "apps/v1", Some(6), "Learned"),
        gone("agent"),
    )
    .await;
    assert!(!is_deleted(&calls));
    let (calls, action) = looked(
        &made,
        baseline("Deployment", "apps/v1", Some(7), "Learned"),
        gone("agent"),
    )
    .await;
    assert!(is_deleted(&calls));
    let conditions = calls.last(&format!("DELETE {OBJECT}"))["preconditions"].clone();
    assert_eq!(conditions, json!({"uid": "b1", "resourceVersion": "5"}));
    assert_eq!(action, Action::await_change());
}

#[tokio::test]
async fn what_nobody_decided_about_keeps_it_for_as_long_as_a_closed_alert_is_kept() {
    let made = under_a_policy();
    for (days, goes) in [(7, false), (29, false), (30, true)] {
        let raised = baseline("Deployment", "apps/v1", Some(days), "Quarantined");
        let (calls, _) = looked(&made, raised, gone("agent")).await;
        assert_eq!(is_deleted(&calls), goes, "after {days} days");
    }
}

#[tokio::test]
async fn a_workload_that_was_made_again_goes_on_with_its_baseline() {
    let made = under_a_policy();
    let there = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "agent", "uid": "another"}});
    let (calls, _) = looked(
        &made,
        baseline("Deployment", "apps/v1", Some(90), "Learned"),
        (200, there),
    )
    .await;
    assert_eq!((noted(&calls), is_deleted(&calls)), (Some(Value::Null), false));

    made.world.tell_of_replica_set(Event::Apply(agent_replica_set()));
    made.world.tell_of_pod(Event::Apply(agent_pod("agent-5d-x")));
    let (calls, _) = looked(&made, baseline("Deployment", "", Some(90), "Learned"), gone("agent")).await;
    assert_eq!(
        (noted(&calls), is_deleted(&calls)),
        (Some(Value::Null), false),
        "a pod of it runs"
    );
    assert_eq!(
        calls.last(&format!("PUT {OBJECT}/status"))["status"]["apiVersion"],
        "apps/v1"
    );
}

#[tokio::test]
async fn where_nobody_says_whether_it_is_there_nothing_is_lost() {
    let made = under_a_policy();
    let rollout = |api_version: &str| baseline("Rollout", api_version, Some(90), "Learned");
    for (object, answer) in [
        (rollout("argoproj.io/v1alpha1"), refusal(403, "Forbidden")),
        (rollout("argoproj.io/v1alpha1"), refusal(500, "InternalError")),
        (rollout("argoproj.io/v1alpha1"), (404, json!("404 page not found\n"))),
        (rollout(""), gone("agent")),
        (
            baseline("Job", "batch.volcano.sh/v1alpha1", Some(90), "Learned"),
            gone("agent"),
        ),
        (baseline("ConfigMap", "v1", Some(90), "Learned"), gone("agent")),
    ] {
        let (told, since) = (answer.clone(), object["status"]["goneSince"].clone());
        let (calls, action) = looked(&made, object, answer).await;
        assert_eq!(noted(&calls).unwrap_or(since.clone()), since, "{told:?}");
        assert!(!is_deleted(&calls), "{told:?}");
        assert_eq!(action, Action::requeue(LOOK_AGAIN));
    }
}

#[tokio::test]
async fn bare_pods_jobs_and_nodes_are_gone_as_any_other_workload_is() {
    let made = under_a_policy();
    for (kind, api_version) in [("Pod", "v1"), ("Job", "batch/v1"), ("Node", "")] {
        for (days, goes) in [(6, false), (7, true)] {
            let (calls, _) = looked(&made, baseline(kind, api_version, Some(days), "Learned"), gone("agent")).await;
            assert_eq!(is_deleted(&calls), goes, "{kind} after {days} days");
        }
    }
}

#[tokio::test]
async fn without_a_policy_that_holds_it_is_kept_for_as_long_as_any_wants_and_does_not_age() {
    let mut made = HandMade::new();
    let learned = |days| baseline("Deployment", "apps/v1", Some(days), "Learned");
    for (days, goes) in [(6, false), (7, true)] {
        let (calls, _) = looked(&made, learned(days), gone("agent")).await;
        assert_eq!(is_deleted(&calls), goes, "after {days} days, by default");
    }
    let mut another = agent_policy();
    another["spec"]["selector"]["matchLabels"]["app"] = json!("another");
    another["spec"]["baseline"] = json!({"window": "20d"});
    put(&mut made.feeds.policies, another);
    for (days, goes) in [(19, false), (20, true)] {
        let (calls, _) = looked(&made, learned(days), gone("agent")).await;
        assert_eq!((is_deleted(&calls), noted(&calls)), (goes, None), "after {days} days");
    }
}

#[tokio::test]
async fn what_is_merged_into_it_meanwhile_goes_before_its_end() {
    let made = under_a_policy();
    let (client, calls) = api_server(|call| match call.line.split_once(' ') {
        Some(("GET", _)) => gone("agent"),
        _ => refusal(409, "Conflict"),
    });
    let object = baseline("Deployment", "apps/v1", Some(8), "Learned");
    let baseline = Arc::new(serde_json::from_value(object).unwrap());
    reconcile(&made.context(client), baseline).await.unwrap();
    assert!(is_deleted(&calls), "it was tried");
}
