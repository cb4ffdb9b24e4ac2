//! Every kind of workload is recorded, and what a rollout is, is told.

use anchorwatch_crds::v1alpha1::{RolloutAction, RolloutProgress, TemplateField};
use anchorwatch_e2e::wait::until;
use anyhow::ensure;
use serde_json::json;

use super::scene::{RECORDED, Scene, lasting, said, template};

#[tokio::test]
#[ignore = "needs a cluster"]
async fn a_deployments_rollouts_are_told_apart_and_chained() {
    let scene = Scene::new("rollouts").await.unwrap();
    let (first, next) = (scene.images.first.clone(), scene.images.next.clone());
    let selector = json!({"matchLabels": {"app": "evidence"}});
    let spec = json!({"replicas": 1, "selector": selector, "template": lasting(&first)});
    scene.make("apps", "Deployment", "web", spec).await.unwrap();
    let one = scene.recorded("Deployment", "web", 1).await.unwrap();
    assert_eq!(one.spec.action, Some(RolloutAction::First));
    assert!(one.spec.who.is_some());

    // A new pod has to be ready for long before the old one goes, so that there is something to pause.
    let image = json!({
        "metadata": {"annotations": {"kubernetes.io/change-cause": "the next image"}},
        "spec": {"template": lasting(&next), "minReadySeconds": 300, "strategy": {"rollingUpdate": {"maxUnavailable": 0}}},
    });
    scene.change_deployment("web", &image).await.unwrap();
    let two = scene.recorded("Deployment", "web", 2).await.unwrap();
    assert_eq!(two.spec.action, Some(RolloutAction::Update));
    assert_eq!(two.spec.change_cause.as_deref(), Some("the next image"));
    for (patch, wanted) in [
        (json!({"paused": true}), RolloutProgress::Paused),
        (
            json!({"paused": false, "minReadySeconds": 0}),
            RolloutProgress::Complete,
        ),
    ] {
        scene.change_deployment("web", &json!({"spec": patch})).await.unwrap();
        progresses(&scene, 1, wanted).await;
    }
    let changes = two.spec.changes.clone().unwrap();
    assert_eq!(
        changes.iter().map(|change| change.field).collect::<Vec<_>>(),
        [TemplateField::Image]
    );
    assert_ne!(two.spec.containers[0].digest, one.spec.containers[0].digest);

    scene
        .change_deployment("web", &json!({"spec": {"replicas": 2}}))
        .await
        .unwrap();
    let restart =
        json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}});
    scene.change_deployment("web", &restart).await.unwrap();
    let three = scene.recorded("Deployment", "web", 3).await.unwrap();
    assert_eq!(
        three.spec.action,
        Some(RolloutAction::Restart),
        "scaling left no record"
    );
    assert_eq!(three.spec.revision, 3);

    let mut back = json!({"spec": {"template": lasting(&first)}});
    back["spec"]["template"]["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/restartedAt": null});
    scene.change_deployment("web", &back).await.unwrap();
    let four = scene.recorded("Deployment", "web", 4).await.unwrap();
    assert_eq!(four.spec.action, Some(RolloutAction::Rollback));
    assert_eq!(four.spec.template_hash, one.spec.template_hash);
    let records = scene.revisions("Deployment", "web").await.unwrap();
    for pair in records.windows(2) {
        let (before, after) = (
            pair[0].spec.chain.as_ref().unwrap(),
            pair[1].spec.chain.as_ref().unwrap(),
        );
        assert_eq!(after.previous.as_ref(), Some(&before.hash));
    }
    progresses(&scene, 3, RolloutProgress::Complete).await;
    progresses(&scene, 2, RolloutProgress::RolledBack).await;
    let head = four.spec.chain.unwrap().hash;
    let output = scene.verify(&["deployment/web", "--head", &head]).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    scene.cluster.delete_namespace(&scene.namespace).await.unwrap();
}

