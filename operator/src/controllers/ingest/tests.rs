//! Ingest against an API server that conflicts, fails and forgets.

mod forged;
mod forgotten;
mod losses;
mod node;
mod owner;
mod refused;

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::*;
use crate::testkit::{
    Call, Calls, HandMade, agent_pod, agent_policy, agent_replica_set, api_server, put, refusal, versioned,
};

const GET_BASELINE: &str = "GET /apis/anchorwatch.dev/v1alpha1/namespaces/shop/behaviorbaselines/deployment-agent";
const POST_BASELINE: &str = "POST /apis/anchorwatch.dev/v1alpha1/namespaces/shop/behaviorbaselines";
const PUT_BASELINE: &str =
    "PUT /apis/anchorwatch.dev/v1alpha1/namespaces/shop/behaviorbaselines/deployment-agent/status";
const GET_REPORT: &str = "GET /apis/anchorwatch.dev/v1alpha1/sensorreports/node1";
const PUT_REPORT: &str = "PUT /apis/anchorwatch.dev/v1alpha1/sensorreports/node1/status";
const GET_POD: &str = "GET /api/v1/namespaces/shop/pods/agent-5d-x";

fn report(seq: i64, executable: &str) -> Value {
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "SensorReport",
        "metadata": {"name": "node1", "resourceVersion": "100"},
        "spec": {
            "nodeUid": "n1", "epoch": "0".repeat(32), "seq": seq,
            "hooks": [{"name": "exec", "feed": "process", "state": "attached"}],
            "containers": [{
                "pod": {"namespace": "shop", "name": "agent-5d-x", "uid": "uid-agent-5d-x"},
                "container": "main", "containerId": "containerd://c1", "hours": [490_000],
                "behaviors": [{
                    "process": {"origin": "entrypoint", "parent": "", "executable": executable, "source": "image"},
                    "count": 3, "firstSeen": "2026-01-01T00:00:00.5Z", "lastSeen": "2026-01-01T00:00:01.5Z",
                }],
            }],
        },
    })
}

fn report_of(node: &str) -> Value {
    let mut other = report(1, "/bin/other");
    other["metadata"]["name"] = json!(node);
    other
}

fn acknowledged(seq: i64) -> Value {
    json!({"acknowledged": {"epoch": "0".repeat(32), "seq": seq}})
}

fn world() -> HandMade {
    let mut made = HandMade::new();
    put(&mut made.feeds.policies, agent_policy());
    made.world.tell_of_pod(Event::Apply(agent_pod("agent-5d-x")));
    made.world.tell_of_replica_set(Event::Apply(agent_replica_set()));
    made
}

async fn run_in(
    made: &HandMade,
    report: Value,
    answer: impl Fn(&Call) -> (u16, Value) + Send + Sync + 'static,
) -> (Result<Action, IngestError>, Calls) {
    let (client, calls) = api_server(answer);
    let report = Arc::new(serde_json::from_value(report).unwrap());
    (reconcile(&made.context(client), report).await, calls)
}

/// An API server that holds one report and at most one baseline.
struct Store {
    report: Value,
    baseline: Mutex<Option<Value>>,
}

impl Store {
    fn answer(&self, call: &Call) -> (u16, Value) {
        let mut baseline = self.baseline.lock().unwrap();
        match call.line.as_str() {
            GET_REPORT => (200, self.report.clone()),
            GET_BASELINE => baseline
                .clone()
                .map_or_else(|| refusal(404, "NotFound"), |baseline| (200, baseline)),
            POST_BASELINE => {
                let mut made = versioned(call.body.clone(), "1");
                made.as_object_mut().unwrap().remove("status");
                *baseline = Some(made.clone());
                (201, made)
            }
            PUT_BASELINE => {
                let next = versioned(call.body.clone(), "2");
                *baseline = Some(next.clone());
                (200, next)
            }
            PUT_REPORT => (200, call.body.clone()),
            _ => refusal(404, "NotFound"),
        }
    }
}

/// How many behaviours were dropped for a reason.
fn dropped(made: &HandMade, reason: &str) -> u64 {
    made.metrics.dropped_behaviors.with_label_values(&[reason]).get()
}

/// The baseline that a first batch makes.
async fn first_baseline(report: &Value) -> Value {
    let store = Store {
        report: report.clone(),
        baseline: Mutex::default(),
    };
    let (result, calls) = run_in(&world(), report.clone(), move |call| store.answer(call)).await;
    result.unwrap();
    calls.last(PUT_BASELINE)
}

