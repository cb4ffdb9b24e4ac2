//! From a workload's objects to its records.

use anchorwatch_core::{
    chain::{Document, verify},
    id::WorkloadKey,
};
use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment};
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::*;
use crate::{
    testkit::{Call, HandMade, agent_pod, agent_policy, agent_replica_set, api_server, put, refusal, versioned},
    world::facts::{ContainerFacts, Controller, OwnerFacts, PodFacts},
};

const POST: &str = "POST /apis/anchorwatch.dev/v1alpha1/namespaces/shop/rolloutrecords";

fn agent() -> WorkloadKey {
    WorkloadKey::new("shop", "Deployment", "agent")
}

fn template() -> Value {
    json!({
        "metadata": {"labels": {"app": "agent"}},
        "spec": {"containers": [{"name": "main", "image": "agent:1"}]},
    })
}

fn deployment() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {
            "namespace": "shop", "name": "agent", "uid": "d1",
            "annotations": {
                "deployment.kubernetes.io/revision": "1", "kubernetes.io/change-cause": "a new helper",
            },
            "labels": {"app.kubernetes.io/version": "1.2.3"},
            "managedFields": [{"manager": "kubectl-apply", "fieldsV1": {"f:spec": {"f:template": {}}}}],
        },
        "spec": {"selector": {}, "template": template()},
    })
}

fn digest(digits: &str) -> String {
    format!("sha256:{}", digits.repeat(32))
}

fn main_container(digest: Option<&str>) -> Vec<ContainerFacts> {
    vec![ContainerFacts {
        name: "main".into(),
        init: false,
        digest: digest.map(|digest| digest.parse().unwrap()),
    }]
}

fn world(digest: Option<&str>) -> HandMade {
    let mut made = HandMade::new();
    put(&mut made.feeds.policies, agent_policy());
    let deployment: Deployment = serde_json::from_value(deployment()).unwrap();
    made.feeds.deployments.apply_watcher_event(&Event::Apply(deployment));
    made.world.tell_of_replica_set(Event::Apply(agent_replica_set()));
    made.world.tell_of_pod(Event::Apply(PodFacts {
        containers: main_container(digest),
        ..agent_pod("agent-5d-x")
    }));
    made
}

/// What the API server says of the objects of `shop/agent`.
fn answer(call: &Call) -> (u16, Value) {
    match call.line.as_str() {
        "GET /apis/apps/v1/namespaces/shop/deployments/agent" => (200, deployment()),
        "GET /apis/apps/v1/namespaces/shop/replicasets/agent-5d" => (
            200,
            json!({
                "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": "agent-5d"},
                "spec": {"selector": {}, "template": template()},
            }),
        ),
        line if line.starts_with("GET") => refusal(404, "NotFound"),
        _ => (201, versioned(call.body.clone(), "1")),
    }
}

fn writes(calls: &crate::testkit::Calls) -> Vec<String> {
    calls
        .lines()
        .into_iter()
        .filter(|line| !line.starts_with("GET"))
        .collect()
}

#[tokio::test]
async fn a_revision_is_recorded_once_a_pod_tells_its_digests() {
    let (client, calls) = api_server(answer);
    reconcile(&world(None).context(client.clone()), &agent()).await.unwrap();
    assert!(calls.lines().is_empty());
    let digest = digest("ab");
    let made = world(Some(&digest));
    reconcile(&made.context(client), &agent()).await.unwrap();
    let events = "POST /apis/events.k8s.io/v1/namespaces/shop/events";
    assert_eq!(writes(&calls), [POST, events]);
    let record = calls.last(POST);
    assert_eq!(record["metadata"]["name"], "deployment-agent-1");
    let spec = &record["spec"];
    assert_eq!(spec["containers"][0]["digest"], digest);
    assert_eq!(spec["witness"], "agent-5d-x");
    assert_eq!(spec["action"], "First");
    assert_eq!(spec["changeCause"], "a new helper");
    assert_eq!(spec["who"], json!({"manager": "kubectl-apply", "verified": false}));
    assert_eq!(
        spec["gitRevision"],
        json!({"annotation": "app.kubernetes.io/version", "revision": "1.2.3"})
    );
    assert_eq!(made.metrics.records_created.get(), 1);
    let hash = spec["chain"]["hash"].as_str().unwrap();
    let note = calls.last(events)["note"].clone();
    assert!(note.as_str().unwrap().contains(hash), "the head is published: {note}");
}

