//! The cluster's processes. Each is started with a mark in its environment, which those that it starts inherit: so they
//! are found whatever happened to us meanwhile, and only ours are.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};

use super::mounts;
use super::state::State;
use crate::run;

const MARK: &str = "ANCHORWATCH_CLUSTER";

/// A process that cannot be mistaken for a later one with the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    pub pid: u32,
    /// Clock ticks after boot, field 22 of `proc_pid_stat(5)`.
    pub started: u64,
}

/// Starts a component, detached from this terminal, and notes who it is.
pub fn start(state: &State, name: &str, program: &Path, arguments: &[String]) -> Result<()> {
    let log = state.log(name);
    let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let mut command = run::command("setsid");
    command
        .arg(program)
        .args(arguments)
        .env(MARK, state.root())
        .current_dir(state.root());
    let child = command
        .stdout(output.try_clone()?)
        .stderr(output)
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    // setsid runs the program in its own place: a child of ours never leads a process group, so it need not fork.
    let started = start_time(child.id()).with_context(|| format!("{name} ended at once, see {}", log.display()))?;
    let identity = Identity {
        pid: child.id(),
        started,
    };
    run::write_atomically(&state.path("pid").join(name), serde_json::to_string(&identity)?)
}

/// Who was started under this name, if that process still runs.
pub fn running(state: &State, name: &str) -> Option<Identity> {
    let text = fs::read_to_string(state.path("pid").join(name)).ok()?;
    let identity: Identity = serde_json::from_str(&text).ok()?;
    (start_time(identity.pid)? == identity.started).then_some(identity)
}

fn start_time(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    parse_start_time(&stat)
}

/// A zombie has ended, although its number is still taken.
fn parse_start_time(stat: &str) -> Option<u64> {
    // The name in parentheses may hold spaces and parentheses.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let status = fields.next()?;
    (status != "Z").then(|| fields.nth(18)?.parse().ok()).flatten()
}

/// Ends everything that carries our mark, then takes off every mount below the state.
pub fn end_all(state: &Path) -> Result<String> {
    let mut ended = BTreeSet::new();
    // Nothing of the cluster is kept, so nothing needs a gentle end; whatever they start meanwhile is found next time.
    run::wait_until("the cluster's processes to end", Duration::from_secs(20), || {
        let now = marked(state);
        for pid in now.iter().filter_map(|pid| Pid::from_raw(*pid)) {
            kill_process(pid, Signal::KILL).ok();
        }
        let none = now.is_empty();
        ended.extend(now);
        none
    })?;
    let unmounted = unmount_below(state)?;
    Ok(format!(
        "{} processes ended, {unmounted} mounts below {} taken off",
        ended.len(),
        state.display()
    ))
}

fn marked(state: &Path) -> Vec<i32> {
    let mark = format!("{MARK}={}", state.display());
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| carries(*pid, mark.as_bytes())).collect()
}

fn carries(pid: i32, mark: &[u8]) -> bool {
    // A zombie's environment reads as empty.
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|entry| entry == mark))
}

fn unmount_below(state: &Path) -> Result<usize> {
    let below = |mount: &mounts::Mount| mount.target.starts_with(state);
    let targets: Vec<PathBuf> = mounts::read()?
        .into_iter()
        .filter(below)
        .map(|mount| mount.target)
        .collect();
    for target in targets.iter().rev() {
        // Lazily: a process that is still ending may hold it.
        unmount(target, UnmountFlags::DETACH).with_context(|| format!("cannot unmount {}", target.display()))?;
    }
    Ok(targets.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_time_is_read_past_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 4242 1000 1";
        assert_eq!(parse_start_time(stat), Some(4242));
        assert_eq!(parse_start_time(&stat.replace(" S ", " Z ")), None);
        assert_eq!(start_time(std::process::id()), start_time(std::process::id()));
        assert!(start_time(std::process::id()).is_some());
    }

    #[test]
    fn only_processes_with_the_mark_of_the_same_state_are_ours() {
        let state = tempfile::tempdir().unwrap();
        let mut child = run::command("sleep").arg("60").env(MARK, state.path()).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        run::wait_until("the child to carry its mark", Duration::from_secs(5), || {
            marked(state.path()) == [pid]
        })
        .unwrap();
        assert!(marked(Path::new("/another/state")).is_empty());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(marked(state.path()).is_empty());
    }
}
