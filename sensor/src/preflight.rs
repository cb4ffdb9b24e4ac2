//! Whether the sensor can run on this node, and what to do where it can't.

mod rights;

use serde::Serialize;
use std::fmt;
use std::io::ErrorKind;
use std::path::Path;

use crate::args::Options;
use crate::error::Chain;
use crate::loader::{HookState, HookStatus, LoadError, LoadOptions, load};
use crate::snapshot::SeedError;

/// Where tracepoints are listed.
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    pub name: &'static str,
    pub result: CheckResult,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckResult {
    Fine(String),
    /// The sensor runs, and sees less.
    Less(String),
    /// The sensor can't run: what is missing and the remedy.
    Missing {
        what: String,
        remedy: String,
    },
}

/// Everything that was looked at, as `-o json` prints it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Findings {
    /// Whether the sensor can run here.
    pub can_run: bool,
    /// Whether it sees everything that it can see anywhere.
    pub sees_all: bool,
    pub checks: Vec<Finding>,
}

/// One thing that was looked at, as `-o json` prints it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    pub name: &'static str,
    /// `ok`, `less` or `missing`.
    pub state: &'static str,
    /// What was found; of a hook its state and, behind a colon, the reason and what is not seen.
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

impl From<&[Check]> for Findings {
    fn from(checks: &[Check]) -> Self {
        let finding = |check: &Check| {
            let (state, detail, remedy) = match &check.result {
                CheckResult::Fine(what) => ("ok", what, None),
                CheckResult::Less(what) => ("less", what, None),
                CheckResult::Missing { what, remedy } => ("missing", what, Some(remedy.clone())),
            };
            Finding {
                name: check.name,
                state,
                detail: detail.clone(),
                remedy,
            }
        };
        Self {
            can_run: !checks.iter().any(Check::is_missing),
            sees_all: checks.iter().all(|check| matches!(check.result, CheckResult::Fine(_))),
            checks: checks.iter().map(finding).collect(),
        }
    }
}

impl Findings {
    /// The last line of what people read.
    pub const fn verdict(&self) -> &'static str {
        match (self.can_run, self.sees_all) {
            (false, _) => "The sensor can't run here.",
            (true, true) => "The sensor can run here.",
            (true, false) => "The sensor can run here, and sees less than it could.",
        }
    }
}

impl fmt::Display for Check {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.result {
            CheckResult::Fine(what) => write!(formatter, "ok       {}: {what}", self.name),
            CheckResult::Less(what) => write!(formatter, "less     {}: {what}", self.name),
            CheckResult::Missing { what, remedy } => {
                write!(formatter, "missing  {}: {what}\n         remedy: {remedy}", self.name)
            }
        }
    }
}

impl Check {
    fn new(name: &'static str, result: Result<String, (String, &'static str)>) -> Self {
        let result = match result {
            Ok(what) => CheckResult::Fine(what),
            Err((what, remedy)) => CheckResult::Missing {
                what,
                remedy: remedy.to_owned(),
            },
        };
        Self { name, result }
    }

    pub const fn is_missing(&self) -> bool {
        matches!(self.result, CheckResult::Missing { .. })
    }
}

/// Looks at everything. Programs are loaded and attached for a moment: nothing else tells whether the kernel allows it.
pub fn checks(options: &Options, load_options: &LoadOptions) -> Vec<Check> {
    let mut checks = node_checks(options, &load_options.btf);
    checks.extend(programs(load_options));
    checks
}

/// What can be told without loading anything; `btf` is the folder of the kernel's type information.
pub fn node_checks(options: &Options, btf: &Path) -> Vec<Check> {
    vec![
        Check::new("kernel", Ok(rights::kernel())),
        Check::new("lockdown", rights::lockdown()),
        Check {
            name: "rights",
            result: rights::capabilities(),
        },
        Check::new("kernel type information", kernel_types(btf)),
        Check {
            name: "tracefs",
            result: tracefs(),
        },
        Check {
            name: "host's processes",
            result: host_processes(&options.proc_root),
        },
        Check::new("cgroup v2", cgroups(&options.cgroup_root)),
        Check::new("state folder", state_folder(&options.state_dir)),
    ]
}