#[tokio::test]
async fn a_record_that_is_there_already_is_no_failure() {
    let (client, _) = api_server(|call| {
        if call.line == POST {
            refusal(409, "AlreadyExists")
        } else {
            answer(call)
        }
    });
    let made = world(Some(&digest("ab")));
    reconcile(&made.context(client), &agent()).await.unwrap();
    assert_eq!(made.metrics.records_created.get(), 0);
}

/// What was posted as a record, as the API server would keep it.
fn kept(calls: &crate::testkit::Calls) -> Value {
    let mut record = calls.last(POST);
    record["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
    record
}

#[tokio::test]
async fn records_of_a_workload_are_a_chain_that_verifies() {
    let (client, calls) = api_server(answer);
    let mut made = world(Some(&digest("ab")));
    let context = made.context(client);
    reconcile(&context, &agent()).await.unwrap();
    let first = kept(&calls);
    put(&mut made.feeds.records, first.clone());
    // The tag is pushed again, and a second pod runs what it names now.
    made.world.tell_of_pod(Event::Apply(PodFacts {
        containers: main_container(Some(&digest("cd"))),
        ..agent_pod("agent-5d-y")
    }));
    reconcile(&context, &agent()).await.unwrap();
    let second = kept(&calls);
    assert_eq!(second["spec"]["type"], "Digest");
    assert_eq!(second["spec"]["ofRecord"], "deployment-agent-1");
    assert_eq!(second["spec"]["chain"]["previous"], first["spec"]["chain"]["hash"]);
    put(&mut made.feeds.records, second.clone());
    let before = writes(&calls);
    reconcile(&context, &agent()).await.unwrap();
    assert_eq!(posts(&writes(&calls)), posts(&before), "once");
    let documents = [first, second].map(|record| {
        let name = record["metadata"]["name"].as_str().unwrap().to_owned();
        Document::new("shop", name, record["spec"].clone()).unwrap()
    });
    let report = verify(&agent(), &documents, made.world.signing.ring(), None);
    assert_eq!((report.broken, report.sealed), (None, 2));
    assert_eq!(report.head.as_ref(), context.heads.all().get(&agent()));
}

fn posts(lines: &[String]) -> usize {
    lines.iter().filter(|line| *line == POST).count()
}

#[tokio::test]
async fn a_cache_that_lags_behind_makes_no_fork() {
    let (client, calls) = api_server(answer);
    let made = world(Some(&digest("ab")));
    let context = made.context(client);
    reconcile(&context, &agent()).await.unwrap();
    let first = calls.last(POST);
    reconcile(&context, &agent()).await.unwrap();
    let again = calls.last(POST);
    assert_eq!(
        again["metadata"]["name"], first["metadata"]["name"],
        "the API server refuses it"
    );
    assert_eq!(again["spec"]["chain"]["previous"], first["spec"]["chain"]["hash"]);
}

#[tokio::test]
async fn a_record_that_nobody_signed_is_no_evidence() {
    let (client, calls) = api_server(answer);
    let mut made = world(Some(&digest("ab")));
    let forged = json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "RolloutRecord",
        "metadata": {"namespace": "shop", "name": "deployment-agent-1"},
        "spec": {
            "workload": {"kind": "Deployment", "name": "agent"}, "workloadUid": "d1", "revision": 1, "templateHash": "5d",
            "containers": [{"name": "main", "image": "agent:1", "digest": digest("ee")}], "witness": "agent-5d-x",
            "startedAt": "2026-01-01T00:00:00Z", "recordedAt": "2026-01-01T00:00:00Z",
        },
    });
    put(&mut made.feeds.records, forged);
    assert!(made.world.evidence(&agent()).newest().is_none());
    reconcile(&made.context(client), &agent()).await.unwrap();
    let record = calls.last(POST);
    assert_eq!(record["spec"]["containers"][0]["digest"], digest("ab"));
    assert_ne!(record["metadata"]["name"], "deployment-agent-1");
}

