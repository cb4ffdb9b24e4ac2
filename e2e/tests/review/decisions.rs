//! Decisions in an alert: what follows, who may, and who comes first.

use anchorwatch_crds::v1alpha1::{AlertState, BehaviorApproval, DecisionOutcome, EntryState};
use anchorwatch_e2e::install::{Component, Goal, Install};
use k8s_openapi::api::core::v1::Pod;
use kube::Error;
use kube::api::{Api, DeleteParams, PatchParams};

use super::scene::{JUDGES, Scene, decision};

const SHELL: [&str; 3] = ["bash", "-c", "exit"];

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_is_accepted_is_silent_in_every_replica_and_after_the_operator_restarts() {
    let scene = Scene::new("accept").await;
    scene.starts(2, JUDGES).await;
    scene.judged().await;
    let answer = scene.agent.ask(&SHELL).await.unwrap();
    let (alert, finding) = scene
        .finding("/bash", |finding| finding.state == AlertState::Open)
        .await;
    scene.decides("alice", "Accept", &alert, &finding).await;
    let (_, accepted) = scene
        .finding("/bash", |finding| finding.state == AlertState::Accepted)
        .await;
    let decided = accepted.decision.unwrap();
    assert_eq!(
        (decided.decided_by.as_str(), decided.outcome),
        ("alice", DecisionOutcome::Done)
    );
    let before = scene.entry("/bash", |entry| entry.state == EntryState::Accepted).await;

    restart_operator(&scene).await;
    scene.another_runs(&answer.pod, &SHELL).await;
    // The other pod never showed it: its node reports it at once, and it is counted, and not raised.
    scene.entry("/bash", |entry| entry.count > before.count).await;
    assert_eq!(scene.states("/bash").await, [AlertState::Accepted]);
    scene.ends().await;
}

pub async fn restart_operator(scene: &Scene) {
    let install = Install::of(&scene.cluster);
    let pods: Api<Pod> = Api::namespaced(scene.cluster.client.clone(), &install.namespace);
    for pod in install.pods(Component::Operator).await.unwrap() {
        let name = pod.metadata.name.unwrap();
        pods.delete(&name, &DeleteParams::default()).await.unwrap();
    }
    install.reached(Component::Operator, Goal::Ready).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn who_may_only_view_is_refused_and_of_two_who_decide_at_once_none_undoes_the_other() {
    let scene = Scene::new("two-people").await;
    scene.starts(1, JUDGES).await;
    scene.judged().await;
    scene.agent.ask(&SHELL).await.unwrap();
    let (alert, finding) = scene
        .finding("/bash", |finding| finding.state == AlertState::Open)
        .await;
    let parameters = PatchParams::default();

    let viewer = scene.alerts_of("victor", "view").await;
    let version = viewer.get(&alert).await.unwrap().metadata.resource_version.unwrap();
    let refused = viewer
        .patch(&alert, &parameters, &decision(&finding.id, "Dismiss", "victor", None))
        .await;
    let Err(Error::Api(said)) = refused else {
        panic!("a viewer decided: {refused:?}")
    };
    assert!(
        said.message.contains("cannot patch resource \"driftalerts\""),
        "{}",
        said.message
    );

    let alice = scene.alerts_of("alice", "anchorwatch-review").await;
    let bob = scene.alerts_of("bob", "anchorwatch-review").await;
    let by_alice = decision(&finding.id, "Deny", "alice", Some(&version));
    let by_bob = decision(&finding.id, "Accept", "bob", Some(&version));
    let (first, second) = tokio::join!(
        alice.patch(&alert, &parameters, &by_alice),
        bob.patch(&alert, &parameters, &by_bob)
    );
    let winners = [("alice", first.is_ok()), ("bob", second.is_ok())];
    let winners: Vec<_> = winners
        .into_iter()
        .filter(|(_, won)| *won)
        .map(|(name, _)| name)
        .collect();
    assert_eq!(winners.len(), 1, "{winners:?}");
    let conflict = [first.err(), second.err()].into_iter().flatten().next();
    assert!(
        matches!(&conflict, Some(Error::Api(status)) if status.is_conflict()),
        "{conflict:?}"
    );
    let closed = |state| matches!(state, AlertState::Accepted | AlertState::Denied);
    let (_, decided) = scene.finding("/bash", |finding| closed(finding.state)).await;
    assert_eq!(decided.decision.unwrap().decided_by, winners[0]);
    scene.ends().await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_is_denied_in_an_alert_becomes_an_approval_and_raises_again_at_once() {
    let scene = Scene::new("deny").await;
    scene.starts(2, JUDGES).await;
    scene.judged().await;
    let answer = scene.agent.ask(&SHELL).await.unwrap();
    let (alert, finding) = scene
        .finding("/bash", |finding| finding.state == AlertState::Open)
        .await;
    scene.decides("alice", "Deny", &alert, &finding).await;
    scene
        .finding("/bash", |finding| finding.state == AlertState::Denied)
        .await;
    let approvals: Api<BehaviorApproval> = scene.all();
    let made = approvals.list(&kube::api::ListParams::default()).await.unwrap().items;
    assert_eq!(made.len(), 1);
    let denied = made[0].spec.deny.as_ref().unwrap();
    assert!(denied.processes[0].executable.ends_with("/bash"), "{denied:?}");
    let notes = made[0].metadata.annotations.clone().unwrap();
    assert_eq!(notes["anchorwatch.dev/decided-by"], "alice");

    scene.another_runs(&answer.pod, &SHELL).await;
    let (_, again) = scene
        .finding("/bash", |finding| finding.rule == "denied-behaviour")
        .await;
    assert_eq!((again.state, again.recurs), (AlertState::Escalated, Some(alert)));
    scene.ends().await;
}
