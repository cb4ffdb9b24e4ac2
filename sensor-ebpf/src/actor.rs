//! Whoever is at work: the current process, with what it carries.

use crate::follow::carried;
use crate::lineage::heeded;
use crate::task::Task;
use anchorwatch_sensor_common::filter::Slot;
use anchorwatch_sensor_common::lineage::{CARRIED_ANCESTORS, ORIGIN_UNKNOWN, Process};
use aya_ebpf::helpers::generated::bpf_get_current_cgroup_id;

/// The process that runs this program's hook.
pub struct Actor {
    pub cgroup_id: u64,
    pub slot: Slot,
    /// What makes it the same as others to the first-seen filter: the file that it runs, and how it came here.
    pub file: u64,
    pub visit: u64,
    pub pid: u32,
    pub exec_id: u64,
    pub ancestors: [u64; CARRIED_ANCESTORS],
    pub origin: u32,
}

impl Actor {
    /// None for what user space wants to hear nothing of. Only where the current task is the one that acts: never in
    /// an interrupt.
    #[inline(always)]
    pub fn current() -> Option<Self> {
        // SAFETY: a helper without arguments.
        let cgroup_id = unsafe { bpf_get_current_cgroup_id() };
        let slot = heeded(cgroup_id)?;
        let task = Task::current();
        let pid = task.tgid();
        let (exec_id, ancestors, origin, file, visit) = match carried(pid, task.start_ticks()) {
            Some(Process {
                exec_id,
                ancestors,
                origin,
                files,
                visit,
                ..
            }) => (*exec_id, *ancestors, *origin, files[0], *visit),
            // Of whom nothing is known, is like nobody else.
            None => (0, [0; CARRIED_ANCESTORS], ORIGIN_UNKNOWN, u64::from(pid), 0),
        };
        Some(Self {
            cgroup_id,
            slot,
            file,
            visit,
            pid,
            exec_id,
            ancestors,
            origin,
        })
    }
}