/// A StatefulSet `shop/db` at its second revision, and what the API server says of it.
#[tokio::test]
async fn a_stateful_set_is_recorded_by_its_controller_revisions() {
    let mut made = HandMade::new();
    put(&mut made.feeds.policies, agent_policy());
    let revision = |number: i64, image: &str| -> ControllerRevision {
        serde_json::from_value(json!({
            "metadata": {
                "namespace": "shop", "name": format!("db-{number}"), "uid": format!("c{number}"),
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "ownerReferences": [
                    {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "uid": "s1", "controller": true},
                ],
            },
            "revision": number,
            "data": {"spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}},
        }))
        .unwrap()
    };
    for (number, image) in [(1, "db:1"), (2, "db:2")] {
        let facts = OwnerFacts::from(revision(number, image));
        made.world.tell_of_controller_revision(Event::Apply(facts));
    }
    made.world.tell_of_pod(Event::Apply(PodFacts {
        labels: [("app", "agent"), ("controller-revision-hash", "db-2")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        controller: Some(Controller {
            api_version: "apps/v1".into(),
            kind: "StatefulSet".into(),
            name: "db".into(),
            uid: "s1".into(),
        }),
        containers: main_container(Some(&digest("ab"))),
        ..agent_pod("db-0")
    }));
    let (client, calls) = api_server(move |call| match call.line.as_str() {
        "GET /apis/apps/v1/namespaces/shop/controllerrevisions/db-2" => {
            (200, serde_json::to_value(revision(2, "db:2")).unwrap())
        }
        _ => answer(call),
    });
    reconcile(&made.context(client), &WorkloadKey::new("shop", "StatefulSet", "db"))
        .await
        .unwrap();
    let record = calls.last(POST);
    assert_eq!(record["metadata"]["name"], "statefulset-db-2");
    assert_eq!(record["spec"]["templateHash"], "db-2");
    assert_eq!(record["spec"]["containers"][0]["image"], "db:2");
}

#[test]
fn jobs_of_one_template_are_one_revision_and_another_template_is_the_next() {
    let job = |name: &str, image: &str| -> OwnerFacts {
        let job: k8s_openapi::api::batch::v1::Job = serde_json::from_value(json!({
            "metadata": {
                "namespace": "shop", "name": name, "uid": name,
                "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"job-name": name},
            },
            "spec": {"template": {
                "metadata": {"labels": {"job-name": name}},
                "spec": {"containers": [{"name": "main", "image": image}]},
            }},
        }))
        .unwrap();
        job.into()
    };
    let [a, b, c] = [job("a", "i:1"), job("b", "i:1"), job("c", "i:2")].map(|job| job.template_hash.unwrap());
    assert_eq!(a, b);
    assert_ne!(a, c);
}

#[tokio::test]
async fn an_intent_that_was_written_before_is_kept_by_the_record_and_told_what_became_of_it() {
    let digest = digest("ab");
    let mut made = world(Some(&digest));
    let intent = json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "RolloutIntent",
        "metadata": {
            "namespace": "shop", "name": "deploy-1", "uid": "i1",
            "creationTimestamp": agent_replica_set().created.to_string(),
        },
        "spec": {
            "workload": {"kind": "Deployment", "name": "agent"}, "by": "ci",
            "containers": [{"name": "main", "digest": digest}],
        },
    });
    put(&mut made.feeds.intents, intent);
    let (client, calls) = api_server(answer);
    reconcile(&made.context(client), &agent()).await.unwrap();
    let announced = calls.last(POST)["spec"]["announced"].clone();
    let expected = json!({"intent": "deploy-1", "uid": "i1", "by": "ci", "containers": ["main"]});
    assert_eq!(announced, expected);
    let status = "PUT /apis/anchorwatch.dev/v1alpha1/namespaces/shop/rolloutintents/deploy-1/status";
    assert_eq!(calls.last(status)["status"], json!({"state": "Waiting"}));

    // Its record came back through the watch: the rollout is the announced one.
    put(&mut made.feeds.records, versioned(calls.last(POST), "7"));
    let (client, calls) = api_server(answer);
    reconcile(&made.context(client), &agent()).await.unwrap();
    assert_eq!(
        calls.last(status)["status"],
        json!({"state": "Announced", "record": "deployment-agent-1"})
    );
}
