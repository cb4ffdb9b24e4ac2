//! A tag that is pushed again.

use anchorwatch_crds::v1alpha1::{AlertState, RolloutVerdict, Severity};
use anchorwatch_e2e::AgentImages;
use anchorwatch_e2e::registry::Image;
use k8s_openapi::api::core::v1::Pod;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use super::agents::{Agents, DECIDED, NPROC, of_container, reason, verdict};

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_pod_that_runs_another_image_under_its_tag_is_told_although_it_does_nothing_new() {
    let images = AgentImages::offered().unwrap();
    let first = Image::parse(&images.first).unwrap();
    let tag = format!("e2e-{}", std::process::id());
    let moving = first.push_as(&tag, "before").unwrap();
    let scene = Agents::new("pushed", Some(&moving), 1, &Value::Null).await;
    let always = of_container(&json!({"imagePullPolicy": "Always"}));
    scene.agent.change(&always).await.unwrap();
    scene.agent.ready().await.unwrap();
    let recorded = scene.recorded(2).await.spec.containers[0].digest.clone();

    first.push_as(&tag, "after").unwrap();
    restart(&scene, &moving).await;
    let mismatch = scene.of_rule("digest-mismatch").await;
    let (alert, finding) = (mismatch.alert.status.unwrap(), mismatch.finding);
    assert_eq!(
        (alert.state, finding.severity, verdict(&finding)),
        (AlertState::Escalated, Severity::High, Some(RolloutVerdict::Never))
    );
    assert!(finding.summary.contains(&recorded[..19]), "{}", finding.summary);
    assert_eq!(finding.shown_by.len(), 1);

    // And where it does something new, no rollout explains that either.
    first.push_other_as(&Image::parse(&images.next).unwrap(), &tag).unwrap();
    restart(&scene, &moving).await;
    let nproc = scene
        .finding(NPROC, DECIDED, |finding| finding.state == AlertState::Escalated)
        .await
        .finding;
    assert_eq!(verdict(&nproc), Some(RolloutVerdict::Never));
    assert!(reason(&nproc).starts_with("digest mismatch"), "{}", reason(&nproc));
    scene.end().await;
}

/// One pod goes, and another of the same template comes.
async fn restart(scene: &Agents, image: &str) {
    let before = scene.running(image, 1).await.remove(0);
    let at_once = DeleteParams::default().grace_period(0);
    scene.objects::<Pod>().delete(&before, &at_once).await.unwrap();
    scene.agent.ready().await.unwrap();
}
