//! Alerts against an API server that has some of them already.

mod failing;

use std::{collections::BTreeMap, sync::Mutex};

use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::*;
use crate::testkit::{
    Calls, HandMade, agent_pod, agent_policy, agent_replica_set, api_server, put, refusal, versioned,
};

const POST: &str = "POST /apis/anchorwatch.dev/v1alpha1/namespaces/shop/driftalerts";

fn baseline(executables: &[&str]) -> Value {
    let entries: Vec<_> = executables
        .iter()
        .map(|executable| {
            json!({
                "id": "0".repeat(32), "state": "Quarantined", "rule": "process-outside-baseline", "count": 2, "pods": 1,
                "process": {"origin": "entrypoint", "parent": "/bin/app", "executable": executable, "source": "image"},
                "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T00:00:09Z", "lastDay": 20_454, "days": 1,
            })
        })
        .collect();
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "BehaviorBaseline",
        "metadata": {"namespace": "shop", "name": "deployment-agent", "resourceVersion": "5"},
        "spec": {"workload": {"kind": "Deployment", "name": "agent"}},
        "status": {"state": "Enforcing", "quarantined": entries.len(), "containers": [{"name": "main", "feeds": [{
            "feed": "process", "state": "Enforcing", "startedAt": "2025-12-01T00:00:00Z", "entries": entries,
        }]}]},
    })
}

fn world() -> HandMade {
    let mut made = HandMade::new();
    put(&mut made.feeds.policies, agent_policy());
    made.world.tell_of_pod(Event::Apply(agent_pod("agent-5d-x")));
    made.world.tell_of_replica_set(Event::Apply(agent_replica_set()));
    made
}

/// An API server that keeps alerts, by name.
fn keeper() -> (kube::Client, Calls) {
    let held = Mutex::new(BTreeMap::<String, Value>::new());
    api_server(move |call| {
        let mut held = held.lock().unwrap();
        let name = |path: &str| {
            path.trim_end_matches("/status")
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned()
        };
        if call.line.starts_with("POST ") && call.line.ends_with("/driftalerts") {
            let name = call.body["metadata"]["name"].as_str().unwrap().to_owned();
            if held.contains_key(&name) {
                return refusal(409, "AlreadyExists");
            }
            let mut made = versioned(call.body.clone(), "1");
            made.as_object_mut().unwrap().remove("status");
            held.insert(name, made.clone());
            return (201, made);
        }
        if call.line.ends_with("/events") {
            return (201, call.body.clone());
        }
        let name = name(&call.line);
        if call.line.starts_with("GET") {
            return held
                .get(&name)
                .map_or_else(|| refusal(404, "NotFound"), |alert| (200, alert.clone()));
        }
        let next = versioned(call.body.clone(), "2");
        held.insert(name, next.clone());
        (200, next)
    })
}

async fn reconcile_in(made: &HandMade, client: &kube::Client, expected: &Expected, baseline: &Value) -> Action {
    let baseline = Arc::new(serde_json::from_value(baseline.clone()).unwrap());
    reconcile(&made.context(client.clone()), expected, baseline)
        .await
        .unwrap()
}

fn writes(calls: &Calls) -> usize {
    calls
        .lines()
        .iter()
        .filter(|line| line.contains("driftalerts") && !line.starts_with("GET"))
        .count()
}

#[tokio::test]
async fn one_drift_is_one_alert_however_often_it_is_planned() {
    let mut made = world();
    let (client, calls) = keeper();
    let expected = Expected::default();
    let drift = baseline(&["/bin/sh"]);
    reconcile_in(&made, &client, &expected, &drift).await;
    assert_eq!(writes(&calls), 2);
    let status_line = calls
        .lines()
        .into_iter()
        .find(|line| line.ends_with("/status"))
        .unwrap();
    let written = calls.last(&status_line);
    assert_eq!(written["status"]["count"], 2);
    assert_eq!(written["status"]["workloadName"], "Deployment/agent");
    // The watch has not told of it yet: nothing is planned.
    let waiting = reconcile_in(&made, &client, &expected, &baseline(&["/bin/a", "/bin/sh"])).await;
    assert_eq!(waiting, Action::requeue(CATCH_UP));
    assert_eq!(writes(&calls), 2);
    put(&mut made.feeds.alerts, versioned(written, "2"));
    reconcile_in(&made, &client, &expected, &drift).await;
    assert_eq!(writes(&calls), 2);
}

