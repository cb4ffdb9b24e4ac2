//! What revisions of other kinds than Deployments bring is explained by their records, too.

use anchorwatch_e2e::agent::AGENT;
use anchorwatch_e2e::registry::Image;
use anchorwatch_e2e::wait::until;
use anchorwatch_e2e::{findings, judged};
use anyhow::ensure;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};

use super::agents::{Agents, DECIDED, FOUND, JUDGEMENT, LEARNED, NPROC, of_container};

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_rolling_updates_of_stateful_sets_and_daemon_sets_bring_is_suppressed() {
    let scene = Agents::none("rolling").await;
    let address = scene.agent.is_watched_under(JUDGEMENT, &Value::Null).await.unwrap();
    let kinds = ["StatefulSet", "DaemonSet"];
    for kind in kinds {
        let mut object = scene.agent.deployment(&scene.images.first, 1, &address);
        object["kind"] = json!(kind);
        let spec = object["spec"].as_object_mut().unwrap();
        if kind == "DaemonSet" {
            spec.remove("replicas");
        } else {
            spec.insert("serviceName".to_owned(), json!(AGENT));
        }
        object["spec"]["selector"]["matchLabels"]["kind"] = json!(kind);
        object["spec"]["template"]["metadata"]["labels"]["kind"] = json!(kind);
        let object = serde_json::from_value(object).unwrap();
        sets(&scene, kind)
            .create(&PostParams::default(), &object)
            .await
            .unwrap();
    }
    for kind in kinds {
        let lower = kind.to_lowercase();
        until(&format!("the baseline of the {kind}"), LEARNED, async || {
            scene.agent.is_judged_as(&lower).await
        })
        .await
        .unwrap();
        scene.recorded_as(&lower, 1).await;
        let image = Patch::Strategic(of_container(&json!({"image": scene.images.next})));
        sets(&scene, kind)
            .patch(AGENT, &PatchParams::default(), &image)
            .await
            .unwrap();
    }
    for kind in kinds {
        is_suppressed(&scene, kind, &format!("{}-{AGENT}-2", kind.to_lowercase())).await;
    }
    scene.end().await;
}

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_a_cron_jobs_new_template_brings_is_suppressed() {
    let scene = Agents::none("cron").await;
    scene.agent.is_watched_under(JUDGEMENT, &Value::Null).await.unwrap();
    let template = |image: &str, at_first: &str| {
        json!({"template": {
            "metadata": {"labels": {"app": AGENT}},
            "spec": {
                "restartPolicy": "Never", "automountServiceAccountToken": false, "enableServiceLinks": false,
                "containers": [{
                    "name": AGENT, "image": image,
                    "command": ["bash", "-c", format!("{at_first}for i in 1 2 3; do date; sleep 1; done")],
                }],
            },
        }})
    };
    let first = scene.images.first.clone();
    let cron = json!({
        "metadata": {"name": AGENT},
        "spec": {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": template(&first, "")}},
    });
    let cron: CronJob = serde_json::from_value(cron).unwrap();
    let cron = scene.objects().create(&PostParams::default(), &cron).await.unwrap();
    let runs = async |name: &str, spec: Value| {
        let owner = json!([{
            "apiVersion": "batch/v1", "kind": "CronJob", "name": AGENT, "uid": cron.uid(), "controller": true,
        }]);
        let job = json!({"metadata": {"name": name, "ownerReferences": owner}, "spec": spec});
        let jobs = scene.objects::<Job>();
        jobs.create(&PostParams::default(), &serde_json::from_value(job).unwrap())
            .await
            .unwrap();
        until(&format!("the end of {name}"), FOUND, async || {
            let succeeded = jobs.get(name).await?.status.and_then(|status| status.succeeded);
            ensure!(succeeded == Some(1), "it goes on");
            Ok(())
        })
        .await
        .unwrap();
    };
    // Its hours are those of its Jobs: two of them are long enough.
    for name in ["agent-1", "agent-2", "agent-3"] {
        runs(name, template(&first, "")).await;
    }
    until("the baseline to judge", LEARNED, async || {
        let name = format!("cronjob-{AGENT}");
        judged::processes(&scene.cluster, &scene.namespace, &name, AGENT).await
    })
    .await
    .unwrap();
    scene.recorded_as("cronjob", 1).await;
    let tag = format!("cron-{}", std::process::id());
    let next = Image::parse(&first).unwrap().push_as(&tag, "next").unwrap();
    runs("agent-4", template(&next, "nproc; ")).await;
    is_suppressed(&scene, "CronJob", &format!("cronjob-{AGENT}-2")).await;
    scene.end().await;
}

fn sets(scene: &Agents, kind: &str) -> Api<DynamicObject> {
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk("apps", "v1", kind));
    Api::namespaced_with(scene.cluster.client.clone(), &scene.namespace, &resource)
}

/// Waits until what the next image spawns is suppressed in an alert of a workload of this kind, by this record.
async fn is_suppressed(scene: &Agents, kind: &str, record: &str) {
    until(&format!("{NPROC} of the {kind}"), DECIDED, async || {
        findings::is_suppressed(&scene.cluster, &scene.namespace, kind, NPROC, record).await
    })
    .await
    .unwrap();
}
