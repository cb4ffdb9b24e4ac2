//! What containerd, CNI and the kubelet leave in folders outside the state, which they insist on, and buildah where a start
//! is killed while an image is made.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::config::POD_NETWORK;
use super::state::State;

/// The folders in question, found by looking at what a cluster leaves behind.
pub const FOLDERS: [&str; 13] = [
    "/etc/cni",
    "/etc/cni/net.d",
    "/run/containerd",
    "/run/containerd/s",
    "/run/mount",
    // The sensor's own, by the chart's default.
    "/var/lib/anchorwatch",
    "/var/lib/cni",
    "/var/lib/cni/results",
    "/var/lib/containers",
    "/var/lib/containers/cache",
    "/var/lib/kubelet",
    "/var/lib/kubelet/device-plugins",
    "/var/log/containers",
];

/// What the kubelet keeps in its folder for device plugins, wherever its root folder is, what the sensor keeps, and what
/// buildah notes: ours where the folder was not there before.
const KNOWN: [&str; 6] = [
    "device-plugins/kubelet.sock",
    "device-plugins/kubelet_internal_checkpoint",
    "anchorwatch/outbox.redb",
    "net.d/cni.lock",
    "cache/blob-info-cache-v1.boltdb",
    "cache/blob-info-cache-v1.sqlite",
];

/// Removes what is ours from the folder, and the folder itself if it is empty and was not there before.
pub fn clean(folder: &Path, existed: bool) -> Result<Option<String>> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(None);
    };
    let state = State::here();
    let sockets = shim_sockets(state.root());
    for path in entries.flatten().map(|entry| entry.path()) {
        if is_ours(&path, state.root(), &sockets) || !existed && is_known(&path) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    let removed = !existed && fs::remove_dir(folder).is_ok();
    Ok(removed.then(|| format!("{} removed", folder.display())))
}

fn is_ours(path: &Path, state: &Path, sockets: &[PathBuf]) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let link_to_us = fs::read_link(path).is_ok_and(|target| target.starts_with(state));
    let result_of_our_network =
        name.starts_with(POD_NETWORK) || name.starts_with("cni-loopback-") && loopback_is_ours(path);
    link_to_us || result_of_our_network || sockets.iter().any(|socket| socket == path)
}

fn is_known(path: &Path) -> bool {
    KNOWN.iter().any(|name| path.ends_with(name))
}

/// The result of the loopback plugin names the network namespace, which is below our state.
fn loopback_is_ours(path: &Path) -> bool {
    let state = State::here();
    fs::read_to_string(path).is_ok_and(|text| text.contains(&state.text("")))
}

/// containerd's shims listen outside its state; each task's folder tells where.
fn shim_sockets(state: &Path) -> Vec<PathBuf> {
    let tasks = state.join("containerd/state/io.containerd.runtime.v2.task/k8s.io");
    let Ok(entries) = fs::read_dir(tasks) else {
        return Vec::new();
    };
    let addresses = entries
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path().join("address")).ok());
    addresses
        .filter_map(|address| address.trim().strip_prefix("unix://").map(PathBuf::from))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_our_state_and_results_of_our_network_are_ours_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, foreign) = (folder.path().join("a.log"), folder.path().join("b.log"));
        std::os::unix::fs::symlink("/state/log/pods/a/0.log", &ours).unwrap();
        std::os::unix::fs::symlink("/var/log/pods/b/0.log", &foreign).unwrap();
        let state = Path::new("/state");
        assert!(is_ours(&ours, state, &[]));
        assert!(!is_ours(&foreign, state, &[]));
        assert!(is_ours(
            Path::new("/var/lib/cni/results/anchorwatch-pods-1-eth0"),
            state,
            &[]
        ));
        assert!(!is_ours(Path::new("/var/lib/cni/results/docker-1-eth0"), state, &[]));
        assert!(is_ours(
            Path::new("/run/containerd/s/1"),
            state,
            &["/run/containerd/s/1".into()]
        ));
    }
}
