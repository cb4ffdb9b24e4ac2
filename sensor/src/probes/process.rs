//! Executions, and the lineage of processes that all feeds tell of.

use super::{Hook, Probe, Way};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor_common::offsets::Need;

/// The hook that sees executions: the others of this feed tell nothing without it.
pub const EXECUTIONS: &str = "tp_btf/sched_process_exec";

/// The hooks by which processes are followed: all of them, or none is followed and every origin is unknown.
pub const LINEAGE: [&str; 3] = ["tp_btf/sched_process_exit", "tp_btf/sched_process_fork", EXECUTIONS];

/// In the order in which they are attached.
pub(super) const PROBES: [Probe; 6] = [
    Probe {
        feed: Feed::Process,
        blind: "the end of processes, so that none is followed: every origin and every ancestor is unknown",
        ways: &[Way {
            name: "tp_btf/sched_process_exit",
            program: "sched_process_exit",
            hook: Hook::BtfTracepoint("sched_process_exit"),
            needs: Need::Required,
            blind: "",
        }],
    },
    Probe {
        feed: Feed::Process,
        blind: "the end of cgroups",
        ways: &[Way {
            name: "tp_btf/cgroup_rmdir",
            program: "cgroup_rmdir",
            hook: Hook::BtfTracepoint("cgroup_rmdir"),
            needs: Need::Required,
            blind: "",
        }],
    },
    Probe {
        feed: Feed::Process,
        blind: "who starts whom, so that no process is followed: every origin and every ancestor is unknown",
        ways: &[Way {
            name: "tp_btf/sched_process_fork",
            program: "sched_process_fork",
            hook: Hook::BtfTracepoint("sched_process_fork"),
            needs: Need::Required,
            blind: "",
        }],
    },
    Probe {
        feed: Feed::Process,
        blind: "new cgroups, until their first event is looked up",
        ways: &[Way {
            name: "tp_btf/cgroup_mkdir",
            program: "cgroup_mkdir",
            hook: Hook::BtfTracepoint("cgroup_mkdir"),
            needs: Need::Required,
            blind: "",
        }],
    },
    Probe {
        feed: Feed::Process,
        blind: "where scripts come from that have a path: they show their interpreter's layer, unless they are found to be \
                new or changed in the container while they run",
        ways: &[
            Way {
                name: "fentry/security_bprm_check",
                program: "bprm_entry",
                hook: Hook::Fentry("security_bprm_check"),
                needs: Need::Scripts,
                blind: "",
            },
            Way {
                name: "lsm/bprm_check_security",
                program: "bprm_check",
                hook: Hook::Lsm("bprm_check_security"),
                needs: Need::Scripts,
                blind: "",
            },
        ],
    },
    Probe {
        feed: Feed::Process,
        blind: "executions, so that no process is followed: who connects or maps is unknown",
        ways: &[Way {
            name: EXECUTIONS,
            program: "sched_process_exec",
            hook: Hook::BtfTracepoint("sched_process_exec"),
            needs: Need::Required,
            blind: "",
        }],
    },
];

/// What a program of these does not see where the kernel lacks fields that it can do without: hook, need, and what is lost.
pub(super) const HALF_BLIND: [(&str, Need, &str); 1] = [(
    "tp_btf/sched_process_exec",
    Need::OverlayChanges,
    "whether a file of an image that lies in the writable layer was changed there",
)];