/// What to do about an error of loading.
pub fn load_remedy(error: &LoadError) -> &'static str {
    match error {
        LoadError::Offsets(_) | LoadError::Btf(_) => {
            "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, 6.1 or newer, and mount /sys"
        }
        LoadError::Refused { .. } => {
            "give the container the capabilities BPF, PERFMON and NET_ADMIN and a seccomp profile that allows bpf(2)"
        }
        LoadError::NoHook { .. } | LoadError::Object(_) | LoadError::Map(_) => {
            "use a kernel of 6.1 or newer; if it is, please report it with `uname -r` and this text"
        }
        LoadError::NoRandomness(_) => "use a seccomp profile that allows getrandom(2)",
        LoadError::Missing(_) => "rebuild the programs with `cargo xtask bpf`",
    }
}

fn kernel_types(folder: &Path) -> Result<String, (String, &'static str)> {
    let file = folder.join("vmlinux");
    match std::fs::metadata(&file) {
        Ok(found) => Ok(format!("{} ({} bytes)", file.display(), found.len())),
        Err(error) => Err((
            format!("{}: {error}", file.display()),
            "use a kernel built with CONFIG_DEBUG_INFO_BTF=y, and mount /sys",
        )),
    }
}

/// Only hooks that are tracepoints of the old kind need it: the others are found by the kernel's type information.
fn tracefs() -> CheckResult {
    let found = TRACEFS.iter().find(|folder| Path::new(folder).join("events").is_dir());
    match found {
        Some(folder) => CheckResult::Fine((*folder).to_owned()),
        None => CheckResult::Less(format!(
            "no events below {}: libraries are not seen on kernels without trampolines (mount -t tracefs tracefs {})",
            TRACEFS.join(" or "),
            TRACEFS[0]
        )),
    }
}

/// The pid namespace that a kernel starts with (`PROC_PID_INIT_INO` of `include/linux/proc_ns.h`).
const INITIAL_NAMESPACE: &str = "pid:[4026531836]";

fn host_processes(proc: &Path) -> CheckResult {
    let missing = |what: String| CheckResult::Missing {
        what,
        remedy: "run the pod with hostPID: true and the capability SYS_PTRACE, or set --proc-root".to_owned(),
    };
    let own = match std::fs::read_link("/proc/self/ns/pid") {
        Ok(own) => own,
        Err(error) => return missing(format!("/proc/self/ns/pid: {error}")),
    };
    let first = proc.join("1/ns/pid");
    match std::fs::read_link(&first) {
        Ok(first) if first == own => CheckResult::Fine(format!("{} shows them", proc.display())),
        Ok(_) => missing(format!("{} shows another namespace's", proc.display())),
        // The first process may be out of reach for everybody.
        Err(error) if error.kind() == ErrorKind::PermissionDenied && own == Path::new(INITIAL_NAMESPACE) => {
            CheckResult::Fine(format!("{} shows them", proc.display()))
        }
        Err(error) if error.kind() == ErrorKind::PermissionDenied => CheckResult::Less(format!(
            "{}: {error}: can't tell whether they are the node's",
            first.display()
        )),
        Err(error) => missing(format!("{}: {error}", first.display())),
    }
}

fn cgroups(root: &Path) -> Result<String, (String, &'static str)> {
    crate::node::unified_hierarchy(root)
        .map(|root| root.display().to_string())
        .ok_or((
            format!("no unified hierarchy at {0} or {0}/unified", root.display()),
            "mount the node's /sys/fs/cgroup and set --cgroup-root to it; nodes with cgroup v1 alone are not supported",
        ))
}

