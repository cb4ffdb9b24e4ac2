//! What a node says of the images that it holds: asked of the API server when something is to be recorded that a pod on it
//! runs, so that nothing of every node's images has to be kept.

use std::time::Duration;

use anchorwatch_core::{
    rollout::{EVIDENCE_WAIT, NewRecord, NodeImages, Pod},
    time::Timestamp,
};
use k8s_openapi::api::core::v1::{Node, NodeStatus};
use kube::{Api, Client};

/// How long after a pod was made its image may still be missing in what the node says: the kubelet lists its images every
/// 30 s (`pkg/kubelet/images/image_gc_manager.go`) and tells of the list every 10 s (`nodeStatusUpdateFrequency`). Less
/// than [`EVIDENCE_WAIT`], so that no verdict falls before what it needs is recorded, and from when the pod was made, not
/// from when its container began: one that begins again and again would never be recorded.
const TOLD_AFTER: Duration = Duration::from_secs(45);
const _: () = assert!(TOLD_AFTER.as_millis() < EVIDENCE_WAIT.as_millis());
/// How soon to ask again.
pub const ASK_AGAIN: Duration = Duration::from_secs(3);
/// Runtimes that always tell the digest of what the reference named, an index's where it named one.
const TELL_INDEX: [&str; 2] = ["containerd://", "docker://"];

/// What the node of a pod says; nothing where it is gone, or may not be read.
pub async fn ask(client: &Client, pod: &Pod) -> kube::Result<NodeImages> {
    if pod.node.as_str().is_empty() {
        return Ok(NodeImages::default());
    }
    match Api::<Node>::all(client.clone()).get_opt(pod.node.as_str()).await {
        Ok(found) => Ok(found.and_then(|node| node.status).map(images_of).unwrap_or_default()),
        Err(kube::Error::Api(status)) if status.is_forbidden() => Ok(NodeImages::default()),
        Err(error) => Err(error),
    }
}

/// Whether the node may tell of what is to be recorded in a moment. What is waited for is what ties digests to each other:
/// where another digest runs than is recorded, and where the runtime may tell a platform's part of an image.
pub fn is_awaited(node: &NodeImages, new: &NewRecord, pod: &Pod, now: Timestamp) -> bool {
    let mut containers = new.record.containers.values();
    let is_missing = containers.any(|held| !node.know(&held.digest));
    let matters = !new.record.is_revision() || node.platform.is_some();
    matters && is_missing && now < pod.created.plus(TOLD_AFTER)
}

fn images_of(status: NodeStatus) -> NodeImages {
    let info = status.node_info.unwrap_or_default();
    let runtime = info.container_runtime_version.as_str();
    let tells_index = TELL_INDEX.iter().any(|prefix| runtime.starts_with(prefix));
    let images = status.images.into_iter().flatten();
    let named = images.map(|image| {
        let names = image.names.into_iter().flatten();
        names.filter(|name| name.contains('@')).collect::<Vec<_>>()
    });
    NodeImages {
        platform: (!tells_index).then(|| format!("{}/{}", info.operating_system, info.architecture)),
        images: named.filter(|names| !names.is_empty()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn told(runtime: &str, images: &Value) -> NodeImages {
        let mut info = serde_json::to_value(k8s_openapi::api::core::v1::NodeSystemInfo::default()).unwrap();
        info["containerRuntimeVersion"] = json!(runtime);
        info["operatingSystem"] = json!("linux");
        info["architecture"] = json!("arm64");
        images_of(serde_json::from_value(json!({"nodeInfo": info, "images": images})).unwrap())
    }

    #[test]
    fn names_with_digests_are_kept_by_image_and_the_platform_where_it_matters() {
        let images = json!([
            {"names": ["r/a@sha256:01", "r/a@sha256:02", "r/a:1"]}, {"names": ["r/b:1"]}, {"names": null},
        ]);
        let named = vec![vec!["r/a@sha256:01".to_owned(), "r/a@sha256:02".to_owned()]];
        let by = |runtime: &str| told(runtime, &images);
        assert_eq!(by("containerd://2.0.1").images, named);
        assert_eq!(by("containerd://2.0.1").platform, None);
        assert_eq!(by("docker://27").platform, None);
        assert_eq!(by("cri-o://1.33").platform.as_deref(), Some("linux/arm64"));
    }
}
