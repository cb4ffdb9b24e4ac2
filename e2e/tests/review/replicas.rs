//! Forty replicas: what all of them do is one alert, and one decision about it holds for all of them.

use anchorwatch_crds::v1alpha1::{AlertState, DriftAlert, EntryState};
use anchorwatch_e2e::wait::until;
use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, DeleteParams, ListParams};

use super::decisions::restart_operator;
use super::scene::{JUDGES, SOON, Scene};

const REPLICAS: u32 = 40;
/// How many of them make room for new ones.
const REPLACED: usize = 8;
const SHELL: [&str; 3] = ["bash", "-c", "exit"];

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_forty_replicas_do_is_one_alert_and_is_silent_on_all_of_them_once_it_is_accepted() {
    let scene = Scene::new("forty").await;
    scene.starts(REPLICAS, JUDGES).await;
    scene.judged().await;
    everyone(&scene).await;
    let alerts: Api<DriftAlert> = scene.all();
    let status = until("one alert that counts all of them", SOON, async || {
        let alerts = alerts.list(&ListParams::default()).await?.items;
        ensure!(alerts.len() == 1, "there are {}", alerts.len());
        let status = alerts[0].status.clone().context("it has no status")?;
        let shell = status.findings.iter().find(|finding| {
            finding
                .behavior
                .process
                .as_ref()
                .is_some_and(|process| process.executable.ends_with("/bash"))
        });
        let counted = shell.map(|finding| (finding.count, finding.pods));
        // Pods are counted "at least": by those that are kept, or that one report names.
        let all = counted.is_some_and(|(count, pods)| count == i64::from(REPLICAS) && (16..=40).contains(&pods));
        ensure!(all, "it counts {counted:?}");
        Ok(status)
    })
    .await
    .unwrap();
    let shown_by = status.findings[0].shown_by.len();
    assert!((1..40).contains(&shown_by), "a sample of the pods is named: {shown_by}");

    let (alert, finding) = scene
        .finding("/bash", |finding| finding.state == AlertState::Open)
        .await;
    scene.decides("alice", "Accept", &alert, &finding).await;
    let before = scene.entry("/bash", |entry| entry.state == EntryState::Accepted).await;
    restart_operator(&scene).await;
    replaced(&scene).await;
    scene.entry("/bash", |entry| entry.count >= before.count + 8).await;
    assert_eq!(scene.states("/bash").await, [AlertState::Accepted]);
    scene.ends().await;
}

/// Every replica runs a shell.
async fn everyone(scene: &Scene) {
    let pods = scene.pod_names().await;
    assert_eq!(pods.len(), 40);
    for pod in pods {
        scene.agent.ask_pod(&pod, &SHELL).await.unwrap();
    }
}

/// Some replicas make room for new ones, which run a shell: what a container told before it tells again only minutes later,
/// what a new one does at once.
async fn replaced(scene: &Scene) {
    let before = scene.pod_names().await;
    let pods: Api<Pod> = scene.all();
    for pod in before.iter().take(REPLACED) {
        pods.delete(pod, &DeleteParams::default().grace_period(0))
            .await
            .unwrap();
    }
    let new = until("the new pods", SOON, async || {
        let mut new = scene.pod_names().await;
        new.retain(|pod| !before.contains(pod));
        ensure!(new.len() == REPLACED, "there are {}", new.len());
        Ok(new)
    })
    .await
    .unwrap();
    for pod in new {
        until("a new pod's answer", SOON, async || {
            scene.agent.ask_pod(&pod, &SHELL).await
        })
        .await
        .unwrap();
    }
}
