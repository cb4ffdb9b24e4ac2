//! A container that the template lacks. What puts it there is played by a controller of the test's own: a ConfigMap that owns
//! pods and the ReplicaSet that holds their template.

use anchorwatch_crds::v1alpha1::{AlertState, RolloutRecord};
use anchorwatch_e2e::judged;
use anchorwatch_e2e::registry::Image;
use anchorwatch_e2e::wait::until;
use anyhow::ensure;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};

use super::agents::{Agents, FOUND, JUDGEMENT, LEARNED, NPROC, reason};

/// Name of the workload, and hash of its only template.
const OWNER: &str = "owner";
const HASH: &str = "one";

#[tokio::test]
#[ignore = "needs a cluster"]
async fn what_a_new_image_of_an_injected_sidecar_does_in_every_pod_is_explained_by_that_image() {
    let scene = Agents::none("sidecar").await;
    scene.agent.is_watched_under(JUDGEMENT, &Value::Null).await.unwrap();
    let image = Image::parse(&scene.images.first).unwrap();
    let pushed = |note: &str| {
        let tag = format!("sidecar-{note}-{}", std::process::id());
        image.push_as(&tag, note).unwrap()
    };
    let owner = owner(&scene).await;
    let (before, after) = (pushed("before"), pushed("after"));
    makes(&scene, &owner, ["a1", "a2"], &before, "").await;
    until("the sidecar's baseline to judge", LEARNED, async || {
        judged::processes(&scene.cluster, &scene.namespace, &format!("configmap-{OWNER}"), "proxy").await
    })
    .await
    .unwrap();
    scene.recorded_by(&format!("configmap-{OWNER}-1")).await;
    until("the record of the sidecar", FOUND, async || {
        let records = scene.objects::<RolloutRecord>().list(&ListParams::default()).await?;
        let mut containers = records.iter().flat_map(|record| &record.spec.containers);
        ensure!(containers.any(|container| container.injected), "there is none");
        Ok(())
    })
    .await
    .unwrap();

    makes(&scene, &owner, ["b1", "b2"], &after, "nproc; ").await;
    for pod in ["a1", "a2"] {
        scene
            .objects::<Pod>()
            .delete(pod, &DeleteParams::default())
            .await
            .unwrap();
    }
    let brought = scene
        .finding(NPROC, FOUND, |finding| finding.state == AlertState::Suppressed)
        .await;
    let digest = Image::parse(&after).unwrap().digest().unwrap();
    let told = reason(&brought.finding);
    assert!(
        told.contains(&digest[..19]) && told.contains("which the template lacks"),
        "{told}"
    );
    assert!(told.contains("2 of 2 running pods of the workload"), "{told}");
    assert_eq!(brought.alert.status.unwrap().container, "proxy");
    scene.end().await;
}

/// The owner, and its template, which has one container.
async fn owner(scene: &Agents) -> Value {
    let map: ConfigMap = serde_json::from_value(json!({"metadata": {"name": OWNER}})).unwrap();
    let map = scene
        .objects::<ConfigMap>()
        .create(&PostParams::default(), &map)
        .await
        .unwrap();
    let owner = json!([
        {"apiVersion": "v1", "kind": "ConfigMap", "name": OWNER, "uid": map.uid(), "controller": true},
    ]);
    // It wants no pods, and finds none of those that the owner makes.
    let labels = json!({"of": "nobody"});
    let set: ReplicaSet = serde_json::from_value(json!({
        "metadata": {
            "name": format!("{OWNER}-{HASH}"), "ownerReferences": owner,
            "labels": {"pod-template-hash": HASH}, "annotations": {"deployment.kubernetes.io/revision": "1"},
        },
        "spec": {
            "replicas": 0, "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "main", "image": scene.images.first}]},
            },
        },
    }))
    .unwrap();
    scene
        .objects::<ReplicaSet>()
        .create(&PostParams::default(), &set)
        .await
        .unwrap();
    owner
}

/// Makes pods of the template with a sidecar of this image, which does something at first.
async fn makes(scene: &Agents, owner: &Value, names: [&str; 2], sidecar: &str, at_first: &str) {
    for name in names {
        let pod: Pod = serde_json::from_value(json!({
            "metadata": {
                "name": name, "ownerReferences": owner,
                "labels": {"app": scene.agent.name(), "pod-template-hash": HASH},
            },
            "spec": {
                "terminationGracePeriodSeconds": 1,
                "containers": [
                    {"name": "main", "image": scene.images.first, "command": ["sleep", "100000"]},
                    {"name": "proxy", "image": sidecar,
                     "command": ["bash", "-c", format!("{at_first}while :; do date; sleep 1; done")]},
                ],
            },
        }))
        .unwrap();
        scene
            .objects::<Pod>()
            .create(&PostParams::default(), &pod)
            .await
            .unwrap();
    }
}