fn entries(baseline: &Value) -> Vec<(String, i64)> {
    let entries = baseline
        .pointer("/status/containers/0/feeds/0/entries")
        .and_then(Value::as_array);
    let mut entries: Vec<_> = entries
        .into_iter()
        .flatten()
        .map(|entry| {
            let executable = entry.pointer("/process/executable").and_then(Value::as_str).unwrap();
            (executable.to_owned(), entry["count"].as_i64().unwrap())
        })
        .collect();
    entries.sort();
    entries
}

#[tokio::test]
async fn the_baseline_is_written_before_the_batch_is_acknowledged() {
    let store = Store {
        report: report(1, "/bin/a"),
        baseline: Mutex::default(),
    };
    let (result, calls) = run_in(&world(), report(1, "/bin/a"), move |call| store.answer(call)).await;
    result.unwrap();
    assert_eq!(
        calls.lines(),
        [GET_BASELINE, GET_REPORT, POST_BASELINE, PUT_BASELINE, PUT_REPORT]
    );
    let written = calls.last(PUT_BASELINE);
    assert_eq!(entries(&written), [("/bin/a".to_owned(), 3)]);
    assert_eq!(written["metadata"]["resourceVersion"], "1");
    assert_eq!(written["status"]["mergedBatches"][0]["seq"], 1);
    let acknowledgement = calls.last(PUT_REPORT);
    assert_eq!(acknowledgement["metadata"]["resourceVersion"], "100");
    assert_eq!(acknowledgement["status"]["acknowledged"]["seq"], 1);
    assert_eq!(acknowledgement["status"]["rejected"], 0);
}

#[tokio::test]
async fn after_a_conflict_the_batch_is_merged_into_what_the_other_wrote() {
    let others = {
        let store = Store {
            report: report(1, "/bin/other"),
            baseline: Mutex::default(),
        };
        let (result, calls) = run_in(&world(), report(1, "/bin/other"), move |call| store.answer(call)).await;
        result.unwrap();
        let mut others = versioned(calls.last(PUT_BASELINE), "7");
        others["status"]["mergedBatches"][0]["node"] = json!("node2");
        others
    };
    let store = Store {
        report: report(1, "/bin/a"),
        baseline: Mutex::default(),
    };
    let writes = AtomicUsize::new(0);
    let mut made = world();
    put(&mut made.feeds.reports, report_of("node2"));
    let (result, calls) = run_in(&made, report(1, "/bin/a"), move |call| {
        if call.line == PUT_BASELINE && writes.fetch_add(1, Ordering::SeqCst) == 0 {
            *store.baseline.lock().unwrap() = Some(others.clone());
            return refusal(409, "Conflict");
        }
        store.answer(call)
    })
    .await;
    result.unwrap();
    assert_eq!(
        calls.lines(),
        [
            GET_BASELINE,
            GET_REPORT,
            POST_BASELINE,
            PUT_BASELINE,
            GET_BASELINE,
            GET_REPORT,
            PUT_BASELINE,
            PUT_REPORT
        ]
    );
    let written = calls.last(PUT_BASELINE);
    assert_eq!(
        entries(&written),
        [("/bin/a".to_owned(), 3), ("/bin/other".to_owned(), 3)]
    );
    assert_eq!(written["metadata"]["resourceVersion"], "7");
    assert_eq!(written["status"]["mergedBatches"].as_array().map(Vec::len), Some(2));
}

#[tokio::test]
async fn a_batch_that_was_merged_before_a_crash_is_acknowledged_and_not_counted_twice() {
    let store = Arc::new(Store {
        report: report(1, "/bin/a"),
        baseline: Mutex::default(),
    });
    let crashing = Arc::clone(&store);
    let (result, _) = run_in(&world(), report(1, "/bin/a"), move |call| match call.line.as_str() {
        PUT_REPORT => refusal(500, "InternalError"),
        _ => crashing.answer(call),
    })
    .await;
    assert!(matches!(result, Err(IngestError::Api(_))));
    let made = world();
    let again = Arc::clone(&store);
    let (result, calls) = run_in(&made, report(1, "/bin/a"), move |call| again.answer(call)).await;
    result.unwrap();
    assert_eq!(calls.lines(), [GET_BASELINE, GET_REPORT, PUT_REPORT]);
    assert_eq!(made.metrics.batches_repeated.get(), 1);
    let held = store.baseline.lock().unwrap().clone().unwrap();
    assert_eq!(entries(&held), [("/bin/a".to_owned(), 3)]);
}

