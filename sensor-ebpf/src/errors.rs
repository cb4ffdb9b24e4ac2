//! Losses, counted by place and reason where they happen.

use anchorwatch_sensor_common::loss::{LOSS_COUNTERS, LossPlace, LossReason, loss_index};
use aya_ebpf::{macros::map, maps::PerCpuArray};

#[map]
static LOSSES: PerCpuArray<u64> = PerCpuArray::with_max_entries(LOSS_COUNTERS, 0);

/// Adds one to a counter of this CPU.
#[inline(always)]
pub fn count(place: LossPlace, reason: LossReason) {
    if let Some(counter) = LOSSES.get_ptr_mut(loss_index(place, reason)) {
        // SAFETY: the pointer is to this CPU's value of an array map, valid for the program's run. Programs
        // that interrupt each other on one CPU may lose an increment; none can tear a 64-bit store.
        unsafe { *counter = (*counter).wrapping_add(1) };
    }
}
