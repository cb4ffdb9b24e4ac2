//! For tests: an API server that holds some objects, and a workload that did something.

use std::{collections::BTreeMap, sync::Arc};

use anchorwatch_crds::v1alpha1::BehaviorBaseline;
use kube::{Client, client::Body};
use serde_json::{Value, json};

use crate::workload::Known;

/// A client of an API server that answers GET with what it holds under these paths, and with "not found" otherwise. A
/// path that ends in `!` is forbidden.
pub fn serving(objects: impl IntoIterator<Item = (&'static str, Value)>) -> Client {
    let objects: Arc<BTreeMap<&str, Value>> = Arc::new(objects.into_iter().collect());
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let objects = Arc::clone(&objects);
        async move {
            let path = request.uri().path();
            let (status, body) = match objects.get(path) {
                Some(object) => (200, object.clone()),
                None if objects.contains_key(format!("{path}!").as_str()) => (403, refusal(403, "Forbidden")),
                None => (404, refusal(404, "NotFound")),
            };
            let response = http::Response::builder().status(status);
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(response.body(Body::from(serde_json::to_vec(&body)?))?)
        }
    });
    Client::new(service, "shop")
}

fn refusal(code: u16, reason: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": reason, "reason": reason,
        "code": code,
    })
}

/// A list of objects.
pub fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items})
}

/// An entry of the process feed: seen so often on so many days from 2026-01-01 on.
pub fn program(executable: &str, count: i64, days: u32) -> Value {
    let bits = (1_i64 << days) - 1;
    json!({
        "process": {"origin": "entrypoint", "parent": "/usr/bin/python3", "executable": executable, "source": "image"},
        "count": count, "pods": 1, "days": bits, "lastDay": 20_454 + i64::from(days) - 1,
        "firstSeen": "2026-01-01T06:00:00Z", "lastSeen": format!("2026-01-{days:02}T06:00:00Z"),
    })
}

/// The same, with further fields.
pub fn with(mut object: Value, fields: Value) -> Value {
    if let (Some(held), Value::Object(fields)) = (object.as_object_mut(), fields) {
        held.extend(fields);
    }
    object
}

/// The baseline of a workload, with these entries of the process feed.
pub fn baseline(kind: &str, name: &str, entries: &[Value]) -> Value {
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "BehaviorBaseline",
        "metadata": {"namespace": "shop", "name": format!("{}-{name}", kind.to_lowercase())},
        "spec": {"workload": {"kind": kind, "name": name}},
        "status": {
            "state": "Enforcing", "expectedNewPerWeek": 1.3, "hoursObserved": 254, "podLabels": {"app": name},
            "containers": [{"name": "app", "feeds": [{
                "feed": "process", "state": "Enforcing", "startedAt": "2026-01-01T00:00:00Z", "hoursObserved": 254,
                "expectedNewPerWeek": 1.3, "atMostNewPerWeek": 4, "entries": entries,
                "losses": [{"reason": "ring_full", "count": 7, "last": "2026-01-02T00:00:00Z"}],
            }]}],
            "conditions": [
                condition("Ready", "True", "every container's deviations are raised"),
                condition("LossObserved", "True", "7 events were lost"),
                condition("Truncated", "False", "all found room"),
            ],
        },
    })
}

/// A condition.
pub fn condition(kind: &str, status: &str, message: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": "Because", "message": message,
        "lastTransitionTime": "2026-01-02T00:00:00Z",
    })
}

/// A workload of whose baseline something is known.
pub fn known(object: Value) -> Known {
    let object: BehaviorBaseline = serde_json::from_value(object).expect("it is a baseline");
    Known::of(object)
}
