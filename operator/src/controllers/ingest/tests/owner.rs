//! Pods whose ReplicaSet no watch has told of.

use super::*;
use crate::{clock, world::facts::PodFacts};

const GET_SET: &str = "GET /apis/apps/v1/namespaces/shop/replicasets/agent-5d";

/// What comes of a batch of a pod that was made just now, where this is answered about its ReplicaSet.
async fn with_set(made: &HandMade, answer: (u16, Value)) -> (Result<Action, IngestError>, Calls) {
    made.world.tell_of_pod(Event::Apply(PodFacts {
        created: clock::now(),
        ..agent_pod("agent-5d-x")
    }));
    let store = Store {
        report: report(1, "/bin/a"),
        baseline: Mutex::default(),
    };
    run_in(made, report(1, "/bin/a"), move |call| match call.line.as_str() {
        GET_SET => answer.clone(),
        _ => store.answer(call),
    })
    .await
}

fn set(uid: &str) -> (u16, Value) {
    let metadata = json!({"namespace": "shop", "name": "agent-5d", "uid": uid});
    (
        200,
        json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata}),
    )
}

fn without_set() -> HandMade {
    let mut made = HandMade::new();
    put(&mut made.feeds.policies, agent_policy());
    made
}

#[tokio::test]
async fn a_batch_waits_for_a_replica_set_that_the_watch_has_yet_to_tell_of() {
    let made = without_set();
    let (result, calls) = with_set(&made, set("rs1")).await;
    assert!(matches!(result, Err(IngestError::OwnerPending { .. })));
    assert_eq!(calls.lines(), [GET_SET]);
}

#[tokio::test]
async fn a_pod_that_names_what_is_not_there_holds_up_nobody() {
    for answer in [refusal(404, "NotFound"), set("another")] {
        let made = without_set();
        let (result, calls) = with_set(&made, answer).await;
        result.unwrap();
        assert_eq!(calls.last(PUT_REPORT)["status"]["acknowledged"]["seq"], 1);
        assert_eq!(dropped(&made, plan::dropped::OWNER_GONE), 1);
    }
}
