//! What somebody reports who holds a sensor's token.

use super::*;

/// The agent's pod as the API server has it, on a node.
fn namesake(node: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": "shop", "name": "agent-5d-y", "uid": "the-real-one"},
        "spec": {"nodeName": node, "containers": [{"name": "main"}]},
    })
}

/// Reports a pod of an invented UID whose name lives on a node, and returns what was written.
async fn report_invented(made: &HandMade, lives_on: &str) -> Calls {
    let mut forged = report(2, "/bin/b");
    forged["spec"]["containers"][0]["pod"] = json!({"namespace": "shop", "name": "agent-5d-y", "uid": "invented"});
    forged["status"] = acknowledged(1);
    let pod = namesake(lives_on);
    let store = Store {
        report: forged.clone(),
        baseline: Mutex::new(Some(first_baseline(&report(1, "/bin/a")).await)),
    };
    let (result, calls) = run_in(made, forged, move |call| match call.line.as_str() {
        "GET /api/v1/namespaces/shop/pods/agent-5d-y" => (200, pod.clone()),
        _ => store.answer(call),
    })
    .await;
    result.unwrap();
    calls
}

async fn knowing_the_baseline() -> HandMade {
    let mut made = world();
    put(&mut made.feeds.baselines, first_baseline(&report(1, "/bin/a")).await);
    made
}

#[tokio::test]
async fn an_invented_pod_whose_name_lives_on_another_node_is_rejected() {
    let made = knowing_the_baseline().await;
    let calls = report_invented(&made, "node2").await;
    assert!(!calls.lines().contains(&PUT_BASELINE.to_owned()));
    assert_eq!(calls.last(PUT_REPORT)["status"]["rejected"], 1);
    assert_eq!(made.metrics.rejected_behaviors.get(), 1);
}

#[tokio::test]
async fn a_pod_that_was_replaced_on_its_node_is_believed_to_have_been_and_not_verified() {
    let made = knowing_the_baseline().await;
    let calls = report_invented(&made, "node1").await;
    assert_eq!(calls.last(PUT_BASELINE)["status"]["quarantined"], 1);
    assert_eq!(made.metrics.unverified_behaviors.get(), 1);
}

#[tokio::test]
async fn an_earlier_incarnation_that_is_remembered_is_not_rejected() {
    let made = knowing_the_baseline().await;
    let mut earlier = agent_pod("agent-5d-y");
    earlier.uid = "invented".into();
    made.world.tell_of_pod(Event::Apply(earlier.clone()));
    made.world.tell_of_pod(Event::Delete(earlier));
    let calls = report_invented(&made, "node2").await;
    assert_eq!(calls.last(PUT_BASELINE)["status"]["learned"], 2);
    assert_eq!(made.metrics.rejected_behaviors.get(), 0);
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_rejected_before_it_is_asked_for() {
    for (namespace, name) in [
        ("shop", "../../../namespaces"),
        ("shop/pods/x?", "agent"),
        ("..", "agent"),
        ("", ""),
    ] {
        let made = world();
        let mut forged = report(1, "/bin/a");
        forged["spec"]["containers"][0]["pod"] = json!({"namespace": namespace, "name": name, "uid": "invented"});
        let store = Store {
            report: forged.clone(),
            baseline: Mutex::default(),
        };
        let (result, calls) = run_in(&made, forged, move |call| store.answer(call)).await;
        result.unwrap();
        assert_eq!(calls.lines(), [GET_REPORT, PUT_REPORT]);
        assert_eq!(made.metrics.rejected_behaviors.get(), 1);
    }
}

#[tokio::test]
async fn a_container_that_the_pod_does_not_declare_is_dropped_and_counted() {
    let made = world();
    let mut forged = report(1, "/bin/a");
    forged["spec"]["containers"][0]["container"] = json!("made-up");
    let store = Store {
        report: forged.clone(),
        baseline: Mutex::default(),
    };
    let (result, calls) = run_in(&made, forged, move |call| store.answer(call)).await;
    result.unwrap();
    assert_eq!(calls.lines(), [GET_POD, GET_REPORT, PUT_REPORT]);
    assert_eq!(dropped(&made, plan::dropped::CONTAINER_UNKNOWN), 1);
}

#[tokio::test]
async fn a_container_that_was_added_since_the_watch_told_is_believed() {
    let made = world();
    let mut debugging = report(1, "/bin/a");
    debugging["spec"]["containers"][0]["container"] = json!("debugger");
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "namespace": "shop", "name": "agent-5d-x", "uid": "uid-agent-5d-x", "labels": {"app": "agent"},
            "ownerReferences": [
                {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "agent-5d", "uid": "rs1", "controller": true},
            ],
        },
        "spec": {
            "nodeName": "node1", "containers": [{"name": "main"}], "ephemeralContainers": [{"name": "debugger"}],
        },
    });
    let store = Store {
        report: debugging.clone(),
        baseline: Mutex::default(),
    };
    let (result, calls) = run_in(&made, debugging, move |call| match call.line.as_str() {
        GET_POD => (200, pod.clone()),
        _ => store.answer(call),
    })
    .await;
    result.unwrap();
    assert_eq!(entries(&calls.last(PUT_BASELINE)), [("/bin/a".to_owned(), 3)]);
}

/// A baseline with so many containers that no pod declares, each with these entries.
async fn with_made_up_containers(many: usize, entries: Value) -> Value {
    let mut held = first_baseline(&report(1, "/bin/a")).await;
    let mut container = held["status"]["containers"][0].clone();
    container["feeds"][0]["entries"] = entries;
    held["status"]["containers"] = (0..many)
        .map(|number| {
            container["name"] = json!(format!("made-up-{number}"));
            container.clone()
        })
        .collect();
    held
}

async fn merged_into(made: &HandMade, held: Value) -> Value {
    let mut next = report(2, "/bin/b");
    next["status"] = acknowledged(1);
    let store = Store {
        report: next.clone(),
        baseline: Mutex::new(Some(held)),
    };
    let (result, calls) = run_in(made, next, move |call| store.answer(call)).await;
    result.unwrap();
    calls.last(PUT_BASELINE)
}

#[tokio::test]
async fn containers_that_hold_nothing_and_that_no_pod_declares_make_room() {
    let made = world();
    let written = merged_into(&made, with_made_up_containers(64, json!([])).await).await;
    let names: Vec<_> = written["status"]["containers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|held| &held["name"])
        .collect();
    assert_eq!(names, ["main"]);
    assert_eq!(dropped(&made, plan::dropped::NO_ROOM), 0);
}

#[tokio::test]
async fn what_finds_no_room_is_counted_and_told() {
    let made = world();
    let first = first_baseline(&report(1, "/bin/a")).await;
    let entries = first["status"]["containers"][0]["feeds"][0]["entries"].clone();
    let written = merged_into(&made, with_made_up_containers(64, entries).await).await;
    assert_eq!(dropped(&made, plan::dropped::NO_ROOM), 1);
    assert_eq!(written["status"]["overflowed"], 1);
    let conditions = written["status"]["conditions"].as_array().unwrap();
    let truncated = conditions
        .iter()
        .find(|condition| condition["type"] == "Truncated")
        .unwrap();
    assert_eq!(
        (&truncated["status"], &truncated["reason"]),
        (&json!("True"), &json!("NoRoom"))
    );
}
