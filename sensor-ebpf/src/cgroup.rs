//! Cgroups of the unified hierarchy come and go: user space knows a container's before its first execution.

use crate::emit::{Ring, Urgency, output};
use crate::errors::count;
use crate::idle::idle;
use crate::lineage::forget_cgroup;
use crate::slot;
use crate::task::Address;
use anchorwatch_sensor_common::event::{
    CGROUP_PATH_LIMIT, CgroupRecord, Header, KIND_CGROUP_CREATED, KIND_CGROUP_REMOVED,
};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use anchorwatch_sensor_common::offsets::Field;
use aya_ebpf::{
    helpers::generated::{bpf_ktime_get_boot_ns, bpf_probe_read_kernel_str},
    macros::{btf_tracepoint, map},
    maps::PerCpuArray,
    programs::BtfTracePointContext,
};
use core::mem::size_of;

const RECORD: usize = size_of::<CgroupRecord>();

/// Twice the path's limit, so that a masked length stays inside.
#[repr(C)]
struct Scratch {
    record: CgroupRecord,
    path: [u8; 2 * CGROUP_PATH_LIMIT],
}

/// The kernel holds a lock with interrupts off around this tracepoint, so that one value a CPU is enough.
#[map]
static CGROUP_SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

#[btf_tracepoint(function = "cgroup_mkdir")]
pub fn cgroup_mkdir(ctx: BtfTracePointContext) -> i32 {
    if idle() {
        return 0;
    }
    let cgroup = Address::new(ctx.arg(0));
    if is_unified(cgroup)
        && !is_inherited(cgroup)
        && let Err(reason) = try_created(cgroup, ctx.arg(1))
    {
        count(LossPlace::Cgroup, reason);
    }
    0
}

/// A cgroup below a container's belongs to the container, whoever made it. It is not reported: events in it name the
/// container, and a container that may make cgroups can't fill the ring with them.
#[inline(always)]
fn is_inherited(cgroup: Address) -> bool {
    match slot::known(id(parent(cgroup))) {
        Some(slot) => {
            slot::inherit(id(cgroup), &slot);
            true
        }
        None => false,
    }
}

/// The cgroup above, null for a root.
#[inline(always)]
fn parent(cgroup: Address) -> Address {
    let state = cgroup.follow(Field::CgroupSelfParent);
    if state.is_null() {
        state
    } else {
        state.around(Field::CgroupSelf)
    }
}

#[inline(always)]
fn id(cgroup: Address) -> u64 {
    cgroup.follow(Field::CgroupKn).read(Field::KernfsNodeId)
}

#[inline(always)]
fn try_created(cgroup: Address, path: *const u8) -> Result<(), LossReason> {
    let scratch = CGROUP_SCRATCH.get_ptr_mut(0).ok_or(LossReason::MapFull)?;
    // SAFETY: the pointer is to this CPU's value, used by this program alone; the helper writes at most
    // CGROUP_PATH_LIMIT bytes and what it does not write is the previous run's, which is not sent.
    unsafe {
        let length =
            bpf_probe_read_kernel_str((&raw mut (*scratch).path).cast(), CGROUP_PATH_LIMIT as u32, path.cast());
        if length <= 0 {
            return Err(LossReason::ReadFault);
        }
        let length = (length as u64).wrapping_sub(1) & (CGROUP_PATH_LIMIT as u64 - 1);
        (*scratch).record = record(KIND_CGROUP_CREATED, cgroup, length as u32);
        send(scratch.cast(), (RECORD as u64).wrapping_add(length))
    }
}

#[btf_tracepoint(function = "cgroup_rmdir")]
pub fn cgroup_rmdir(ctx: BtfTracePointContext) -> i32 {
    if idle() {
        return 0;
    }
    let cgroup = Address::new(ctx.arg(0));
    if is_unified(cgroup) {
        let record = record(KIND_CGROUP_REMOVED, cgroup, 0);
        forget_cgroup(record.id);
        slot::forget(record.id);
        // What was not reported when it came is not reported when it goes.
        if slot::known(id(parent(cgroup))).is_none()
            // SAFETY: the record is whole and of this constant length.
            && let Err(reason) = unsafe { send((&raw const record).cast(), RECORD as u64) }
        {
            count(LossPlace::Cgroup, reason);
        }
    }
    0
}

/// # Safety
/// As of [`output`].
#[inline(always)]
unsafe fn send(record: *const u8, length: u64) -> Result<(), LossReason> {
    // SAFETY: as the caller says.
    if unsafe { output(Ring::Events, record, length, Urgency::Structural) } {
        Ok(())
    } else {
        Err(LossReason::RingFull)
    }
}

/// The unified hierarchy is the kernel's default one and has the id 0 (`cgroup_init`, kernel/cgroup/cgroup.c).
#[inline(always)]
fn is_unified(cgroup: Address) -> bool {
    cgroup
        .follow(Field::CgroupRoot)
        .read::<u32>(Field::CgroupRootHierarchyId)
        == 0
}

#[inline(always)]
fn record(kind: u32, cgroup: Address, path_len: u32) -> CgroupRecord {
    // SAFETY: a helper without arguments.
    let time_ns = unsafe { bpf_ktime_get_boot_ns() };
    CgroupRecord {
        header: Header {
            kind,
            size: (RECORD as u32).wrapping_add(path_len),
            time_ns,
        },
        id: id(cgroup),
        path_len,
        reserved: 0,
    }
}
