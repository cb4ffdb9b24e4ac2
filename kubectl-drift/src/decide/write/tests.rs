//! Deciding against an API server that somebody else uses, too.

use std::sync::{Arc, Mutex};

use anchorwatch_crds::v1alpha1::DecidedOn;
use kube::{Client, client::Body};
use serde_json::{Value, json};

use super::*;

const ID: &str = "9c1f0000000000000000000000000000";

/// A client whose API server is a closure from method and body to status and body.
fn served(answer: impl Fn(&str, &Value) -> (u16, Value) + Send + Sync + 'static) -> Api<DriftAlert> {
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let answer = Arc::clone(&answer);
        async move {
            let method = request.method().to_string();
            let bytes = request.into_body().collect_bytes().await?;
            let sent = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
            let (status, body) = answer(&method, &sent);
            let response = http::Response::builder().status(status);
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(response.body(Body::from(serde_json::to_vec(&body)?))?)
        }
    });
    Api::namespaced(Client::new(service, "shop"), "shop")
}

fn alert(version: u32, rule: &str, dispositions: &Value) -> Value {
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftAlert",
        "metadata": {"name": "deployment-agent-1", "namespace": "shop", "resourceVersion": version.to_string()},
        "spec": {"dispositions": dispositions},
        "status": {"workload": {"kind": "Deployment", "name": "agent"}, "findings": [{
            "id": ID, "rule": rule, "feed": "process", "summary": "s", "severity": "Medium", "state": "Open",
            "count": 1, "pods": 1, "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T00:00:00Z",
            "process": {"origin": "entrypoint", "executable": "/usr/bin/id", "source": "image"},
        }]},
    })
}

fn refusal(code: u16, reason: &str, message: &str) -> (u16, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": code,
    });
    (code, status)
}

const RULE: &str = "process-outside-baseline";

fn writer(api: Api<DriftAlert>) -> Writer {
    Writer {
        api,
        namespace: "shop".into(),
        me: "alice".into(),
        decision: Decision::Accept,
        reason: "known".into(),
        replace: false,
        dry_run: false,
    }
}

fn chosen() -> Chosen {
    Chosen {
        alert: "deployment-agent-1".into(),
        finding: ID.into(),
        summary: "s".into(),
        evidence: DecidedOn {
            rule: RULE.into(),
            count: 1,
            last_seen: serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap(),
        },
    }
}

#[tokio::test]
async fn a_decision_names_the_evidence_and_the_version_that_it_was_made_on() {
    let sent = Arc::new(Mutex::new(Value::Null));
    let keep = Arc::clone(&sent);
    let api = served(move |method, body| {
        if method == "PATCH" {
            *keep.lock().unwrap() = body.clone();
        }
        (200, alert(7, RULE, &json!({})))
    });
    assert_eq!(writer(api).write(&chosen()).await.unwrap(), Outcome::Written);
    let expected = json!({
        "metadata": {"resourceVersion": "7"},
        "spec": {"dispositions": {ID: {
            "decision": "Accept", "reason": "known", "decidedBy": "alice",
            "evidence": {"rule": RULE, "count": 1, "lastSeen": "2026-01-01T00:00:00Z"},
        }}},
    });
    assert_eq!(*sent.lock().unwrap(), expected);
}

#[tokio::test]
async fn who_comes_second_reads_again_and_overwrites_nobody() {
    let theirs = json!({ID: {"decision": "Deny", "reason": "a miner", "decidedBy": "bob"}});
    let reads = Mutex::new(0);
    let api = served(move |method, _| {
        if method == "PATCH" {
            return refusal(409, "Conflict", "the object has been modified");
        }
        let mut reads = reads.lock().unwrap();
        *reads += 1;
        let held = if *reads == 1 { json!({}) } else { theirs.clone() };
        (200, alert(*reads, RULE, &held))
    });
    let outcome = writer(api).write(&chosen()).await.unwrap();
    let Outcome::NotWritten(why) = outcome else {
        panic!("{outcome:?}")
    };
    assert!(
        why.contains("bob decided: Deny (a miner)") && why.contains("--replace"),
        "{why}"
    );
}

#[tokio::test]
async fn a_conflict_over_something_else_is_tried_again() {
    let patches = Mutex::new(0);
    let api = served(move |method, _| {
        if method == "PATCH" {
            let mut patches = patches.lock().unwrap();
            *patches += 1;
            if *patches == 1 {
                return refusal(409, "Conflict", "the object has been modified");
            }
        }
        (200, alert(7, RULE, &json!({})))
    });
    assert_eq!(writer(api).write(&chosen()).await.unwrap(), Outcome::Written);
}

#[tokio::test]
async fn what_a_graver_rule_raised_meanwhile_is_not_decided_about() {
    let api = served(|_, _| (200, alert(7, "denied-behaviour", &json!({}))));
    let outcome = writer(api).write(&chosen()).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::NotWritten(why) if why.contains("denied-behaviour by now")),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn who_lacks_the_right_is_told_which_one_and_where_it_comes_from() {
    let api = served(|method, _| {
        if method == "PATCH" {
            let message = "driftalerts.anchorwatch.dev \"x\" is forbidden: User \"alice\" cannot patch resource \
                           \"driftalerts\" in API group \"anchorwatch.dev\" in the namespace \"shop\"";
            return refusal(403, "Forbidden", message);
        }
        (200, alert(7, RULE, &json!({})))
    });
    let outcome = writer(api).write(&chosen()).await.unwrap();
    let Outcome::Forbidden(why) = outcome else {
        panic!("{outcome:?}")
    };
    for part in [
        "alice",
        "patch",
        "driftalerts.anchorwatch.dev",
        "shop",
        "anchorwatch-review",
    ] {
        assert!(why.contains(part), "{why}");
    }
}

#[tokio::test]
async fn what_admission_refuses_is_told_in_its_own_words() {
    let api = served(|method, _| {
        if method == "PATCH" {
            return refusal(403, "Forbidden", "decidedBy of what you decide must be your own name");
        }
        (200, alert(7, RULE, &json!({})))
    });
    let outcome = writer(api).write(&chosen()).await.unwrap();
    assert!(
        matches!(&outcome, Outcome::NotWritten(why) if why.contains("must be your own name")),
        "{outcome:?}"
    );
}
