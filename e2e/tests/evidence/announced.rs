//! A rollout that a pipeline announced, under a policy that asks for that and for names that are tied to users.

use anchorwatch_crds::v1alpha1::{AlertState, IntentState, RolloutIntent, RolloutRecord, RolloutVerdict};
use anchorwatch_e2e::agent::AGENT;
use anchorwatch_e2e::registry::Image;
use anchorwatch_e2e::wait::until;
use anyhow::{Context, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams, PostParams};
use serde_json::json;

use super::agents::{Agents, FOUND, NPROC, of_container, reason, verdict};

/// The user, and the field manager whose name the tests' installation ties to him.
const PIPELINE: &str = "e2e-pipeline";

#[tokio::test]
#[ignore = "needs a cluster"]
async fn an_announced_rollout_says_so_and_is_compared_with_what_it_then_does() {
    let rollout = json!({"requireIntentFrom": [PIPELINE], "requireVerified": true});
    let scene = Agents::new("announced", None, 1, &rollout).await;
    scene.recorded(1).await;
    let client = scene.cluster.impersonate(PIPELINE, &["system:masters"]).unwrap();
    let next = scene.images.next.clone();
    let digest = Image::parse(&next).unwrap().digest().unwrap();
    let intent: RolloutIntent = serde_json::from_value(json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "RolloutIntent", "metadata": {"name": "deploy-42"},
        "spec": {
            "workload": {"kind": "Deployment", "name": AGENT},
            "containers": [{"name": AGENT, "digest": digest}],
            "expect": {"processes": [{"executable": NPROC}, {"executable": "/usr/bin/never"}]},
            "by": PIPELINE,
        },
    }))
    .unwrap();
    let intents: Api<RolloutIntent> = Api::namespaced(client.clone(), &scene.namespace);
    intents.create(&PostParams::default(), &intent).await.unwrap();
    let deployments: Api<Deployment> = Api::namespaced(client, &scene.namespace);
    let parameters = PatchParams {
        field_manager: Some(PIPELINE.into()),
        ..PatchParams::default()
    };
    let image = of_container(&json!({"image": next}));
    deployments
        .patch(AGENT, &parameters, &Patch::Strategic(image))
        .await
        .unwrap();
    scene.agent.ready().await.unwrap();

    let record = scene.recorded(2).await;
    let who = record.spec.who.unwrap();
    assert_eq!((who.manager.as_str(), who.verified), (PIPELINE, true));
    let announced = record.spec.announced.unwrap();
    assert_eq!(
        (announced.intent.as_str(), announced.by.as_str()),
        ("deploy-42", PIPELINE)
    );
    let nproc = scene
        .finding(NPROC, FOUND, |finding| finding.state == AlertState::Suppressed)
        .await
        .finding;
    let told = format!("by {PIPELINE}, announced by {PIPELINE} in the RolloutIntent deploy-42, which expected it");
    assert!(reason(&nproc).contains(&told), "{}", reason(&nproc));

    let pod = scene.running(&next, 1).await.remove(0);
    scene.agent.ask_pod(&pod, &["/usr/bin/id"]).await.unwrap();
    let id = scene
        .finding("/usr/bin/id", FOUND, |finding| finding.state == AlertState::Open)
        .await
        .finding;
    assert_eq!(verdict(&id), Some(RolloutVerdict::Partial));
    assert!(reason(&id).ends_with("which did not expect it"), "{}", reason(&id));

    let compared = until("the comparison", FOUND, async || {
        let record = scene.objects::<RolloutRecord>().get("deployment-agent-2").await?;
        let announcement = record.status.and_then(|status| status.announcement);
        let announcement = announcement.context("there is none")?;
        ensure!(!announcement.unexpected.is_empty(), "{announcement:?}");
        Ok(announcement)
    })
    .await
    .unwrap();
    assert_eq!(compared.seen, [NPROC]);
    assert_eq!(compared.not_seen, ["/usr/bin/never"]);
    assert!(compared.unexpected[0].contains("/usr/bin/id"), "{compared:?}");
    let status = intents.get("deploy-42").await.unwrap().status.unwrap();
    assert_eq!(
        (status.state, status.record.as_deref()),
        (IntentState::Announced, Some("deployment-agent-2"))
    );

    what_nobody_announced_is_tagged(&scene).await;
    scene.end().await;
}

/// The next rollout is announced by nobody, and by a name that nothing ties.
async fn what_nobody_announced_is_tagged(scene: &Agents) {
    let back = of_container(&json!({"image": scene.images.first}));
    scene.agent.change(&back).await.unwrap();
    scene.agent.ready().await.unwrap();
    let record = scene.recorded(3).await;
    assert!(!record.spec.who.unwrap().verified);
    assert_eq!(record.spec.announced, None);
    let pod = scene.running(&scene.images.first.clone(), 1).await.remove(0);
    scene.agent.ask_pod(&pod, &["/usr/bin/uname"]).await.unwrap();
    let uname = scene
        .finding("/usr/bin/uname", FOUND, |finding| finding.state == AlertState::Open)
        .await
        .finding;
    assert_eq!(verdict(&uname), Some(RolloutVerdict::Partial));
    assert!(
        reason(&uname).contains("a name that admission ties to its users"),
        "{}",
        reason(&uname)
    );
}
