//! How much a container may send that is new: a bucket for each slot, feed and class.
//!
//! A bucket is one word: the moment up to which what was sent is paid for (the generic cell rate algorithm, ITU-T
//! I.371). All CPUs share it without a lock; programs that trace may take none.

use crate::atomic;
use anchorwatch_sensor_common::filter::{
    FILTER_FEEDS, FilterFeed, QUOTAS, Quota, Slot, UNREGISTERED, bucket_index, quota_index,
};
use aya_ebpf::{macros::map, maps::Array};
use core::ptr::read_volatile;

/// Set by user space at load.
#[unsafe(no_mangle)]
static QUOTA_LIMITS: [Quota; QUOTAS] = [Quota::UNLIMITED; QUOTAS];

/// Sized at load.
#[map]
static BUCKETS: Array<u64> = Array::with_max_entries(1024 * FILTER_FEEDS as u32 * 2, 0);

/// How often a payment is tried that others get in the way of. Each failure is another one's payment, so that who fails
/// them all and goes free overdraws the bucket by a quarter at most.
const TRIES: u32 = 4;

/// Takes one event from the bucket; false if it is empty.
#[inline(always)]
pub fn pay(feed: FilterFeed, slot: &Slot, sensitive: bool, now_ns: u64) -> bool {
    let class = quota_index(feed, slot.index != UNREGISTERED, sensitive);
    // SAFETY: the index is below QUOTAS for each combination; volatile, because user space sets the value at load.
    let limit = unsafe { read_volatile((&raw const QUOTA_LIMITS).cast::<Quota>().add(class & (QUOTAS - 1))) };
    if limit.cost_ns == 0 {
        return true;
    }
    let Some(bucket) = BUCKETS.get_ptr_mut(bucket_index(slot.index, feed, sensitive)) else {
        return false;
    };
    for _ in 0..TRIES {
        // SAFETY: the pointer is to a value of an array map, which stays; the word is changed by `replace` alone.
        let paid = unsafe { read_volatile(bucket) };
        let after = if paid > now_ns { paid } else { now_ns }.wrapping_add(limit.cost_ns);
        if after.wrapping_sub(now_ns) > limit.burst_ns {
            return false;
        }
        // SAFETY: as above.
        if unsafe { atomic::replace(bucket, paid, after) } {
            return true;
        }
    }
    true
}
