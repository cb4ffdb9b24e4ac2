//! A rollout is the best cover there is: what it brings is suppressed, and what only happens meanwhile is not.

use anchorwatch_crds::v1alpha1::{AlertState, RolloutVerdict, Severity, SourceLayer};
use serde_json::{Value, json};

use super::agents::{Agents, DECIDED, FOUND, NPROC, of_container, reason, verdict};

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_a_rollout_brings_is_suppressed_and_what_only_happens_meanwhile_stays_open() {
    let scene = Agents::new("cover", None, 2, &Value::Null).await;
    let next = scene.images.next.clone();
    let old = scene.running(&scene.images.first.clone(), 2).await;
    scene.recorded(1).await;
    // A new pod has to be ready for long before the next old one goes: the rollout stops halfway.
    let mut halfway = of_container(&json!({"image": next}));
    halfway["spec"]["minReadySeconds"] = json!(300);
    halfway["spec"]["strategy"] = json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}});
    scene.agent.change(&halfway).await.unwrap();
    let new = scene.running(&next, 1).await.remove(0);

    // The pod of the old revision does what the new one does; and what the new one alone does.
    scene.agent.ask_pod(&old[0], &["/usr/bin/id"]).await.unwrap();
    for argv in [
        &["/usr/bin/id"][..],
        &["/usr/bin/uname"],
        &["cp", "/usr/bin/true", "/tmp/dropped"],
        &["/tmp/dropped"],
        &["chmod", "0755", "/usr/bin/arch"],
        &["/usr/bin/arch"],
    ] {
        scene.agent.ask_pod(&new, argv).await.unwrap();
    }
    scene
        .agent
        .ask_pod_with_socket(&new, &["/usr/bin/bash", "-c", ":"])
        .await
        .unwrap();
    scene.exec(&new, &["/usr/bin/true"]).unwrap();

    let id = scene
        .finding("/usr/bin/id", FOUND, |finding| finding.state == AlertState::Open)
        .await
        .finding;
    assert_eq!(verdict(&id), Some(RolloutVerdict::Unmatched));
    assert!(reason(&id).contains("not of the revision"), "{}", reason(&id));
    for rule in ["socket-as-stdin", "executable-not-from-image", "exec-from-outside"] {
        let never = scene.of_rule(rule).await.finding;
        assert_eq!(
            (verdict(&never), never.state),
            (Some(RolloutVerdict::Never), AlertState::Escalated),
            "{rule}"
        );
        assert!(never.severity >= Severity::High, "{rule}");
    }
    let dropped = scene.of_rule("executable-not-from-image").await.finding;
    assert_eq!(dropped.behavior.executable(), "/tmp/dropped");

    scene
        .agent
        .change(&json!({"spec": {"minReadySeconds": 0}}))
        .await
        .unwrap();
    let brought = scene
        .finding(NPROC, DECIDED, |finding| finding.state == AlertState::Suppressed)
        .await
        .finding;
    let rollout = brought.rollout.clone().unwrap();
    assert_eq!(rollout.record.as_deref(), Some("deployment-agent-2"));
    let digest = scene.recorded(2).await.spec.containers[0].digest.clone();
    assert!(rollout.reason.contains(&digest[..19]), "{}", rollout.reason);

    // One of two pods: tagged with the rollout, and open. It shares its alert with what the rollout did bring.
    let alone = scene
        .finding("/usr/bin/uname", DECIDED, |finding| finding.state == AlertState::Open)
        .await;
    assert_eq!(verdict(&alone.finding), Some(RolloutVerdict::Partial));
    assert!(
        reason(&alone.finding).contains("1 of 2 running pods"),
        "{}",
        reason(&alone.finding)
    );
    let status = alone.alert.status.unwrap();
    assert_eq!(status.state, AlertState::Open);
    assert_eq!(
        status.rollout, None,
        "the alert is not excused by what explains another finding of it"
    );
    let mixed = status.findings.iter().find(|finding| finding.id == brought.id);
    let mixed = mixed.expect("both were found while the rollout went on");
    assert_eq!(
        (mixed.state, verdict(mixed)),
        (AlertState::Suppressed, Some(RolloutVerdict::Matched))
    );

    a_touched_file_is_of_the_image(&scene).await;
    scene.end().await;
}

/// A file of the image that was copied up by a chmod is still a file of the image.
async fn a_touched_file_is_of_the_image(scene: &Agents) {
    let touched = scene.finding("/usr/bin/arch", FOUND, |_| true).await.finding;
    assert_eq!(touched.rule, "process-outside-baseline");
    let source = touched.behavior.process.as_ref().map(|process| process.source);
    assert_eq!(source, Some(SourceLayer::ImageCopiedUp));
}