#[tokio::test]
async fn nothing_is_acknowledged_while_a_baseline_can_not_be_written() {
    let store = Store {
        report: report(1, "/bin/a"),
        baseline: Mutex::default(),
    };
    let (result, calls) = run_in(&world(), report(1, "/bin/a"), move |call| match call.line.as_str() {
        PUT_BASELINE => refusal(500, "InternalError"),
        _ => store.answer(call),
    })
    .await;
    assert!(matches!(result, Err(IngestError::Api(_))));
    assert!(!calls.lines().contains(&PUT_REPORT.to_owned()));
}

#[tokio::test]
async fn an_acknowledged_batch_costs_no_call() {
    let mut done = report(1, "/bin/a");
    done["status"] = acknowledged(1);
    let (result, calls) = run_in(&world(), done, |_| refusal(500, "InternalError")).await;
    result.unwrap();
    assert!(calls.lines().is_empty());
}

#[tokio::test]
async fn what_another_operator_acknowledged_meanwhile_is_not_merged_again() {
    let mut done = report(1, "/bin/a");
    done["status"] = acknowledged(1);
    let store = Store {
        report: done,
        baseline: Mutex::default(),
    };
    let (result, calls) = run_in(&world(), report(1, "/bin/a"), move |call| store.answer(call)).await;
    result.unwrap();
    assert_eq!(calls.lines(), [GET_BASELINE, GET_REPORT]);
}

#[tokio::test]
async fn a_batch_is_forgotten_once_its_successor_is_merged() {
    let store = Arc::new(Store {
        report: report(1, "/bin/a"),
        baseline: Mutex::default(),
    });
    let first = Arc::clone(&store);
    let (result, _) = run_in(&world(), report(1, "/bin/a"), move |call| first.answer(call)).await;
    result.unwrap();
    let mut next = report(2, "/bin/b");
    next["status"] = acknowledged(1);
    let held = store.baseline.lock().unwrap().clone();
    let second = Store {
        report: next.clone(),
        baseline: Mutex::new(held),
    };
    let (result, calls) = run_in(&world(), next, move |call| second.answer(call)).await;
    result.unwrap();
    let written = calls.last(PUT_BASELINE);
    assert_eq!(
        written["status"]["mergedBatches"],
        json!([{"node": "node1", "epoch": "0".repeat(32), "seq": 2}])
    );
    assert_eq!(entries(&written).len(), 2);
}

#[tokio::test]
async fn behaviours_of_another_nodes_pod_are_rejected_and_counted() {
    let made = world();
    made.world.tell_of_pod(Event::Apply(crate::world::facts::PodFacts {
        node: "node2".into(),
        ..agent_pod("agent-5d-x")
    }));
    let store = Store {
        report: report(1, "/bin/a"),
        baseline: Mutex::default(),
    };
    let (result, calls) = run_in(&made, report(1, "/bin/a"), move |call| store.answer(call)).await;
    result.unwrap();
    assert_eq!(calls.lines(), [GET_REPORT, PUT_REPORT]);
    assert_eq!(calls.last(PUT_REPORT)["status"]["rejected"], 1);
    assert_eq!(made.metrics.rejected_behaviors.get(), 1);
}

#[tokio::test]
async fn a_pod_that_nobody_knows_and_no_workload_explains_is_dropped_and_counted() {
    let mut made = HandMade::new();
    put(&mut made.feeds.policies, agent_policy());
    let store = Store {
        report: report(1, "/bin/a"),
        baseline: Mutex::default(),
    };
    let (result, calls) = run_in(&made, report(1, "/bin/a"), move |call| store.answer(call)).await;
    result.unwrap();
    assert_eq!(calls.lines(), [GET_POD, GET_REPORT, PUT_REPORT]);
    let dropped = made
        .metrics
        .dropped_behaviors
        .with_label_values(&[plan::dropped::POD_UNKNOWN]);
    assert_eq!(dropped.get(), 1);
}

