//! Who descends from whom: the maps that carry it, and the one decision that is made at exec.

use crate::errors::count;
use anchorwatch_sensor_common::event::RECORD_ANCESTORS;
use anchorwatch_sensor_common::lineage::{
    CARRIED_ANCESTORS, ORIGIN_ENTRYPOINT, ORIGIN_OUTSIDE, ORIGIN_UNKNOWN, Process,
};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use aya_ebpf::{
    bindings::{BPF_ANY, BPF_NOEXIST},
    macros::map,
    maps::HashMap,
};

/// What each process carries, by its id in the host's namespace. Sized at load.
#[map]
static PROCESSES: HashMap<u32, Process> = HashMap::with_max_entries(65_536, 0);

/// The first execution in each container's cgroup. Sized at load.
#[map]
static ROOTS: HashMap<u64, u64> = HashMap::with_max_entries(16_384, 0);

/// Cgroups that user space knows to be no container's: their executions cost no ring space. Sized at load.
#[map]
static IGNORED: HashMap<u64, u8> = HashMap::with_max_entries(16_384, 0);

const EEXIST: i32 = -17;

/// What a process carries, unless the entry is another process's that had the same id.
#[inline(always)]
pub fn carried(tgid: u32, start_ticks: u64) -> Option<Process> {
    // SAFETY: the value is copied at once; an entry that is replaced meanwhile gives at worst a mixture, and
    // only the process itself, its forker and its exit write its entry.
    let process = unsafe { PROCESSES.get(tgid) }?;
    if process.start_ticks == start_ticks {
        Some(*process)
    } else {
        None
    }
}

#[inline(always)]
pub fn remember(place: LossPlace, tgid: u32, process: &Process) {
    if PROCESSES.insert(tgid, process, u64::from(BPF_ANY)).is_err() {
        count(place, LossReason::MapFull);
    }
}

#[inline(always)]
pub fn forget(tgid: u32) {
    // Absent is what we want.
    let _absent = PROCESSES.remove(tgid);
}

#[inline(always)]
pub fn forget_cgroup(id: u64) {
    // Absent is what we want.
    let _absent = (ROOTS.remove(id), IGNORED.remove(id));
}

#[inline(always)]
pub fn is_ignored(cgroup_id: u64) -> bool {
    // SAFETY: only the presence counts.
    unsafe { IGNORED.get(cgroup_id) }.is_some()
}

/// What an execution means for the process's lineage.
pub struct Step {
    /// What the process carries from now on.
    pub process: Process,
    /// For the record.
    pub ancestors: [u64; RECORD_ANCESTORS],
    pub runtime_stage: bool,
}

/// Decides origin mark and ancestors of an execution in `cgroup_id`, for what the process carried before.
#[inline(always)]
pub fn step(carried: Option<Process>, exec_id: u64, start_ticks: u64, cgroup_id: u64, in_host_mounts: bool) -> Step {
    let mut process = Process {
        start_ticks,
        exec_id,
        ancestors: [0; CARRIED_ANCESTORS],
        cgroup_id,
        origin: ORIGIN_UNKNOWN,
        reserved: 0,
    };
    let mut ancestors = [0; RECORD_ANCESTORS];
    let mut runtime_stage = false;
    if let Some(before) = carried {
        let from_outside = before.cgroup_id != cgroup_id;
        runtime_stage = from_outside && in_host_mounts;
        if from_outside && !runtime_stage {
            process.origin = root_origin(cgroup_id, exec_id);
        } else {
            // A runtime stage is still the runtime's: the container begins at its next execution.
            process.cgroup_id = before.cgroup_id;
            process.origin = before.origin;
            process.ancestors = [before.exec_id, before.ancestors[0], before.ancestors[1]];
            ancestors = [
                before.exec_id,
                before.ancestors[0],
                before.ancestors[1],
                before.ancestors[2],
            ];
        }
    }
    Step {
        process,
        ancestors,
        runtime_stage,
    }
}

/// The first root of a cgroup is the container's first process, later ones are put in from outside.
#[inline(always)]
fn root_origin(cgroup_id: u64, exec_id: u64) -> u32 {
    match ROOTS.insert(cgroup_id, exec_id, u64::from(BPF_NOEXIST)) {
        Ok(()) => ORIGIN_ENTRYPOINT,
        Err(EEXIST) => ORIGIN_OUTSIDE,
        Err(_) => {
            count(LossPlace::Exec, LossReason::MapFull);
            ORIGIN_UNKNOWN
        }
    }
}