fn state_folder(folder: &Path) -> Result<String, (String, &'static str)> {
    let probe = folder.join(".preflight");
    let written = crate::state::make_folder(folder)
        .and_then(|()| std::fs::write(&probe, b""))
        .and_then(|()| std::fs::remove_file(&probe));
    match written {
        Ok(()) => Ok(format!("{} can be written", folder.display())),
        Err(error) => Err((
            format!("{}: {error}", folder.display()),
            "set --state-dir to a folder on the node's disk that can be written",
        )),
    }
}

fn programs(options: &LoadOptions) -> Vec<Check> {
    match load(options) {
        Err(error) => {
            let remedy = load_remedy(&error);
            vec![Check::new("programs", Err((Chain(&error).to_string(), remedy)))]
        }
        Ok(loaded) => loaded
            .hooks()
            .iter()
            .map(|hook| Check {
                name: hook.name,
                result: hook_result(hook),
            })
            .collect(),
    }
}

fn hook_result(hook: &HookState) -> CheckResult {
    let said = match (hook.status.word(), hook.remark()) {
        (word, remark) if remark.is_empty() => word.to_owned(),
        (word, remark) => format!("{word}: {remark}"),
    };
    match hook.status {
        HookStatus::Attached => CheckResult::Fine(said),
        HookStatus::Fallback { .. } | HookStatus::Loaded | HookStatus::Unsupported(_) | HookStatus::Failed(_) => {
            CheckResult::Less(said)
        }
    }
}

/// What to do where the hierarchy or the processes can't be read.
pub const fn seed_remedy(error: &SeedError) -> &'static str {
    match error {
        SeedError::NoHierarchy => "mount the node's /sys/fs/cgroup and set --cgroup-root to it",
        SeedError::Read { .. } => "mount the node's /sys/fs/cgroup and run with hostPID: true",
        SeedError::Map(_) | SeedError::Clock(_) => "please report it with `uname -r` and this text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named_with_its_remedy() {
        let check = Check::new("cgroup v2", cgroups(Path::new("/nonexistent")));
        assert!(check.is_missing());
        let shown = check.to_string();
        assert!(
            shown.contains("/nonexistent/unified") && shown.contains("remedy: mount"),
            "{shown}"
        );
    }

    #[test]
    fn a_state_folder_that_can_be_written_is_fine_and_stays_empty_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        assert!(state_folder(folder.path()).is_ok());
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        let made = folder.path().join("lib/anchorwatch");
        assert!(state_folder(&made).is_ok());
        assert_eq!(std::fs::metadata(&made).unwrap().permissions().mode() & 0o777, 0o700);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(state_folder(&file).is_err());
    }

    #[test]
    fn what_is_printed_for_programs_says_what_people_read() {
        let fine = Check::new("kernel", Ok("6.1".to_owned()));
        let less = Check {
            name: "lsm/file_mprotect",
            result: CheckResult::Less("unsupported: no such hook; not seen: x".to_owned()),
        };
        let missing = Check::new("cgroup v2", cgroups(Path::new("/nonexistent")));
        let findings = Findings::from(&[fine.clone(), less.clone()][..]);
        assert_eq!(
            serde_json::to_value(&findings).unwrap(),
            serde_json::json!({"canRun": true, "seesAll": false, "checks": [
                {"name": "kernel", "state": "ok", "detail": "6.1"},
                {"name": "lsm/file_mprotect", "state": "less", "detail": "unsupported: no such hook; not seen: x"},
            ]})
        );
        assert_eq!(
            findings.verdict(),
            "The sensor can run here, and sees less than it could."
        );
        let findings = Findings::from(&[fine.clone(), missing][..]);
        assert!(!findings.can_run && findings.checks[1].remedy.is_some());
        assert!(Findings::from(&[fine][..]).sees_all);
    }

    #[test]
    fn a_folder_without_processes_is_not_the_hosts() {
        let result = host_processes(Path::new("/nonexistent"));
        assert!(matches!(result, CheckResult::Missing { .. }), "{result:?}");
    }
}
