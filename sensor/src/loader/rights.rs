//! Why the kernel said no: what the process may do, against what loading needs.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;

/// The capabilities that a kind of program needs: bits and names (include/uapi/linux/capability.h).
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs(&'static [(u32, &'static str)]);

impl Needs {
    /// What tracing programs need.
    pub const TRACING: Self = Self(&[(39, "CAP_BPF"), (38, "CAP_PERFMON")]);
    /// What a cgroup's programs for sockets and packets need that read kernel memory.
    pub const CGROUPS: Self = Self(&[(39, "CAP_BPF"), (38, "CAP_PERFMON"), (12, "CAP_NET_ADMIN")]);
}

/// `CAP_SYS_ADMIN` stands for all of them.
const SYS_ADMIN: u32 = 21;

/// What stands in the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// These capabilities are not in the effective set.
    Capabilities(Vec<&'static str>),
    /// The kernel is locked down for confidentiality, which forbids reading its memory.
    Lockdown,
    /// Rights are there: a security module, a user namespace or a seccomp filter.
    Unknown,
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capabilities(names) => write!(formatter, "missing {}", names.join(" and ")),
            Self::Lockdown => formatter.write_str("the kernel is locked down (lockdown=confidentiality)"),
            Self::Unknown => formatter.write_str(
                "the capabilities are there, so a security module, a user namespace or a seccomp filter forbids it",
            ),
        }
    }
}

/// The reason behind an error, if it is one of missing rights.
pub(super) fn refusal(error: &(dyn Error + 'static), needs: Needs) -> Option<Refusal> {
    if !is_permission_denied(error) {
        return None;
    }
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let lockdown = std::fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    Some(judge(&status, &lockdown, needs))
}

fn judge(status: &str, lockdown: &str, needs: Needs) -> Refusal {
    let missing = missing_capabilities(status, needs);
    if !missing.is_empty() {
        Refusal::Capabilities(missing)
    } else if lockdown.contains("[confidentiality]") {
        Refusal::Lockdown
    } else {
        Refusal::Unknown
    }
}

/// Whether it is about rights, and not the verifier's refusal.
fn is_permission_denied(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<std::io::Error>();
        // The verifier says EACCES for a program that it refuses: only EPERM is about rights.
        if io.is_some_and(|io| io.kind() == ErrorKind::PermissionDenied && io.raw_os_error() == Some(libc::EPERM)) {
            return true;
        }
        next = error.source();
    }
    false
}

fn missing_capabilities(status: &str, needs: Needs) -> Vec<&'static str> {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0);
    let has = |bit: u32| effective & (1 << bit) != 0;
    needs
        .0
        .iter()
        .filter(|(bit, _)| !has(*bit) && !has(SYS_ADMIN))
        .map(|(_, name)| *name)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "Name:\tx\nCapEff:\t000001ffffffffff\n";

    #[test]
    fn missing_capabilities_are_named() {
        let missing = |status: &str, needs| judge(status, "", needs).to_string();
        assert_eq!(
            missing("CapEff:\t0000004000000000\n", Needs::TRACING),
            "missing CAP_BPF"
        );
        assert_eq!(
            missing("CapEff:\t0\n", Needs::TRACING),
            "missing CAP_BPF and CAP_PERFMON"
        );
        assert_eq!(
            missing("CapEff:\t000000c000000000\n", Needs::CGROUPS),
            "missing CAP_NET_ADMIN"
        );
    }

    #[test]
    fn the_administrators_capability_stands_for_all() {
        let administrator = "CapEff:\t0000000000200000\n";
        assert_eq!(judge(administrator, "", Needs::CGROUPS), Refusal::Unknown);
    }

    #[test]
    fn lockdown_is_named_only_where_it_forbids() {
        let judge = |lockdown: &str| judge(ALL, lockdown, Needs::TRACING);
        assert_eq!(judge("none integrity [confidentiality]\n"), Refusal::Lockdown);
        assert_eq!(judge("none [integrity] confidentiality\n"), Refusal::Unknown);
    }

    #[test]
    fn a_verifiers_refusal_is_not_about_rights() {
        let verifier = std::io::Error::from_raw_os_error(libc::EACCES);
        assert_eq!(refusal(&verifier, Needs::TRACING), None);
    }
}
