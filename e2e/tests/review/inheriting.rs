//! A blue-green copy is given what the other one learned.

use anchorwatch_crds::v1alpha1::{AlertState, EntryPast, EntryState};
use anchorwatch_e2e::AgentImages;
use anchorwatch_e2e::agent::{Agent, Judgement};
use anchorwatch_e2e::wait::until;
use serde_json::json;

use super::scene::{JUDGES, SOON, Scene};

/// Long enough to be shown something meanwhile.
const LEARNS_FIRST: Judgement = Judgement {
    minimum: "30s",
    correlation: "10m",
};

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_blue_learned_is_known_to_green_before_it_does_it_and_the_rest_is_not() {
    let scene = Scene::new("inherit").await;
    let images = AgentImages::offered().unwrap();
    let blue = Agent::new(&scene.cluster, &scene.namespace, "blue");
    let green = &scene.agent;
    let from = json!({"inheritFrom": {"kind": "Deployment", "name": "blue"}});
    scene.applies("copy", &from).await.unwrap();
    scene.condition("copy", "Inherited", ("False", "Awaited")).await;

    blue.start(&images.first, 1, LEARNS_FIRST).await.unwrap();
    blue.ask(&["nproc"]).await.unwrap();
    scene.starts(1, JUDGES).await;
    until("blue to judge", SOON, async || blue.is_judged().await)
        .await
        .unwrap();
    scene.condition("copy", "Inherited", ("True", "TakenOver")).await;
    let given = scene.entry("/nproc", |entry| entry.state == EntryState::Learned).await;
    assert_eq!((given.past, given.count), (Some(EntryPast::Inherited), 0));

    scene.judged().await;
    green.ask(&["nproc"]).await.unwrap();
    // What it does by itself is its own from then on.
    scene
        .entry("/nproc", |entry| entry.past.is_none() && entry.count > 0)
        .await;
    green.ask(&["bash", "-c", "exit"]).await.unwrap();
    scene
        .finding("/bash", |finding| finding.state == AlertState::Open)
        .await;
    assert_eq!(scene.findings("/nproc").await.unwrap(), []);
    scene.ends().await;
}
