//! An image that its node knows by the digest of an index and by that of its part for the node's platform.

use anchorwatch_crds::v1alpha1::{AlertState, DriftAlert, RecordType, RolloutRecord, RolloutVerdict};
use anchorwatch_e2e::AgentImages;
use anchorwatch_e2e::registry::Image;
use anchorwatch_e2e::wait::until;
use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, ListParams, PostParams};
use serde_json::{Value, json};

use super::agents::{Agents, FOUND, reason, verdict};
use super::scene::RECORDED;

#[tokio::test]
#[ignore = "needs a cluster"]
async fn an_image_that_a_node_tells_by_an_index_and_then_by_its_part_is_one_image() {
    let (part, index) = pushed();
    let (part_digest, index_digest) = (part.digest().unwrap(), Image::parse(&index).unwrap().digest().unwrap());
    let scene = Agents::new("index", Some(&index), 1, &Value::Null).await;
    let recorded = scene.recorded(1).await.spec.containers[0].clone();
    assert_eq!(recorded.digest, index_digest, "the runtime tells what the tag names");

    // Somebody else runs the part by its digest: from then on the node has the image under both, and tells the first of them.
    let pinned: Pod = serde_json::from_value(json!({
        "metadata": {"name": "pinned"},
        "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": "main", "image": part.pinned().unwrap(), "command": ["sleep", "100000"]}],
        },
    }))
    .unwrap();
    let pods = scene.objects::<Pod>();
    pods.create(&PostParams::default(), &pinned).await.unwrap();
    runs(&scene, "pinned", &part_digest).await;
    let before = scene.running(&index, 1).await.remove(0);
    let at_once = DeleteParams::default().grace_period(0);
    pods.delete(&before, &at_once).await.unwrap();
    scene.agent.ready().await.unwrap();
    let again = scene.running(&index, 1).await.remove(0);
    runs(&scene, &again, &part_digest).await;

    let tied = until("the record of the other digest", RECORDED, async || {
        let records = scene.objects::<RolloutRecord>().list(&ListParams::default()).await?;
        let mut further = records
            .into_iter()
            .filter(|record| record.spec.record_type == Some(RecordType::Digest));
        further.next().context("there is none")
    })
    .await
    .unwrap();
    let container = &tied.spec.containers[0];
    assert_eq!(
        (&container.digest, &container.also),
        (&part_digest, &vec![index_digest])
    );
    scene.agent.ask_pod(&again, &["/usr/bin/id"]).await.unwrap();
    let id = scene
        .finding("/usr/bin/id", FOUND, |finding| finding.state == AlertState::Open)
        .await
        .finding;
    assert_eq!(verdict(&id), Some(RolloutVerdict::Unmatched), "{}", reason(&id));
    let alerts = scene
        .objects::<DriftAlert>()
        .list(&ListParams::default())
        .await
        .unwrap();
    let findings = alerts
        .iter()
        .filter_map(|alert| alert.status.as_ref())
        .flat_map(|status| &status.findings);
    let rules: Vec<&str> = findings.map(|finding| finding.rule.as_str()).collect();
    assert!(!rules.contains(&"digest-mismatch"), "{rules:?}");
    scene.end().await;
}

/// An image, and the reference of an index that has it. Runtimes name an image by the first of its digests in order: this
/// one's is before the index's.
fn pushed() -> (Image, String) {
    let first = Image::parse(&AgentImages::offered().unwrap().first).unwrap();
    for attempt in 0..64 {
        let tag = format!("part-{}-{attempt}", std::process::id());
        let pushed = |tag: &str| Image::parse(&first.push_as(tag, tag).unwrap()).unwrap();
        let (part, other) = (pushed(&tag), pushed(&format!("{tag}-other")));
        let index = part.push_index(&other, &format!("{tag}-index")).unwrap();
        if part.digest().unwrap() < Image::parse(&index).unwrap().digest().unwrap() {
            return (part, index);
        }
    }
    panic!("64 digests were all after their index's");
}

/// Waits until a pod's status tells this digest.
async fn runs(scene: &Agents, pod: &str, digest: &str) {
    until(&format!("{pod} to run {digest}"), FOUND, async || {
        let pod = scene.objects::<Pod>().get(pod).await?;
        let statuses = pod
            .status
            .and_then(|status| status.container_statuses)
            .unwrap_or_default();
        let told = statuses.first().context("it has no status")?.image_id.clone();
        ensure!(told.ends_with(digest), "it runs {told}");
        Ok(())
    })
    .await
    .unwrap();
}
