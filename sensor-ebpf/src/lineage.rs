//! Who descends from whom: which containers have begun, and the one decision that is made at exec.

use crate::errors::count;
use crate::file::overlay_root;
use crate::follow::carried;
use crate::slot;
use crate::structure::Structure;
use crate::task::Task;
use anchorwatch_sensor_common::event::RECORD_ANCESTORS;
use anchorwatch_sensor_common::filter::Slot;
use anchorwatch_sensor_common::lineage::{
    ACCOUNT_NOBODYS, CARRIED_ANCESTORS, CARRIED_FILES, ORIGIN_ENTRYPOINT, ORIGIN_OUTSIDE, ORIGIN_UNKNOWN, Process,
};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use anchorwatch_sensor_common::module::Loader;
use aya_ebpf::{bindings::BPF_NOEXIST, helpers::bpf_get_current_uid_gid, macros::map, maps::HashMap};

/// The first execution in each container, by its cgroup's id. Sized at load.
#[map]
static ROOTS: HashMap<u64, u64> = HashMap::with_max_entries(16_384, 0);

/// Cgroups that user space knows to be no container's: their executions cost no ring space. Sized at load.
#[map]
static IGNORED: HashMap<u64, u8> = HashMap::with_max_entries(16_384, 0);

const EEXIST: i32 = -17;

#[inline(always)]
pub fn forget_cgroup(id: u64) {
    // Absent is what we want.
    let _absent = (ROOTS.remove(id), IGNORED.remove(id));
}

/// The slot of the current task's cgroup, unless user space wants to hear nothing of it. Containers come first: most of
/// what happens is theirs.
#[inline(always)]
pub fn heeded(cgroup_id: u64) -> Option<Slot> {
    match slot::container(cgroup_id) {
        Some(slot) => Some(slot),
        None if is_ignored(cgroup_id) => None,
        None => Some(slot::of_current(cgroup_id)),
    }
}

#[inline(always)]
pub fn is_ignored(cgroup_id: u64) -> bool {
    // SAFETY: only the presence counts.
    unsafe { IGNORED.get(cgroup_id) }.is_some()
}

/// What an execution means for the process's lineage.
#[repr(C)]
pub struct Step {
    /// What the process carries from now on.
    pub process: Process,
    /// For the record.
    pub ancestors: [u64; RECORD_ANCESTORS],
    /// [`Process::files`] of those.
    pub files_before: [u64; CARRIED_FILES],
    /// Not 0 for the container runtime's own stage.
    pub runtime_stage: u32,
    /// Not 0 if the process was put into the container from outside with this execution.
    pub is_visit: u32,
}

/// Decides origin mark and ancestors of an execution in a container, for what the process carried before. The caller
/// says on whose account it is.
#[inline(always)]
pub fn step(step: &mut Step, before: Option<&Process>, task: Task, exec_id: u64, container: u64) {
    step.process = Process {
        start_ticks: task.start_ticks(),
        exec_id,
        ancestors: [0; CARRIED_ANCESTORS],
        container,
        files: [0; CARRIED_FILES],
        visit: 0,
        origin: ORIGIN_UNKNOWN,
        root: 0,
        account: ACCOUNT_NOBODYS,
        reserved: 0,
    };
    step.ancestors = [0; RECORD_ANCESTORS];
    step.files_before = [0; CARRIED_FILES];
    (step.runtime_stage, step.is_visit) = (0, 0);
    let in_host_mounts = task.in_host_mounts();
    if let Some(before) = before {
        let from_outside = before.container != container && !slot::is_within(before.container, container);
        if from_outside && !in_host_mounts {
            step.process.origin = root_origin(container, exec_id);
            step.process.root = overlay_root(task);
            step.is_visit = u32::from(step.process.origin == ORIGIN_OUTSIDE);
            return;
        }
        inherit(step, before);
        // A runtime stage is still the runtime's: the container begins at its next execution.
        step.runtime_stage = u32::from(from_outside);
    }
    if step.process.origin == ORIGIN_UNKNOWN && !in_host_mounts {
        // Whoever it is, the container has begun: what comes from outside after it is not its first process.
        let _begun_or_begins = root_origin(container, exec_id);
    }
}

/// Takes over what the process carried, one execution further.
#[inline(always)]
fn inherit(step: &mut Step, before: &Process) {
    step.process.container = before.container;
    step.process.origin = before.origin;
    step.process.visit = before.visit;
    step.process.root = before.root;
    step.process.ancestors = [before.exec_id, before.ancestors[0], before.ancestors[1]];
    step.ancestors = [
        before.exec_id,
        before.ancestors[0],
        before.ancestors[1],
        before.ancestors[2],
    ];
    step.files_before = before.files;
    // The first place is this execution's own.
    step.process.files = [0, before.files[0], before.files[1], before.files[2]];
}

/// The first root of a container is its first process, later ones are put in from outside.
#[inline(always)]
fn root_origin(container: u64, exec_id: u64) -> u32 {
    match ROOTS.insert(container, exec_id, u64::from(BPF_NOEXIST)) {
        Ok(()) => ORIGIN_ENTRYPOINT,
        Err(EEXIST) => ORIGIN_OUTSIDE,
        Err(_) => {
            count(LossPlace::Exec, LossReason::MapFull);
            ORIGIN_UNKNOWN
        }
    }
}

/// Who loads code, for a record. What a process does between fork and its first exec is its forker's.
#[inline(always)]
pub fn loader(task: Task<impl Structure>, cgroup_id: u64, container: u64) -> Loader {
    let pid = task.tgid();
    let carried = carried(pid, task.start_ticks());
    let (exec_id, ancestors, origin) = match carried {
        Some(process) => (process.exec_id, process.ancestors, process.origin),
        None => (0, [0; CARRIED_ANCESTORS], ORIGIN_UNKNOWN),
    };
    Loader {
        cgroup_id,
        container,
        exec_id,
        ancestors,
        pid,
        uid: bpf_get_current_uid_gid() as u32,
        origin,
        reserved: 0,
    }
}
