//! The kernel, and what this process may do with it.

use super::CheckResult;
use std::fs;
use std::io::ErrorKind;

type Looked = Result<String, (String, &'static str)>;

/// The kernel's release. What it can do is told by trying, not by its version.
pub(super) fn kernel() -> String {
    let name = rustix::system::uname();
    let shown = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    format!(
        "{} {} {}",
        shown(name.sysname()),
        shown(name.release()),
        shown(name.machine())
    )
}

/// Where the kernel tells whether it keeps its memory from everybody.
const LOCKDOWN: &str = "/sys/kernel/security/lockdown";

/// In lockdown for confidentiality, programs may not read the kernel's memory (`security/lockdown/lockdown.c`).
pub(super) fn lockdown() -> Looked {
    read_lockdown(match fs::read_to_string(LOCKDOWN) {
        Ok(modes) => Some(modes),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Ok(format!("{LOCKDOWN}: {error}: can't tell")),
    })
}

fn read_lockdown(modes: Option<String>) -> Looked {
    match modes {
        None => Ok("none".to_owned()),
        Some(modes) if modes.contains("[confidentiality]") => Err((
            "the kernel is in lockdown for confidentiality: no program may read its memory".to_owned(),
            "boot without lockdown=confidentiality; lockdown=integrity is no hindrance",
        )),
        Some(modes) => Ok(modes.trim().to_owned()),
    }
}

/// Capabilities, their bits (`include/uapi/linux/capability.h`), and what is missing without them.
const CAPABILITIES: [(&str, u32, &str); 5] = [
    ("BPF", 39, "programs can't be loaded"),
    ("PERFMON", 38, "programs can't read the kernel's memory"),
    ("NET_ADMIN", 12, "connections and listeners are not seen"),
    (
        "SYS_PTRACE",
        19,
        "what ran before the sensor is not told from what runs on the host",
    ),
    ("DAC_READ_SEARCH", 2, "files of other users' containers can't be hashed"),
];

/// Stands for BPF, PERFMON and more (`include/linux/capability.h`, `bpf_capable`).
const SYS_ADMIN: u32 = 21;

/// The capabilities that this process has, and what it can't see without the others.
pub(super) fn capabilities() -> CheckResult {
    match fs::read_to_string("/proc/self/status") {
        Ok(status) => read_capabilities(&status),
        Err(error) => CheckResult::Less(format!("/proc/self/status: {error}: can't tell")),
    }
}

fn read_capabilities(status: &str) -> CheckResult {
    let line = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let Some(held) = line.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()) else {
        return CheckResult::Less("no CapEff in /proc/self/status: can't tell".to_owned());
    };
    let has = |bit: u32| held >> bit & 1 == 1;
    let stood_in_for = |name: &str| matches!(name, "BPF" | "PERFMON") && has(SYS_ADMIN);
    let lacks = |name: &str, bit: u32| !(has(bit) || stood_in_for(name));
    let missing: Vec<String> = CAPABILITIES
        .iter()
        .filter(|(name, bit, _)| lacks(name, *bit))
        .map(|(name, _, effect)| format!("{name} ({effect})"))
        .collect();
    if missing.is_empty() {
        CheckResult::Fine("all capabilities that are used".to_owned())
    } else {
        CheckResult::Less(format!("without {}", missing.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_has_a_release() {
        assert!(kernel().starts_with("Linux "));
    }

    #[test]
    fn lockdown_for_confidentiality_alone_is_a_hindrance() {
        assert!(read_lockdown(Some("none integrity [confidentiality]\n".to_owned())).is_err());
        assert_eq!(
            read_lockdown(Some("none [integrity] confidentiality\n".to_owned())),
            Ok("none [integrity] confidentiality".to_owned())
        );
        assert_eq!(read_lockdown(None), Ok("none".to_owned()));
    }

    #[test]
    fn each_missing_capability_is_named_with_what_it_costs() {
        let all = read_capabilities("Name:\tx\nCapEff:\t000001ffffffffff\n");
        assert!(matches!(all, CheckResult::Fine(_)), "{all:?}");
        let CheckResult::Less(none) = read_capabilities("CapEff:\t0000000000000000\n") else {
            panic!("nothing is held");
        };
        assert!(
            CAPABILITIES
                .iter()
                .all(|(name, _, effect)| none.contains(name) && none.contains(effect)),
            "{none}"
        );
        // SYS_ADMIN and NET_ADMIN.
        let CheckResult::Less(some) = read_capabilities("CapEff:\t0000000000201000\n") else {
            panic!("two are missing");
        };
        assert!(
            !some.contains("BPF") && !some.contains("NET_ADMIN") && some.contains("SYS_PTRACE"),
            "{some}"
        );
        assert!(matches!(read_capabilities("CapEff:\tx\n"), CheckResult::Less(_)));
    }
}