#[tokio::test]
async fn an_alert_that_lost_its_operator_before_its_status_is_completed() {
    let made = world();
    let (client, calls) = keeper();
    let drift = baseline(&["/bin/sh"]);
    reconcile_in(&made, &client, &Expected::default(), &drift).await;
    let orphan = calls.last(POST);
    let (client, calls) = {
        let orphan = Mutex::new(Some(versioned(orphan, "1")));
        api_server(move |call| {
            let mut orphan = orphan.lock().unwrap();
            match call.line.split_once(' ').unwrap().0 {
                "POST" if call.line == POST => refusal(409, "AlreadyExists"),
                "GET" => {
                    let mut bare = orphan.clone().unwrap();
                    bare.as_object_mut().unwrap().remove("status");
                    (200, bare)
                }
                _ => {
                    *orphan = Some(call.body.clone());
                    (200, call.body.clone())
                }
            }
        })
    };
    reconcile_in(&made, &client, &Expected::default(), &drift).await;
    let status_line = calls
        .lines()
        .into_iter()
        .find(|line| line.ends_with("/status"))
        .unwrap();
    assert_eq!(calls.last(&status_line)["status"]["count"], 2);
}

#[tokio::test]
async fn without_a_policy_nothing_is_raised() {
    let mut made = HandMade::new();
    made.world.tell_of_pod(Event::Apply(agent_pod("agent-5d-x")));
    made.world.tell_of_replica_set(Event::Apply(agent_replica_set()));
    put(&mut made.feeds.baselines, baseline(&["/bin/sh"]));
    let (client, calls) = keeper();
    reconcile_in(&made, &client, &Expected::default(), &baseline(&["/bin/sh"])).await;
    assert!(calls.lines().is_empty());
}

#[tokio::test]
async fn what_an_ended_job_left_is_raised_by_an_operator_that_never_saw_its_pods() {
    let mut made = HandMade::new();
    put(&mut made.feeds.policies, agent_policy());
    let mut drift = baseline(&["/bin/sh"]);
    drift["metadata"]["name"] = json!("job-nightly");
    drift["spec"]["workload"] = json!({"kind": "Job", "name": "nightly"});
    drift["status"]["podLabels"] = json!({"app": "agent"});
    let (client, calls) = keeper();
    reconcile_in(&made, &client, &Expected::default(), &drift).await;
    assert_eq!(writes(&calls), 2);
    assert_eq!(made.metrics.alerts.created.get(), 1);
    let event = calls
        .lines()
        .into_iter()
        .find(|line| line.ends_with("/events"))
        .unwrap();
    let about = calls.last(&event)["regarding"].clone();
    assert_eq!((&about["kind"], &about["name"]), (&json!("Job"), &json!("nightly")));
    assert_eq!(about.get("uid"), None);
    // Another policy's labels are none of its business.
    drift["status"]["podLabels"] = json!({"app": "other"});
    let (client, calls) = keeper();
    reconcile_in(&made, &client, &Expected::default(), &drift).await;
    assert_eq!(writes(&calls), 0);
}

#[tokio::test]
async fn an_alert_that_was_there_with_its_status_is_neither_counted_nor_told_of_again() {
    let made = world();
    let (client, calls) = keeper();
    let drift = baseline(&["/bin/sh"]);
    reconcile_in(&made, &client, &Expected::default(), &drift).await;
    let events = |calls: &Calls| calls.lines().iter().filter(|line| line.ends_with("/events")).count();
    assert_eq!((made.metrics.alerts.created.get(), events(&calls)), (1, 1));
    // Another operator, or this one with a cache that lags.
    reconcile_in(&made, &client, &Expected::default(), &drift).await;
    assert_eq!((made.metrics.alerts.created.get(), events(&calls)), (1, 1));
}

