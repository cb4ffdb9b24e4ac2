//! A workload that is deleted, and made again: what was learned of it waits for it.

use anchorwatch_crds::v1alpha1::BehaviorBaseline;
use anchorwatch_e2e::agent::AGENT;
use anchorwatch_e2e::install::{Component, Install};
use anchorwatch_e2e::wait::until;
use anyhow::{Context, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams, Preconditions};

use super::scene::{LEARNS, SOON, Scene};

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_workload_that_was_deleted_is_noted_as_gone_and_goes_on_with_its_baseline_when_it_is_made_again() {
    let scene = Scene::new("gone").await;
    scene.starts(1, LEARNS).await;
    scene.learned().await;
    let known = scene.entry("/date", |_| true).await;
    let noted = async |is_gone: bool| {
        let what = if is_gone { "gone" } else { "there" };
        until(&format!("the workload to be noted as {what}"), SOON, async || {
            let baseline: BehaviorBaseline = scene.all().get(&format!("deployment-{AGENT}")).await?;
            let status = baseline.status.as_ref().context("it has no status")?;
            ensure!(
                status.api_version == "apps/v1",
                "its object is {:?}",
                status.api_version
            );
            ensure!(
                status.gone_since.is_some() == is_gone,
                "it is gone since {:?}",
                status.gone_since
            );
            Ok(baseline)
        })
        .await
        .unwrap()
    };
    noted(false).await;

    let deployments: Api<Deployment> = scene.all();
    let deployment = deployments.get(AGENT).await.unwrap();
    deployments.delete(AGENT, &DeleteParams::default()).await.unwrap();
    let left = noted(true).await;
    // A window is a day at least: that the operator may delete what it decided on is tried without doing it.
    as_the_operator_would(&scene, &left).await;

    let again = Deployment {
        metadata: ObjectMeta {
            name: deployment.metadata.name,
            ..ObjectMeta::default()
        },
        status: None,
        ..deployment
    };
    deployments.create(&PostParams::default(), &again).await.unwrap();
    let back = noted(false).await;
    assert_eq!(back.uid(), left.uid());
    let entry = scene.entry("/date", |entry| entry.last_seen > known.last_seen).await;
    assert_eq!(entry.first_seen, known.first_seen);
    scene.ends().await;
}

/// The operator may delete a baseline as it was when that was decided, and not as it was before.
async fn as_the_operator_would(scene: &Scene, baseline: &BehaviorBaseline) {
    let user = Install::of(&scene.cluster).user(Component::Operator);
    let client = scene.cluster.impersonate(&user, &["system:authenticated"]).unwrap();
    let baselines: Api<BehaviorBaseline> = Api::namespaced(client, &scene.namespace);
    let tried = async |version: Option<String>| {
        let parameters = DeleteParams {
            dry_run: true,
            ..DeleteParams::default()
        };
        let parameters = parameters.preconditions(Preconditions {
            uid: baseline.uid(),
            resource_version: version,
        });
        baselines.delete(&baseline.name_any(), &parameters).await.map(drop)
    };
    tried(baseline.resource_version()).await.unwrap();
    let refused = tried(Some("1".to_owned())).await;
    assert!(
        matches!(&refused, Err(kube::Error::Api(status)) if status.is_conflict()),
        "{refused:?}"
    );
}
