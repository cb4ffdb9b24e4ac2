//! The table of programs: which hook each has, and what is lost without it.

/// A program of the object and its hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// The hook, as in `tp_btf/sched_process_exec`.
    pub name: &'static str,
    /// Name of the program in the object, and of the tracepoint.
    pub tracepoint: &'static str,
    /// Without it the process feed cannot be had.
    pub required: bool,
    /// What is not seen without it.
    pub blind: &'static str,
}

/// Every program, in the order in which they are attached: what forgets comes before what remembers.
pub const PROBES: [Probe; 5] = [
    Probe {
        name: "tp_btf/sched_process_exit",
        tracepoint: "sched_process_exit",
        required: true,
        blind: "the end of processes: their lineage would be kept until its map is full",
    },
    Probe {
        name: "tp_btf/cgroup_rmdir",
        tracepoint: "cgroup_rmdir",
        required: false,
        blind: "the end of cgroups",
    },
    Probe {
        name: "tp_btf/sched_process_fork",
        tracepoint: "sched_process_fork",
        required: true,
        blind: "lineage and origin of processes",
    },
    Probe {
        name: "tp_btf/cgroup_mkdir",
        tracepoint: "cgroup_mkdir",
        required: false,
        blind: "new cgroups, until their first event is looked up",
    },
    Probe {
        name: "tp_btf/sched_process_exec",
        tracepoint: "sched_process_exec",
        required: true,
        blind: "executions",
    },
];
