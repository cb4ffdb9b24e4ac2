//! Code that is loaded: executable mappings of files, and kernel modules.

use super::{Hook, Probe, Way};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor_common::offsets::Need;

pub(super) const PROBES: [Probe; 3] = [
    Probe {
        feed: Feed::Module,
        blind: "libraries",
        ways: &[
            Way {
                name: "fentry/security_mmap_file",
                program: "mmap_entry",
                hook: Hook::Fentry("security_mmap_file"),
                needs: Need::Mappings,
                blind: "",
            },
            Way {
                name: "tracepoint/sys_enter_mmap",
                program: "mmap_call",
                hook: Hook::Tracepoint {
                    category: "syscalls",
                    name: "sys_enter_mmap",
                },
                needs: Need::Mappings,
                blind: "executable mappings by 32-bit calls and by shmat(SHM_EXEC)",
            },
        ],
    },
    Probe {
        feed: Feed::Module,
        blind: "mappings of files that are made executable afterwards (mprotect)",
        ways: &[Way {
            name: "fentry/security_file_mprotect",
            program: "mprotect_entry",
            hook: Hook::Fentry("security_file_mprotect"),
            needs: Need::Protections,
            blind: "",
        }],
    },
    Probe {
        feed: Feed::Module,
        blind: "kernel modules",
        ways: &[Way {
            name: "tp_btf/module_load",
            program: "module_load",
            hook: Hook::BtfTracepoint("module_load"),
            needs: Need::KernelModules,
            blind: "",
        }],
    },
];
