//! Whether the cluster does what one does, and `down` really puts everything back: the host before, and after cycles that
//! end well and halfway.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::change;
use super::config::{PAUSE, REGISTRY};
use super::kubeconfig::Kubectl;
use super::leftovers::FOLDERS;
use super::{dns, mounts};
use crate::run;

/// After how long the bringing up is killed: while the host is prepared, the control plane starts, the node starts.
const CUT_SHORT_AFTER: [Duration; 3] = [
    Duration::from_millis(400),
    Duration::from_secs(2),
    Duration::from_secs(6),
];
/// The kernel removes network namespaces and their devices when it finds the time.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

/// Ends the cluster, then checks a whole cycle and cycles that were cut short. Leaves no cluster behind.
pub fn cycles() -> Result<()> {
    super::down()?;
    let before = snapshot()?;
    let kubectl = super::up()?;
    run_pod(&kubectl)?;
    dns::resolves(&kubectl)?;
    super::down()?;
    compare(&before).context("after a whole cycle")?;
    for patience in CUT_SHORT_AFTER {
        cut_short(patience)?;
        super::down()?;
        compare(&before).with_context(|| format!("after a start that was killed after {patience:?}"))?;
    }
    super::down().context("a second time")
}

/// Pods leave the most behind: mounts, devices, namespaces, cgroups, sockets.
fn run_pod(kubectl: &Kubectl) -> Result<()> {
    let image = format!("--image={REGISTRY}/{}:{}", PAUSE.0, PAUSE.1);
    run::quiet(kubectl.command().args(["run", "left-behind", &image]))?;
    let ready = ["wait", "--for=condition=Ready", "--timeout=60s", "pod/left-behind"];
    run::quiet(kubectl.command().args(ready))
}

/// Starts bringing the cluster up in a process of its own and kills it.
fn cut_short(patience: Duration) -> Result<()> {
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut child = run::command(program)
        .args(["cluster", "up"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start another xtask")?;
    sleep(patience);
    child.kill().context("cannot kill it")?;
    child.wait()?;
    Ok(())
}

fn compare(before: &BTreeSet<String>) -> Result<()> {
    let mut after = snapshot()?;
    run::wait_until("the host to be as before", SETTLES_WITHIN, || {
        after = snapshot().unwrap_or_default();
        after == *before
    })
    .with_context(|| differences(before, &after))
}

fn differences(before: &BTreeSet<String>, after: &BTreeSet<String>) -> String {
    let gone = before.difference(after).map(|line| format!("- {line}"));
    let left = after.difference(before).map(|line| format!("+ {line}"));
    format!(
        "the host differs from before:\n{}",
        gone.chain(left).collect::<Vec<_>>().join("\n")
    )
}

/// Everything that the cluster touches, a line each.
fn snapshot() -> Result<BTreeSet<String>> {
    let mounts = mounts::read()?;
    let mut lines: BTreeSet<String> = mounts
        .iter()
        .map(|mount| {
            format!(
                "mount {} {} shared: {}",
                mount.target.display(),
                mount.kind,
                mount.shared
            )
        })
        .collect();
    for root in mounts::cgroup_roots(&mounts) {
        let controllers = fs::read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
        let handed_down = fs::read_to_string(root.join("cgroup.subtree_control")).unwrap_or_default();
        lines.insert(format!(
            "cgroup {} has {} hands down {}",
            root.display(),
            controllers.trim(),
            handed_down.trim()
        ));
        lines.extend(
            entries(&root.display().to_string())
                .into_iter()
                .filter(|name| name.contains("kubepods")),
        );
    }
    for object in ["link", "address", "route", "rule"] {
        let text = run::output(run::command("ip").args(["-oneline", object]))?;
        lines.extend(text.lines().map(|line| format!("{object} {}", without_counters(line))));
    }
    lines.extend(
        change::nft_tables()?
            .into_iter()
            .map(|table| format!("nft table {table}")),
    );
    lines.extend(super::host::sysctls().map(|change| format!("{change:?}")));
    for folder in FOLDERS
        .into_iter()
        .chain(["/var/lib", "/etc/cni", "/var/lib/containers", "/run/netns"])
    {
        lines.extend(entries(folder));
    }
    let processes = [
        "kubelet",
        "kube-apiserver",
        "kube-proxy",
        "etcd",
        "containerd",
        "containerd-shim-runc-v2",
        "docker-registry",
        "coredns",
    ];
    lines.extend(
        running()
            .into_iter()
            .filter(|name| processes.contains(&name.as_str()))
            .map(|name| format!("process {name}")),
    );
    ensure!(!lines.is_empty(), "the host has nothing to compare");
    Ok(lines)
}

/// Lifetimes of addresses count down.
fn without_counters(line: &str) -> String {
    line.split_whitespace()
        .filter(|word| !word.ends_with("sec"))
        .collect::<Vec<_>>()
        .join(" ")
}

fn entries(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| format!("entry {}", entry.path().display()))
        .collect()
}

/// Names of all processes; the kernel cuts them after 15 characters, so the program's own name is taken.
fn running() -> Vec<String> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let programs = processes.filter_map(|process| fs::read_link(process.path().join("exe")).ok());
    programs
        .filter_map(|program| Some(program.file_name()?.to_str()?.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_and_what_is_gone_are_told_apart() {
        let set = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<BTreeSet<_>>();
        let text = differences(&set(&["a", "b"]), &set(&["b", "c"]));
        assert_eq!(text, "the host differs from before:\n- a\n+ c");
    }
}
