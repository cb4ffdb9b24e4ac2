//! Whose losses are whose: a container that floods degrades its own workload's baseline, and no other's.

use super::*;
use crate::world::facts::PodFacts;

const PUT_QUIET: &str = "PUT /apis/anchorwatch.dev/v1alpha1/namespaces/shop/behaviorbaselines/pod-quiet/status";

/// A pod of its own beside the agent's, under the same policy and on the same node.
fn quiet() -> PodFacts {
    PodFacts {
        controller: None,
        declared: vec!["main".into(), "sidecar".into()],
        ..agent_pod("quiet")
    }
}

/// The world with a baseline of each of the two workloads.
async fn two_workloads() -> (HandMade, Vec<Value>) {
    let made = world();
    made.world.tell_of_pod(Event::Apply(quiet()));
    let agent = first_baseline(&report(1, "/bin/a")).await;
    let mut other = agent.clone();
    other["metadata"]["name"] = json!("pod-quiet");
    other["spec"]["workload"] = json!({"kind": "Pod", "name": "quiet"});
    (made, vec![agent, other])
}

fn loss(reason: &str, count: i64) -> Value {
    json!({"feed": "process", "reason": reason, "count": count})
}

fn of_container(pod: &str, container: &str, losses: &Value) -> Value {
    let mut lost = json!({
        "pod": {"namespace": "shop", "name": pod, "uid": format!("uid-{pod}")},
        "losses": losses,
    });
    if !container.is_empty() {
        lost["container"] = json!(container);
    }
    lost
}

/// Merges a batch without behaviours that tells of these losses; which baselines were written, and how.
async fn lose(losses: Value, container_losses: Value) -> (HandMade, Calls) {
    let (mut made, baselines) = two_workloads().await;
    for baseline in &baselines {
        put(&mut made.feeds.baselines, baseline.clone());
    }
    let mut batch = report(2, "/bin/a");
    batch["status"] = acknowledged(1);
    batch["spec"]["containers"] = json!([]);
    batch["spec"]["losses"] = losses;
    batch["spec"]["containerLosses"] = container_losses;
    let held = batch.clone();
    let (result, calls) = run_in(&made, batch, move |call| {
        let is_it = |baseline: &&Value| {
            let name = baseline["metadata"]["name"].as_str().unwrap();
            call.line.starts_with("GET") && call.line.ends_with(name)
        };
        match call.line.as_str() {
            GET_REPORT => (200, held.clone()),
            line if line.starts_with("PUT") => (200, versioned(call.body.clone(), "3")),
            _ => baselines
                .iter()
                .find(is_it)
                .map_or_else(|| refusal(404, "NotFound"), |baseline| (200, baseline.clone())),
        }
    })
    .await;
    result.unwrap();
    (made, calls)
}

/// Reasons and counts of a container's losses in a written baseline.
fn lost(baseline: &Value, container: usize) -> Vec<(String, i64)> {
    let losses = baseline.pointer(&format!("/status/containers/{container}/feeds/0/losses"));
    let losses = losses.and_then(Value::as_array).into_iter().flatten();
    losses
        .map(|lost| {
            (
                lost["reason"].as_str().unwrap().to_owned(),
                lost["count"].as_i64().unwrap(),
            )
        })
        .collect()
}

fn said(object: &Value) -> String {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let said = conditions.iter().find(|said| said["type"] == "LossObserved").unwrap();
    format!(
        "{} {}",
        said["status"].as_str().unwrap(),
        said["message"].as_str().unwrap()
    )
}

#[tokio::test]
async fn of_two_containers_the_one_that_floods_degrades_its_own_baseline_alone() {
    let flood = of_container(
        "agent-5d-x",
        "main",
        &json!([loss("kernel_exec_quota", 900), loss("container_quota", 3)]),
    );
    let (made, calls) = lose(json!([]), json!([flood])).await;
    let agent = calls.last(PUT_BASELINE);
    let expected = [("container_quota".to_owned(), 3), ("kernel_quota".to_owned(), 900)];
    assert_eq!(lost(&agent, 0), expected);
    assert!(said(&agent).starts_with("True"));
    assert!(
        said(&agent).ends_with("process (container_quota, kernel_quota)"),
        "{}",
        said(&agent)
    );
    assert!(!calls.lines().contains(&PUT_QUIET.to_owned()), "{:?}", calls.lines());
    let node = said(&calls.last(PUT_REPORT));
    assert_eq!(
        node,
        "True the last batch reported losses: process (container_quota, kernel_quota)"
    );
    let metrics = String::from_utf8(made.metrics.encode().unwrap()).unwrap();
    let counted = "anchorwatch_operator_lost_events_total{feed=\"process\",reason=\"kernel_quota\"} 900";
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test]
async fn what_may_be_anybodys_degrades_everybody_and_nobody_twice() {
    let flood = of_container("agent-5d-x", "main", &json!([loss("kernel_exec_quota", 900)]));
    let (_, calls) = lose(json!([loss("pod_unknown", 2)]), json!([flood])).await;
    let expected = [("kernel_quota".to_owned(), 900), ("pod_unknown".to_owned(), 2)];
    assert_eq!(lost(&calls.last(PUT_BASELINE), 0), expected);
    assert_eq!(lost(&calls.last(PUT_QUIET), 0), [("pod_unknown".to_owned(), 2)]);
}

#[tokio::test]
async fn where_only_the_pod_is_known_each_of_its_containers_may_lack_it() {
    let some = of_container("quiet", "", &json!([loss("container_unknown", 4)]));
    let (_, calls) = lose(json!([]), json!([some])).await;
    let quiet = calls.last(PUT_QUIET);
    for container in 0..2 {
        assert_eq!(lost(&quiet, container), [("container_unknown".to_owned(), 4)]);
    }
    assert!(!calls.lines().contains(&PUT_BASELINE.to_owned()));
}

#[tokio::test]
async fn a_sensor_degrades_no_workload_of_another_node() {
    let (made, _) = two_workloads().await;
    let mut elsewhere = quiet();
    elsewhere.node = "node2".into();
    made.world.tell_of_pod(Event::Apply(elsewhere));
    let mut batch = report(2, "/bin/a");
    batch["status"] = acknowledged(1);
    batch["spec"]["containers"] = json!([]);
    batch["spec"]["containerLosses"] = json!([
        of_container("quiet", "main", &json!([loss("kernel_exec_quota", 900)])),
        of_container("agent-5d-x", "made-up", &json!([loss("kernel_exec_quota", 900)])),
    ]);
    let held = batch.clone();
    let (result, calls) = run_in(&made, batch, move |call| match call.line.as_str() {
        GET_REPORT => (200, held.clone()),
        PUT_REPORT => (200, call.body.clone()),
        _ => refusal(404, "NotFound"),
    })
    .await;
    result.unwrap();
    let writes: Vec<String> = calls
        .lines()
        .into_iter()
        .filter(|line| !line.starts_with("GET"))
        .collect();
    assert_eq!(writes, [PUT_REPORT]);
}
