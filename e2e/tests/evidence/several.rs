//! Several rollouts within one window.

use anchorwatch_crds::v1alpha1::{AlertState, RolloutAction, RolloutVerdict};
use anchorwatch_e2e::wait::until;
use anyhow::ensure;
use serde_json::{Value, json};

use super::agents::{Agents, FOUND, NPROC, of_container, reason, verdict};

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_restart_explains_nothing_and_what_a_rollout_brought_stays_explained_after_the_next() {
    let scene = Agents::new("several", None, 1, &Value::Null).await;
    scene.recorded(1).await;
    let restart = json!({"kubectl.kubernetes.io/restartedAt": "now"});
    let restart = json!({"spec": {"template": {"metadata": {"annotations": restart}}}});
    scene.agent.change(&restart).await.unwrap();
    scene.agent.ready().await.unwrap();
    assert_eq!(scene.recorded(2).await.spec.action, Some(RolloutAction::Restart));
    let restarted = scene.running(&scene.images.first.clone(), 1).await.remove(0);
    scene.agent.ask_pod(&restarted, &["/usr/bin/id"]).await.unwrap();
    let id = scene
        .finding("/usr/bin/id", FOUND, |finding| finding.state == AlertState::Open)
        .await
        .finding;
    assert_eq!(verdict(&id), Some(RolloutVerdict::Unmatched));
    assert!(
        reason(&id).contains("runs the same image as deployment-agent-1"),
        "{}",
        reason(&id)
    );

    scene.agent.roll_out(&scene.images.next.clone()).await.unwrap();
    let suppressed = |finding: &anchorwatch_crds::v1alpha1::Finding| finding.state == AlertState::Suppressed;
    scene.finding(NPROC, FOUND, suppressed).await;
    // The same image, configured anew: its pods do what the rollout before brought.
    let again = of_container(&json!({"env": [{"name": "AGAIN", "value": "1"}]}));
    scene.agent.change(&again).await.unwrap();
    scene.agent.ready().await.unwrap();
    assert_eq!(scene.recorded(4).await.spec.action, Some(RolloutAction::Reconfigure));
    let nproc = scene.finding(NPROC, FOUND, |finding| finding.pods == 2).await.finding;
    assert_eq!(nproc.state, AlertState::Suppressed, "{}", reason(&nproc));
    let record = nproc.rollout.and_then(|rollout| rollout.record);
    assert_eq!(record.as_deref(), Some("deployment-agent-3"));

    // Back to the image before: what its pods then newly do is not what the rollout brought.
    let back = of_container(&json!({"image": scene.images.first, "env": [{"name": "AGAIN", "$patch": "delete"}]}));
    scene.agent.change(&back).await.unwrap();
    let old = scene.running(&scene.images.first.clone(), 1).await.remove(0);
    scene.agent.ask_pod(&old, &[NPROC]).await.unwrap();
    let opened = scene
        .finding(NPROC, FOUND, |finding| finding.state == AlertState::Open)
        .await
        .finding;
    assert!(reason(&opened).contains("not any more"), "{}", reason(&opened));
    until("the records in order", FOUND, async || {
        let mut started = Vec::new();
        for revision in 1..=5 {
            started.push(scene.recorded(revision).await.spec.started_at.0);
        }
        ensure!(started.is_sorted(), "they started at {started:?}");
        Ok(())
    })
    .await
    .unwrap();
    scene.end().await;
}