/// Waits until the rollout of one of its records is so far.
async fn progresses(scene: &Scene, index: usize, wanted: RolloutProgress) {
    until(&format!("record {index} to be {wanted:?}"), RECORDED, async || {
        let records = scene.revisions("Deployment", "web").await?;
        let progress = records[index].status.as_ref().and_then(|status| status.progress);
        ensure!(progress == Some(wanted), "it is {progress:?}");
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn stateful_sets_daemon_sets_replica_sets_jobs_and_cron_jobs_are_recorded() {
    let scene = Scene::new("kinds").await.unwrap();
    let (first, next) = (scene.images.first.clone(), scene.images.next.clone());
    let set = |image: &str, own: &str| {
        let mut template = lasting(image);
        template["metadata"]["labels"]["set"] = json!(own);
        json!({"selector": {"matchLabels": {"set": own}}, "serviceName": "db", "template": template})
    };
    let mut daemons = set(&first, "ds");
    daemons.as_object_mut().unwrap().remove("serviceName");
    let mut bare = set(&first, "rs");
    bare.as_object_mut().unwrap().remove("serviceName");
    scene
        .make("apps", "StatefulSet", "db", set(&first, "sts"))
        .await
        .unwrap();
    scene.make("apps", "DaemonSet", "agent", daemons).await.unwrap();
    scene.make("apps", "ReplicaSet", "lone", bare).await.unwrap();
    for (kind, name) in [("StatefulSet", "db"), ("DaemonSet", "agent"), ("ReplicaSet", "lone")] {
        let record = scene.recorded(kind, name, 1).await.unwrap();
        assert_eq!(record.spec.revision, 1, "{kind}");
        assert!(record.spec.chain.is_some(), "{kind}");
    }
    for (kind, name) in [("StatefulSet", "db"), ("DaemonSet", "agent")] {
        let patch = json!({"spec": {"template": {"spec": {"containers": [{"name": "main", "image": next}]}}}});
        scene
            .objects("apps", kind)
            .patch(
                name,
                &kube::api::PatchParams::default(),
                &kube::api::Patch::Strategic(patch),
            )
            .await
            .unwrap();
        let record = scene.recorded(kind, name, 2).await.unwrap();
        assert_eq!(
            (record.spec.revision, record.spec.action),
            (2, Some(RolloutAction::Update)),
            "{kind}"
        );
    }
    let spec = json!({"template": template(&first, "Never")});
    scene.make("batch", "Job", "once", spec).await.unwrap();
    let record = scene.recorded("Job", "once", 1).await.unwrap();
    assert_eq!(record.spec.action, Some(RolloutAction::First));
    jobs_of_a_cron_job(&scene).await;
    let output = scene.verify(&[]).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    scene.cluster.delete_namespace(&scene.namespace).await.unwrap();
}

/// Two Jobs of one template are one revision, and one of another the next.
async fn jobs_of_a_cron_job(scene: &Scene) {
    let (first, next) = (scene.images.first.clone(), scene.images.next.clone());
    let spec = json!({"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": template(&first, "Never")}}});
    let cron = scene.make("batch", "CronJob", "report", spec).await.unwrap();
    let run = async |name: &str, image: &str| {
        let job = json!({
            "apiVersion": "batch/v1", "kind": "Job",
            "metadata": {"name": name, "ownerReferences": [{
                "apiVersion": "batch/v1", "kind": "CronJob", "name": "report", "uid": cron.metadata.uid, "controller": true,
            }]},
            "spec": {"template": template(image, "Never")},
        });
        let api = scene.objects("batch", "Job");
        api.create(&kube::api::PostParams::default(), &serde_json::from_value(job).unwrap())
            .await
            .unwrap();
        until(&format!("the end of {name}"), RECORDED, async || {
            let ended = api.get(name).await?.data["status"]["succeeded"].as_i64();
            ensure!(ended == Some(1), "it goes on");
            Ok(())
        })
        .await
        .unwrap();
    };
    run("report-1", &first).await;
    scene.recorded("CronJob", "report", 1).await.unwrap();
    run("report-2", &first).await;
    run("report-3", &next).await;
    let second = scene.recorded("CronJob", "report", 2).await.unwrap();
    assert_eq!(second.spec.action, Some(RolloutAction::Update));
    assert_eq!(scene.revisions("CronJob", "report").await.unwrap().len(), 2);
}
