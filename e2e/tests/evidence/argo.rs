//! Rollouts of Argo, by its own controller: a canary, its promotion, and one that is aborted.

use anchorwatch_crds::v1alpha1::{AlertState, RolloutAction, RolloutProgress, RolloutRecord, RolloutVerdict};
use anchorwatch_e2e::agent::AGENT;
use anchorwatch_e2e::plugin::drift;
use anchorwatch_e2e::registry::Image;
use anchorwatch_e2e::rollouts::{Rollouts, rollouts};
use anchorwatch_e2e::wait::until;
use anyhow::ensure;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use super::agents::{Agents, DECIDED, FOUND, JUDGEMENT, LEARNED, NPROC, reason, verdict};
use super::scene::said;

const ROLLOUT: &str = "rollout";

#[tokio::test]
#[ignore = "needs a cluster"]
async fn an_argo_rollouts_canary_is_told_by_its_digest_promoted_and_aborted() {
    let scene = Agents::none("argo").await;
    let test = "an_argo_rollouts_canary_is_told_by_its_digest_promoted_and_aborted";
    let Some(_controller) = Rollouts::offered(test, &scene.cluster, &scene.namespace).await.unwrap() else {
        return scene.end().await;
    };
    starts(&scene).await;
    let (first, next) = (scene.images.first.clone(), scene.images.next.clone());
    let one = scene.recorded_as(ROLLOUT, 1).await;
    assert_eq!(one.spec.workload.kind, "Rollout");
    assert_eq!(one.spec.action, Some(RolloutAction::First));
    progresses(&scene, 1, RolloutProgress::Complete).await;

    // Half of two pods, and then it waits for somebody.
    rolls_out(&scene, &next).await;
    let canary = scene.running(&next, 1).await.remove(0);
    let stable = scene.running(&first, 1).await.remove(0);
    let two = scene.recorded_as(ROLLOUT, 2).await;
    assert_eq!(two.spec.action, Some(RolloutAction::Update));
    assert_ne!(two.spec.containers[0].digest, one.spec.containers[0].digest);
    assert!(two.spec.who.is_some(), "its object says who wrote the template");
    progresses(&scene, 2, RolloutProgress::Paused).await;
    scene.agent.ask_pod(&stable, &["/usr/bin/id"]).await.unwrap();
    let id = scene
        .finding("/usr/bin/id", FOUND, |finding| finding.state == AlertState::Open)
        .await
        .finding;
    assert_eq!(verdict(&id), Some(RolloutVerdict::Unmatched), "{}", reason(&id));
    let brought = scene
        .finding(NPROC, DECIDED, |finding| finding.state == AlertState::Suppressed)
        .await;
    assert!(
        reason(&brought.finding).contains(&two.spec.containers[0].digest[..19]),
        "{}",
        reason(&brought.finding)
    );
    let shown_by: Vec<&str> = brought.finding.shown_by.iter().map(|pod| pod.pod.as_str()).collect();
    assert_eq!(shown_by, [canary.as_str()]);
    let workload = brought.alert.status.unwrap().workload;
    assert_eq!((workload.kind.as_str(), workload.name.as_str()), ("Rollout", AGENT));

    says(&scene, &json!({"pauseConditions": null})).await;
    progresses(&scene, 2, RolloutProgress::Complete).await;
    scene.running(&next, 2).await;

    // A third one is aborted: its pods go, and its template stays the one that is asked for.
    let tag = format!("argo-{}", std::process::id());
    let third = Image::parse(&next).unwrap().push_as(&tag, "aborted").unwrap();
    rolls_out(&scene, &third).await;
    scene.recorded_as(ROLLOUT, 3).await;
    says(&scene, &json!({"abort": true})).await;
    let aborted = progresses(&scene, 3, RolloutProgress::RolledBack).await;
    let status = aborted.status.unwrap();
    assert!(status.rolled_back_at.is_some() && status.completed_at.is_none());
    let keys = format!(
        "{}/anchorwatch-public-keys",
        anchorwatch_e2e::install::Install::of(&scene.cluster).namespace
    );
    let verified = drift(&["verify", "--namespace", &scene.namespace, "--keys-from", &keys]).unwrap();
    assert_eq!(verified.status.code(), Some(0), "{}", said(&verified));
    scene.end().await;
}

/// The agent as a Rollout of two pods, learned and judged.
async fn starts(scene: &Agents) {
    let address = scene.agent.is_watched_under(JUDGEMENT, &Value::Null).await.unwrap();
    let mut rollout = scene.agent.deployment(&scene.images.first, 2, &address);
    rollout["apiVersion"] = json!("argoproj.io/v1alpha1");
    rollout["kind"] = json!("Rollout");
    rollout["spec"]["strategy"] = json!({"canary": {"steps": [{"setWeight": 50}, {"pause": {}}]}});
    let rollout = serde_json::from_value(rollout).unwrap();
    rollouts(&scene.cluster, &scene.namespace)
        .create(&PostParams::default(), &rollout)
        .await
        .unwrap();
    until("the baseline to judge", LEARNED, async || {
        scene.agent.is_judged_as(ROLLOUT).await
    })
    .await
    .unwrap();
}

async fn rolls_out(scene: &Agents, image: &str) {
    let image = json!({"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image});
    let patch: Patch<()> = Patch::Json(serde_json::from_value(json!([image])).unwrap());
    rollouts(&scene.cluster, &scene.namespace)
        .patch(AGENT, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

/// What its plugin for kubectl writes, to promote or to abort.
async fn says(scene: &Agents, status: &Value) {
    rollouts(&scene.cluster, &scene.namespace)
        .patch_status(AGENT, &PatchParams::default(), &Patch::Merge(json!({"status": status})))
        .await
        .unwrap();
}

/// The record of a revision, once it is so far.
async fn progresses(scene: &Agents, revision: i64, wanted: RolloutProgress) -> RolloutRecord {
    let what = format!("revision {revision} to be {wanted:?}");
    until(&what, DECIDED, async || {
        let record = scene.recorded_as(ROLLOUT, revision).await;
        let progress = record.status.as_ref().and_then(|status| status.progress);
        ensure!(progress == Some(wanted), "it is {progress:?}");
        Ok(record)
    })
    .await
    .unwrap()
}