#[tokio::test]
async fn a_kernel_module_of_a_node_is_an_alert_of_that_node_in_the_operators_namespace() {
    let mut made = HandMade::new();
    let mut policy = agent_policy();
    policy["metadata"] = json!({"namespace": "anchorwatch", "name": "nodes"});
    policy["spec"]["selector"] = json!({"matchLabels": {"anchorwatch.dev/workload-kind": "Node"}});
    put(&mut made.feeds.policies, policy);
    let entry = json!({
        "id": "0".repeat(32), "state": "Quarantined", "rule": "kernel-module-load", "count": 1, "pods": 1,
        "module": {"origin": "unknown", "kind": "kernel-module", "path": "dummy", "source": "unsupported",
                   "executable": "/usr/bin/kmod"},
        "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T00:00:00Z", "lastDay": 20_454, "days": 1,
    });
    let drift = json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "BehaviorBaseline",
        "metadata": {"namespace": "anchorwatch", "name": "node-node1", "resourceVersion": "5"},
        "spec": {"workload": {"kind": "Node", "name": "node1"}},
        "status": {"state": "Learning", "quarantined": 1, "podLabels": {"anchorwatch.dev/workload-kind": "Node"},
            "containers": [{"name": "node", "feeds": [{
                "feed": "module", "state": "Learning", "startedAt": "2025-12-01T00:00:00Z", "entries": [entry],
        }]}]},
    });
    let (client, calls) = keeper();
    reconcile_in(&made, &client, &Expected::default(), &drift).await;
    let lines = calls.lines();
    let of = |end: &str| calls.last(lines.iter().find(|line| line.ends_with(end)).unwrap());
    let written = of("/status");
    assert_eq!(written["metadata"]["namespace"], "anchorwatch");
    let status = &written["status"];
    let told = ["workloadName", "state", "severity"].map(|field| status[field].as_str().unwrap());
    assert_eq!(told, ["Node/node1", "Escalated", "High"]);
    assert_eq!(status["findings"][0]["rule"], "kernel-module-load");
    let about = of("/events")["regarding"].clone();
    let told = ["apiVersion", "kind", "name"].map(|field| about[field].as_str().unwrap());
    assert_eq!((told, about.get("namespace")), (["v1", "Node", "node1"], None));
}

/// An open alert of another workload of the namespace.
fn open_alert(workload: &str, severity: &str) -> Value {
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftAlert",
        "metadata": {"namespace": "shop", "name": format!("deployment-{workload}-1"), "resourceVersion": "3"},
        "spec": {},
        "status": {
            "severity": severity, "state": "Open", "workload": {"kind": "Deployment", "name": workload},
            "workloadName": format!("Deployment/{workload}"), "container": "main", "summary": "", "count": 1, "pods": 1,
            "policy": "", "findings": [],
            "firstSeen": "2025-12-31T00:00:00Z", "lastSeen": "2025-12-31T00:00:00Z",
        },
    })
}

#[tokio::test]
async fn whose_alert_has_no_room_beside_a_graver_one_is_planned_and_no_other_workload_is() {
    let mut made = HandMade::new();
    let mut policy = agent_policy();
    policy["spec"]["alerts"] = json!({"perNamespace": 2});
    put(&mut made.feeds.policies, policy);
    made.world.tell_of_pod(Event::Apply(agent_pod("agent-5d-x")));
    made.world.tell_of_replica_set(Event::Apply(agent_replica_set()));
    for (workload, severity) in [("graver", "Medium"), ("lesser", "Low")] {
        put(&mut made.feeds.alerts, open_alert(workload, severity));
    }
    let mut told = made.world.subscribe();
    let (client, calls) = keeper();
    reconcile_in(&made, &client, &Expected::default(), &baseline(&["/bin/sh"])).await;
    assert_eq!(writes(&calls), 2, "it is made, and nothing of others is touched");
    let change = told.try_recv().unwrap();
    let Change::Crowding(crowding) = &change else {
        panic!("{change:?}");
    };
    assert_eq!(crowding.namespace, "shop");
    let lesser = WorkloadKey::new("shop", "Deployment", "lesser");
    assert_eq!(concerned(&made.world, change), [baselines::reference(&lesser)]);
}

#[tokio::test]
async fn how_long_an_alert_took_is_told_of_what_is_recent_and_did_not_wait_for_room() {
    let made = world();
    let (client, _) = keeper();
    let context = made.context(client);
    let drift: BehaviorBaseline = serde_json::from_value(baseline(&["/bin/sh"])).unwrap();
    let workload = baselines::workload_of(&drift);
    let delay = |context: &Context, now: &str| {
        let known = fetch::fetch(context, &workload, &drift).unwrap();
        let plan = plan::plan(&known, now.parse().unwrap());
        assert_eq!(plan.create.len(), 1);
        plan.create[0].delay
    };
    assert_eq!(delay(&context, "2026-01-01T00:00:02Z"), Some(Duration::from_secs(2)));
    assert_eq!(delay(&context, "2026-01-02T00:00:00Z"), None);
    let left_out = LeftOutAlerts {
        findings: 1,
        first_seen: anchorwatch_core::time::Timestamp::from_secs(0),
        last_seen: anchorwatch_core::time::Timestamp::from_secs(0),
    };
    context.crowding.note(&workload, Some(left_out));
    assert_eq!(delay(&context, "2026-01-01T00:00:02Z"), None);
}
