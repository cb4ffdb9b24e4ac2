//! Why the kernel said no: what the process may do, against what loading needs.

use std::error::Error;
use std::fmt;
use std::io::ErrorKind;

/// `CAP_PERFMON`, `CAP_BPF`, `CAP_SYS_ADMIN` (include/uapi/linux/capability.h).
const CAPABILITIES: [(u32, &str); 2] = [(39, "CAP_BPF"), (38, "CAP_PERFMON")];
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
                "CAP_BPF and CAP_PERFMON are there, so a security module, a user namespace or a seccomp filter forbids it",
            ),
        }
    }
}

/// The reason behind an error, if it is one of missing rights.
pub fn refusal(error: &(dyn Error + 'static)) -> Option<Refusal> {
    if !is_permission_denied(error) {
        return None;
    }
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let lockdown = std::fs::read_to_string("/sys/kernel/security/lockdown").unwrap_or_default();
    Some(judge(&status, &lockdown))
}

fn judge(status: &str, lockdown: &str) -> Refusal {
    let missing = missing_capabilities(status);
    if !missing.is_empty() {
        Refusal::Capabilities(missing)
    } else if lockdown.contains("[confidentiality]") {
        Refusal::Lockdown
    } else {
        Refusal::Unknown
    }
}

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

fn missing_capabilities(status: &str) -> Vec<&'static str> {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let effective = effective
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .unwrap_or(0);
    let has = |bit: u32| effective & (1 << bit) != 0;
    CAPABILITIES
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
        let refusal = judge("CapEff:\t0000004000000000\n", "");
        assert_eq!(refusal.to_string(), "missing CAP_BPF");
        assert_eq!(judge("CapEff:\t0\n", "").to_string(), "missing CAP_BPF and CAP_PERFMON");
    }

    #[test]
    fn the_administrators_capability_stands_for_both() {
        assert_eq!(judge("CapEff:\t0000000000200000\n", ""), Refusal::Unknown);
    }

    #[test]
    fn lockdown_is_named_only_where_it_forbids() {
        assert_eq!(judge(ALL, "none integrity [confidentiality]\n"), Refusal::Lockdown);
        assert_eq!(judge(ALL, "none [integrity] confidentiality\n"), Refusal::Unknown);
    }

    #[test]
    fn a_verifiers_refusal_is_not_about_rights() {
        let verifier = std::io::Error::from_raw_os_error(libc::EACCES);
        assert_eq!(refusal(&verifier), None);
    }
}
