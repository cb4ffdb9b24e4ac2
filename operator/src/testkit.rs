//! For tests: an API server that is a closure, and a world that is filled by hand.

use std::sync::{Arc, Mutex};

use http::{Method, Request, Response, StatusCode};
use kube::{
    Client,
    client::Body,
    runtime::{reflector::store::Writer, watcher::Event},
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    context::Context,
    metrics::Metrics,
    test_switch::TestSwitches,
    world::{
        Guarded, World,
        facts::{Controller, OwnerFacts, PodFacts},
        feeds::{self, Feeds},
    },
};

/// What was asked of the API server.
#[derive(Clone, Debug)]
pub struct Call {
    /// `METHOD path`, without the query.
    pub line: String,
    /// What was sent.
    pub body: Value,
}

/// What was asked of the API server so far.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    /// The calls' lines, in order.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|call| call.line.clone()).collect()
    }

    /// The body of the last call with this line.
    pub fn last(&self, line: &str) -> Value {
        let calls = self.0.lock().unwrap();
        let found = calls.iter().rev().find(|call| call.line == line);
        found
            .unwrap_or_else(|| panic!("no call {line} among {calls:?}"))
            .body
            .clone()
    }
}

/// A client whose API server is a closure: from the call to status and body.
pub fn api_server(answer: impl Fn(&Call) -> (u16, Value) + Send + Sync + 'static) -> (Client, Calls) {
    let calls = Calls::default();
    let answer = Arc::new(answer);
    let record = calls.clone();
    let service = tower::service_fn(move |request: Request<Body>| {
        let answer = Arc::clone(&answer);
        let record = record.clone();
        async move {
            let line = format!("{} {}", request.method(), request.uri().path());
            let sends = request.method() != Method::GET;
            let bytes = request.into_body().collect_bytes().await?;
            let body = if sends {
                serde_json::from_slice(&bytes)?
            } else {
                Value::Null
            };
            let call = Call { line, body };
            let (status, body) = answer(&call);
            record.0.lock().unwrap().push(call);
            let response = Response::builder().status(StatusCode::from_u16(status)?);
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(response.body(Body::from(serde_json::to_vec(&body)?))?)
        }
    });
    (Client::new(service, "default"), calls)
}

/// What the API server says when it refuses.
pub fn refusal(code: u16, reason: &str) -> (u16, Value) {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "refused", "reason": reason, "code": code,
    });
    (code, status)
}

/// What the API server says of an object of this name that is not there.
pub fn gone(name: &str) -> (u16, Value) {
    let (code, mut status) = refusal(404, "NotFound");
    status["details"] = json!({"name": name});
    (code, status)
}

/// The same object with another resourceVersion.
pub fn versioned(mut object: Value, version: &str) -> Value {
    object["metadata"]["resourceVersion"] = json!(version);
    object
}

/// A world that is filled by hand. The feeds keep the caches alive.
#[derive(Debug)]
pub struct HandMade {
    /// The world.
    pub world: Arc<World>,
    /// What fills it.
    pub feeds: Feeds,
    /// The metrics.
    pub metrics: Metrics,
}

impl HandMade {
    /// An empty world.
    pub fn new() -> Self {
        let metrics = Metrics::new().unwrap();
        let (world, feeds) = feeds::new(&metrics, "anchorwatch", crate::signing::signing());
        Self { world, feeds, metrics }
    }

    /// A context of this world.
    pub fn context(&self, client: Client) -> Context {
        Context::new(
            client,
            Arc::clone(&self.world),
            self.metrics.clone(),
            TestSwitches::default(),
            "test".into(),
        )
    }
}

/// Puts an object into a cache.
pub fn put<K>(writer: &mut Writer<Guarded<K>>, object: Value)
where
    K: kube::Resource<DynamicType = ()> + Clone + DeserializeOwned + 'static,
{
    writer.apply_watcher_event(&Event::Apply(serde_json::from_value(object).unwrap()));
}

/// A pod of the Deployment `shop/agent` on `node1`.
pub fn agent_pod(name: &str) -> PodFacts {
    PodFacts {
        namespace: "shop".into(),
        name: name.into(),
        uid: format!("uid-{name}"),
        node: "node1".into(),
        labels: [("app", "agent"), ("pod-template-hash", "5d")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        controller: Some(Controller {
            api_version: "apps/v1".into(),
            kind: "ReplicaSet".into(),
            name: "agent-5d".into(),
            uid: "rs1".into(),
        }),
        created: jiff::Timestamp::UNIX_EPOCH,
        running: true,
        succeeded: false,
        ready: None,
        declared: vec!["main".into()],
        images: [("main".to_owned(), "agent:1".to_owned())].into(),
        containers: Vec::new(),
    }
}

/// The ReplicaSet of those pods.
pub fn agent_replica_set() -> OwnerFacts {
    OwnerFacts {
        namespace: "shop".into(),
        name: "agent-5d".into(),
        uid: "rs1".into(),
        controller: Some(Controller {
            api_version: "apps/v1".into(),
            kind: "Deployment".into(),
            name: "agent".into(),
            uid: "d1".into(),
        }),
        created: jiff::Timestamp::UNIX_EPOCH,
        revision: Some(1),
        template_hash: Some("5d".into()),
    }
}

/// A policy for those pods.
pub fn agent_policy() -> Value {
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftPolicy",
        "metadata": {"namespace": "shop", "name": "agent"},
        "spec": {"mode": "Alert", "selector": {"matchLabels": {"app": "agent"}}},
    })
}

/// An alert of those pods' Deployment, without findings.
pub fn drift_alert(number: u32, severity: &str, state: &str) -> Value {
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftAlert",
        "metadata": {"namespace": "shop", "name": format!("deployment-agent-{number}")},
        "spec": {},
        "status": {
            "severity": severity, "state": state, "workload": {"kind": "Deployment", "name": "agent"},
            "workloadName": "Deployment/agent", "container": "app", "summary": "a shell", "count": 4, "pods": 2,
            "policy": "shop/agent", "firstSeen": "1970-01-01T00:01:40Z", "lastSeen": "1970-01-01T00:03:20Z",
        },
    })
}
