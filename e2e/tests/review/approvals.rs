//! Approvals as Git applies them: before the workload exists, again and again, and taken away.

use anchorwatch_crds::v1alpha1::{AlertState, BehaviorApproval, EntryState};
use kube::api::{Api, DeleteParams};
use serde_json::json;

use super::scene::{JUDGES, LEARNS, Scene};

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_is_denied_before_a_workload_exists_raises_at_once_while_its_baseline_learns() {
    let scene = Scene::new("manifest-deny").await;
    let spec = json!({"deny": {"processes": [{"executable": "/usr/bin/nproc"}]}});
    scene.applies("from-git", &spec).await.unwrap();
    scene.accepted("from-git", ("True", "Awaited")).await;
    scene.starts(1, LEARNS).await;
    scene.learned().await;
    scene.accepted("from-git", ("True", "Valid")).await;
    // Git applies it again, and nothing changes.
    let version = scene.applies("from-git", &spec).await.unwrap();
    assert_eq!(scene.applies("from-git", &spec).await.unwrap(), version);

    scene.agent.ask(&["nproc"]).await.unwrap();
    let (_, denied) = scene.finding("/nproc", |_| true).await;
    assert_eq!(
        (denied.rule.as_str(), denied.state),
        ("denied-behaviour", AlertState::Escalated)
    );
    scene.ends().await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_is_approved_before_a_workload_exists_is_never_raised_and_not_learned_by_it() {
    let scene = Scene::new("manifest-approve").await;
    let spec = json!({"approve": {"processes": [{"executable": "/usr/bin/bash"}]}});
    scene.applies("from-git", &spec).await.unwrap();
    scene.starts(2, JUDGES).await;
    scene.judged().await;
    let answer = scene.agent.ask(&["bash", "-c", "nproc; exit"]).await.unwrap();
    // What the shell started is new, so that the shell was seen, too.
    scene
        .finding("/nproc", |finding| finding.state == AlertState::Open)
        .await;
    assert_eq!(scene.findings("/bash").await.unwrap(), []);
    assert_eq!(scene.entries("/bash").await.unwrap(), []);

    let approvals: Api<BehaviorApproval> = scene.all();
    approvals.delete("from-git", &DeleteParams::default()).await.unwrap();
    let pods = scene.agent.pods().await.unwrap();
    let names = pods.into_iter().filter_map(|pod| pod.metadata.name);
    let other = names.into_iter().find(|name| *name != answer.pod).unwrap();
    scene.agent.ask_pod(&other, &["bash", "-c", "exit"]).await.unwrap();
    scene
        .finding("/bash", |finding| finding.state == AlertState::Open)
        .await;
    scene.ends().await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_frozen_baseline_learns_nothing_although_it_would_still_learn() {
    let scene = Scene::new("freeze").await;
    scene.starts(1, LEARNS).await;
    scene.learned().await;
    scene.applies("frozen", &json!({"freeze": true})).await.unwrap();
    scene.accepted("frozen", ("True", "Valid")).await;
    scene.agent.ask(&["nproc"]).await.unwrap();
    let (_, raised) = scene.finding("/nproc", |_| true).await;
    assert_eq!(raised.rule, "process-outside-baseline");
    let states: Vec<_> = scene
        .entries("/nproc")
        .await
        .unwrap()
        .iter()
        .map(|entry| entry.state)
        .collect();
    assert_eq!(states, [EntryState::Quarantined]);
    scene.ends().await;
}
