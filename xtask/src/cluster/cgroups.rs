//! The kubelet's cgroups in every hierarchy, and what it does to a cgroup v2 root.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use crate::run;

/// Ends every process in the cgroups of this name and removes them.
pub fn remove(roots: &[PathBuf], name: &str) -> Result<Option<String>> {
    let trees: Vec<PathBuf> = roots
        .iter()
        .map(|root| root.join(name))
        .filter(|tree| tree.is_dir())
        .collect();
    if trees.is_empty() {
        return Ok(None);
    }
    let ended = end_processes(&trees)?;
    for tree in &trees {
        // The kernel removes a process from its cgroup a little after it is gone.
        run::wait_until(
            &format!("{} to become empty", tree.display()),
            Duration::from_secs(15),
            || remove_tree(tree).is_ok(),
        )?;
    }
    Ok(Some(format!("cgroups {name} removed, {ended} processes in them ended")))
}

/// Ends every process in these cgroups; returns how many there were.
pub fn end_processes(trees: &[PathBuf]) -> Result<usize> {
    let mut seen = BTreeSet::new();
    run::wait_until("the containers' processes to end", Duration::from_secs(20), || {
        let now: BTreeSet<i32> = trees.iter().flat_map(|tree| processes(tree)).collect();
        for pid in now.iter().filter_map(|pid| Pid::from_raw(*pid)) {
            // It may have ended by itself meanwhile.
            kill_process(pid, Signal::KILL).ok();
        }
        let empty = now.is_empty();
        seen.extend(now);
        empty
    })?;
    Ok(seen.len())
}

fn processes(tree: &Path) -> Vec<i32> {
    let mut found: Vec<i32> = fs::read_to_string(tree.join("cgroup.procs"))
        .map(|text| text.lines().filter_map(|line| line.parse().ok()).collect())
        .unwrap_or_default();
    for child in children(tree) {
        found.extend(processes(&child));
    }
    found
}

fn remove_tree(tree: &Path) -> std::io::Result<()> {
    for child in children(tree) {
        remove_tree(&child)?;
    }
    match fs::remove_dir(tree) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

fn children(tree: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(tree).into_iter().flatten().flatten();
    entries
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .map(|entry| entry.path())
        .collect()
}

/// Takes back the controllers that were not handed down before.
pub fn restore_controllers(path: &Path, before: &str) -> Result<Option<String>> {
    let now = fs::read_to_string(path).unwrap_or_default();
    let added = added(before, &now);
    if added.is_empty() {
        return Ok(None);
    }
    let words: Vec<String> = added.iter().map(|controller| format!("-{controller}")).collect();
    fs::write(path, words.join(" ")).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(Some(format!(
        "controllers no longer handed to cgroups: {}",
        added.join(", ")
    )))
}

fn added<'a>(before: &str, now: &'a str) -> Vec<&'a str> {
    let before: BTreeSet<&str> = before.split_whitespace().collect();
    now.split_whitespace()
        .filter(|controller| !before.contains(controller))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_controllers_that_were_added_are_taken_back() {
        assert_eq!(added("cpu memory", "cpu memory hugetlb pids\n"), ["hugetlb", "pids"]);
        assert!(added("cpu memory", "cpu\n").is_empty());
    }

    #[test]
    fn a_tree_of_folders_is_removed_from_its_leaves_and_a_missing_one_is_fine() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("kubepods/burstable/pod1/c1")).unwrap();
        assert!(remove(&[root.path().into()], "kubepods").unwrap().is_some());
        assert!(!root.path().join("kubepods").exists());
        assert_eq!(remove(&[root.path().into()], "kubepods").unwrap(), None);
    }
}
