//! Where programs of cgroups are attached.

use crate::node::unified_hierarchy;
use std::fs;
use std::path::{Path, PathBuf};

/// Which cgroups the programs see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CgroupScope {
    /// The pods' (every `kubepods` cgroup), or all where there are none. A program there runs before one at the root
    /// that replaces a Service's address by a backend's, and so sees what the container asked for.
    Pods,
    /// All of them.
    All,
    /// One, and what is below it.
    One(PathBuf),
}

/// How far below the root the pods' cgroups are looked for: kubelet's `--cgroup-root` and a node that is itself a
/// container lie between.
const MAX_DEPTH: usize = 4;

/// The folders to attach to: none without a unified hierarchy.
pub(super) fn find(root: &Path, scope: &CgroupScope) -> Vec<PathBuf> {
    let Some(root) = unified_hierarchy(root) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    match scope {
        CgroupScope::Pods => pods(&root, MAX_DEPTH, &mut found),
        CgroupScope::All => {}
        CgroupScope::One(path) => found.push(path.clone()),
    }
    if found.is_empty() {
        found.push(root);
    }
    found.sort();
    found
}

/// Never below one that was found: a program would run twice for each event there.
fn pods(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    // A cgroup that goes meanwhile is none of those that we look for.
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            continue;
        }
        if is_pods(&entry.file_name().to_string_lossy()) {
            found.push(entry.path());
        } else if depth > 1 {
            pods(&entry.path(), depth - 1, found);
        }
    }
}

/// As kubelet names it under the cgroupfs driver, and under systemd, where the name holds those above it.
fn is_pods(name: &str) -> bool {
    name == "kubepods" || name == "kubepods.slice" || name.ends_with("-kubepods.slice")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hierarchy(folders: &[&str]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("cgroup.controllers"), "").unwrap();
        for folder in folders {
            fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        root
    }

    #[test]
    fn the_pods_cgroups_are_found_under_both_drivers_and_below_others() {
        let names = [
            "kubepods",
            "kubepods.slice",
            "kubelet.slice/kubelet-kubepods.slice",
            "a/b/c/kubepods",
        ];
        for name in names {
            let root = hierarchy(&[&format!("{name}/burstable/podx"), "system.slice"]);
            assert_eq!(find(root.path(), &CgroupScope::Pods), [root.path().join(name)]);
        }
    }

    #[test]
    fn pods_inside_a_pod_are_not_attached_to_twice() {
        let root = hierarchy(&["kubepods/burstable/kubepods", "x/kubepods"]);
        let expected = ["kubepods", "x/kubepods"].map(|name| root.path().join(name));
        assert_eq!(find(root.path(), &CgroupScope::Pods), expected);
    }

    #[test]
    fn without_pods_and_when_asked_it_is_the_root() {
        let root = hierarchy(&["system.slice/kubepods-not"]);
        assert_eq!(find(root.path(), &CgroupScope::Pods), [root.path()]);
        let root = hierarchy(&["kubepods"]);
        assert_eq!(find(root.path(), &CgroupScope::All), [root.path()]);
        assert_eq!(
            find(Path::new("/nonexistent"), &CgroupScope::Pods),
            Vec::<PathBuf>::new()
        );
    }
}
