//! The driver against an API server that is a closure.

use serde_json::{Value, json};

use super::*;
use crate::testkit::{Call, HandMade, api_server, put, refusal};

const PATH: &str = "/apis/anchorwatch.dev/v1alpha1/namespaces/shop/behaviorqueries";

fn query(number: usize, created: Timestamp) -> BehaviorQuery {
    serde_json::from_value(json!({
        "metadata": {
            "namespace": "shop", "name": format!("q{number}"), "uid": format!("u{number}"), "resourceVersion": "1",
            "creationTimestamp": created.to_string(),
        },
        "spec": {"command": "/app/server"},
    }))
    .unwrap()
}

fn baseline() -> Value {
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "BehaviorBaseline",
        "metadata": {"namespace": "shop", "name": "deployment-cart"},
        "spec": {"workload": {"kind": "Deployment", "name": "cart"}},
        "status": {"containers": [{"name": "app", "feeds": [{
            "feed": "process", "state": "Enforcing", "startedAt": "2026-01-01T00:00:00Z",
            "entries": [{
                "process": {"origin": "entrypoint", "parent": "", "executable": "/app/server", "source": "image"},
                "count": 1, "lastDay": 20454, "days": 1, "pods": 1,
                "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-02T00:00:00Z",
            }],
        }]}]},
    })
}

/// An API server that takes every answer; a deletion ends as told.
fn taking(deletion: fn() -> (u16, Value)) -> (kube::Client, crate::testkit::Calls) {
    api_server(move |call: &Call| {
        if call.line.starts_with("DELETE") {
            deletion()
        } else {
            (200, call.body.clone())
        }
    })
}

fn deleted() -> (u16, Value) {
    (
        200,
        json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}),
    )
}

#[tokio::test]
async fn a_query_is_answered_from_the_baselines_and_deleted_when_it_is_over() {
    let mut made = HandMade::new();
    put(&mut made.feeds.baselines, baseline());
    let (client, calls) = taking(deleted);
    let context = made.context(client);
    let mut searching = Searching::new(&context);
    searching.take(query(1, clock::now())).await;
    let status = calls.last(&format!("PUT {PATH}/q1/status"))["status"].clone();
    assert_eq!(status["phase"], "Answered");
    assert_eq!(status["answers"][0]["name"], "cart");
    searching.tidy().await;
    assert!(!calls.lines().contains(&format!("DELETE {PATH}/q1")));

    searching.take(query(2, Timestamp::UNIX_EPOCH)).await;
    searching.tidy().await;
    let sent = calls.last(&format!("DELETE {PATH}/q2"));
    assert_eq!(sent["preconditions"]["uid"], "u2");
    assert_eq!(searching.asked.keys().collect::<Vec<_>>(), ["u1"]);
}

#[tokio::test]
async fn of_a_flood_what_is_too_much_is_deleted_unanswered() {
    let made = HandMade::new();
    let (client, calls) = taking(deleted);
    let context = made.context(client);
    let mut searching = Searching::new(&context);
    for number in 0..40 {
        searching.take(query(number, clock::now())).await;
    }
    let lines = calls.lines();
    let of = |verb: &str| lines.iter().filter(|line| line.starts_with(verb)).count();
    assert_eq!((of("PUT"), of("DELETE"), searching.asked.len()), (32, 8, 32));
}

#[tokio::test]
async fn what_can_not_be_deleted_now_is_deleted_later_and_what_is_gone_is_forgotten() {
    for (deletion, left) in [
        ((|| refusal(500, "InternalError")) as fn() -> _, 1),
        (|| refusal(404, "NotFound"), 0),
        (|| refusal(409, "Conflict"), 0),
    ] {
        let made = HandMade::new();
        let (client, _) = taking(deletion);
        let context = made.context(client);
        let mut searching = Searching::new(&context);
        searching.take(query(1, Timestamp::UNIX_EPOCH)).await;
        searching.tidy().await;
        assert_eq!(searching.asked.len(), left);
    }
}