#[tokio::test]
async fn a_pod_that_is_gone_is_still_attributed_but_one_never_seen_does_not_teach() {
    let store = Store {
        report: report(1, "/bin/a"),
        baseline: Mutex::default(),
    };
    let made = world();
    made.world.tell_of_pod(Event::Delete(agent_pod("agent-5d-x")));
    let (result, calls) = run_in(&made, report(1, "/bin/a"), move |call| store.answer(call)).await;
    result.unwrap();
    let taught = calls.last(PUT_BASELINE);
    assert_eq!(taught["status"]["learned"], 1);

    let mut stranger = report(2, "/bin/b");
    stranger["spec"]["containers"][0]["pod"] = json!({"namespace": "shop", "name": "agent-5d-y", "uid": "uid-y"});
    stranger["status"] = acknowledged(1);
    let mut made = world();
    put(&mut made.feeds.baselines, taught.clone());
    let store = Store {
        report: stranger.clone(),
        baseline: Mutex::new(Some(taught)),
    };
    let (result, calls) = run_in(&made, stranger, move |call| store.answer(call)).await;
    result.unwrap();
    let status = calls.last(PUT_BASELINE)["status"].clone();
    assert_eq!((&status["learned"], &status["quarantined"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_lost_outbox_is_counted_and_marks_the_baselines_of_the_nodes_pods() {
    let store = Store {
        report: report(1, "/bin/a"),
        baseline: Mutex::default(),
    };
    let (result, calls) = run_in(&world(), report(1, "/bin/a"), move |call| store.answer(call)).await;
    result.unwrap();
    let mut held = calls.last(PUT_BASELINE);
    let containers = held["status"]["containers"].as_array_mut().unwrap();
    let mut retired = containers[0].clone();
    retired["name"] = json!("retired");
    containers.push(retired);

    let mut made = world();
    put(&mut made.feeds.baselines, held.clone());
    let mut renewed = report(1, "/bin/a");
    renewed["spec"]["epoch"] = json!("1".repeat(32));
    renewed["spec"]["containers"] = json!([]);
    renewed["status"] = acknowledged(9);
    let store = Store {
        report: renewed.clone(),
        baseline: Mutex::new(Some(held)),
    };
    let (result, calls) = run_in(&made, renewed, move |call| store.answer(call)).await;
    result.unwrap();
    let written = calls.last(PUT_BASELINE);
    assert_eq!(
        written.pointer("/status/containers/0/feeds/0/losses/0/reason"),
        Some(&json!(crate::losses::OUTBOX_RENEWED))
    );
    let retired = written.pointer("/status/containers/1").unwrap();
    assert_eq!(retired["name"], "retired");
    assert_eq!(
        retired.pointer("/feeds/0/losses"),
        None,
        "no pod has that container any more"
    );
    assert_eq!(calls.last(PUT_REPORT)["status"]["epochs"], 1);
    assert_eq!(made.metrics.epochs.get(), 1);
}

#[tokio::test]
async fn a_baseline_that_can_not_be_read_does_not_hold_up_the_node() {
    let made = world();
    let store = Store {
        report: report(1, "/bin/a"),
        baseline: Mutex::new(Some(json!({"metadata": {"name": "deployment-agent"}, "spec": 7}))),
    };
    let (result, calls) = run_in(&made, report(1, "/bin/a"), move |call| store.answer(call)).await;
    result.unwrap();
    assert_eq!(calls.lines(), [GET_BASELINE, GET_REPORT, PUT_REPORT]);
    let dropped = made
        .metrics
        .dropped_behaviors
        .with_label_values(&[plan::dropped::BASELINE_MALFORMED]);
    assert_eq!(dropped.get(), 1);
}

#[tokio::test]
async fn a_feed_that_is_switched_off_is_counted_and_makes_no_baseline() {
    let mut made = world();
    let mut policy = agent_policy();
    policy["spec"]["feeds"] = json!({"process": {"enabled": false}});
    put(&mut made.feeds.policies, policy);
    let store = Store {
        report: report(1, "/bin/a"),
        baseline: Mutex::default(),
    };
    let (result, calls) = run_in(&made, report(1, "/bin/a"), move |call| store.answer(call)).await;
    result.unwrap();
    assert_eq!(calls.lines(), [GET_BASELINE, GET_REPORT, PUT_REPORT]);
    assert_eq!(dropped(&made, plan::dropped::FEED_DISABLED), 1);
}

#[tokio::test]
async fn a_baseline_remembers_the_labels_of_its_pods() {
    let held = first_baseline(&report(1, "/bin/a")).await;
    assert_eq!(
        held["status"]["podLabels"],
        json!({"app": "agent", "pod-template-hash": "5d"})
    );
}

#[test]
fn a_batch_that_is_not_acknowledged_is_found_whatever_was_told_of_it() {
    let mut made = HandMade::new();
    put(&mut made.feeds.reports, report(2, "/bin/a"));
    assert_eq!(unacknowledged(&made.world), [ObjectRef::new("node1")]);
    let mut done = report(2, "/bin/a");
    done["status"] = acknowledged(1);
    put(&mut made.feeds.reports, done.clone());
    assert_eq!(unacknowledged(&made.world).len(), 1, "another one is");
    done["status"] = acknowledged(2);
    put(&mut made.feeds.reports, done);
    assert_eq!(unacknowledged(&made.world), []);
}
