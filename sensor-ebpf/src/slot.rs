//! Which container a cgroup belongs to.
//!
//! User space registers the cgroup of a container, once it knows its path. What is below belongs to the same container,
//! whoever made it: else a container would multiply its quota by making cgroups. What lies in no registered container
//! shares one slot.

use anchorwatch_sensor_common::filter::{Slot, UNREGISTERED};
use aya_ebpf::{
    bindings::BPF_ANY,
    helpers::generated::bpf_get_current_ancestor_cgroup_id,
    macros::map,
    maps::{HashMap, LruHashMap},
};

/// Containers by their cgroup's id; written by user space alone. Sized at load.
#[map]
static CONTAINERS: HashMap<u64, Slot> = HashMap::with_max_entries(1024, 0);

/// Cgroups below them, as a shortcut: a container that makes many pushes out its like, and they are found again by
/// their ancestors. Sized at load.
#[map]
static NESTED: LruHashMap<u64, Slot> = LruHashMap::with_max_entries(8192, 0);

/// How deep below the root of the hierarchy a container's own cgroup may lie; kubelets in containers of their own
/// (kind) reach seven.
const MAX_LEVEL: i32 = 12;

/// The slot of a cgroup of the current task.
#[inline(always)]
pub fn of_current(cgroup_id: u64) -> Slot {
    // SAFETY: a helper without pointers; 0 if the task's cgroup is not that deep.
    of(cgroup_id, |level| unsafe { bpf_get_current_ancestor_cgroup_id(level) })
}

/// The slot of a cgroup, where `ancestor` tells the cgroup above it by its level below the root, 0 if there is none.
#[inline(always)]
pub fn of(cgroup_id: u64, ancestor: impl Fn(i32) -> u64) -> Slot {
    if let Some(slot) = known(cgroup_id) {
        return slot;
    }
    for level in 1..=MAX_LEVEL {
        let above = ancestor(level);
        if above == 0 || above == cgroup_id {
            break;
        }
        if let Some(slot) = container(above) {
            inherit(cgroup_id, &slot);
            return slot;
        }
    }
    unregistered(cgroup_id)
}

/// The slot that all share which belongs to no container.
#[inline(always)]
pub const fn unregistered(cgroup_id: u64) -> Slot {
    Slot {
        container: cgroup_id,
        index: UNREGISTERED,
        reserved: 0,
    }
}

/// The slot of a cgroup that is a container's or is known to be in one.
#[inline(always)]
pub fn known(cgroup_id: u64) -> Option<Slot> {
    if let Some(slot) = container(cgroup_id) {
        return Some(slot);
    }
    // SAFETY: the value is copied at once. An element that is used again for another key meanwhile would give that
    // one's slot: one event goes to another container's account.
    unsafe { NESTED.get(cgroup_id) }.copied()
}

/// Whether a cgroup is known to lie in a container. What ran in a cgroup of its own before the container was registered
/// carries that one's id.
#[inline(always)]
pub fn is_within(cgroup_id: u64, container: u64) -> bool {
    match known(cgroup_id) {
        Some(slot) => slot.container == container,
        None => false,
    }
}

/// The slot of a container's own cgroup.
#[inline(always)]
pub fn container(cgroup_id: u64) -> Option<Slot> {
    // SAFETY: the value is copied at once; user space writes it when it registers, and removes it when it is gone.
    unsafe { CONTAINERS.get(cgroup_id) }.copied()
}

/// Notes that a cgroup belongs to a container.
#[inline(always)]
pub fn inherit(cgroup_id: u64, slot: &Slot) {
    // Without the shortcut it is found by its ancestors.
    let _shortcut = NESTED.insert(cgroup_id, slot, u64::from(BPF_ANY));
}

/// Forgets a cgroup that is gone.
#[inline(always)]
pub fn forget(cgroup_id: u64) {
    // Absent is what we want.
    let _absent = (CONTAINERS.remove(cgroup_id), NESTED.remove(cgroup_id));
}
