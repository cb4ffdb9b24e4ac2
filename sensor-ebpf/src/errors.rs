//! Losses, counted by place and reason where they happen.

use crate::atomic;
use anchorwatch_sensor_common::loss::{LOSS_COUNTERS, LossPlace, LossReason, loss_index};
use aya_ebpf::{macros::map, maps::PerCpuArray};

#[map]
static LOSSES: PerCpuArray<u64> = PerCpuArray::with_max_entries(LOSS_COUNTERS, 0);

/// Adds one to a counter of this CPU: atomically, since programs interrupt each other there.
#[inline(always)]
pub fn count(place: LossPlace, reason: LossReason) {
    if let Some(counter) = LOSSES.get_ptr_mut(loss_index(place, reason)) {
        // SAFETY: the pointer is to this CPU's value of an array map, valid for the program's run.
        unsafe { atomic::add(counter, 1) };
    }
}
