//! Atomic additions, exchanges and comparisons of 64-bit words in map values.
//!
//! Programs run on all CPUs at once; those of cgroups can be preempted, and those of packets interrupt the others. So a
//! counter is only ever changed by these, and no read-modify-write is spread over instructions. `core` offers none of
//! them for a target whose older processors lacked them; the kernel has had them all since 5.12.

use core::intrinsics::{AtomicOrdering, atomic_cxchg, atomic_xadd, atomic_xchg};

/// Adds to a counter.
///
/// # Safety
/// `counter` is a map value's, valid for the program's run.
#[inline(always)]
pub unsafe fn add(counter: *mut u64, count: u64) {
    // SAFETY: as the caller says.
    let _before = unsafe { atomic_xadd::<u64, u64, { AtomicOrdering::Relaxed }>(counter, count) };
}

/// Takes what a counter holds and leaves 0.
///
/// # Safety
/// As of [`add`].
#[inline(always)]
pub unsafe fn take(counter: *mut u64) -> u64 {
    // SAFETY: as the caller says.
    unsafe { atomic_xchg::<u64, { AtomicOrdering::SeqCst }>(counter, 0) }
}

/// Replaces `old` by `new`; false if something else was there.
///
/// # Safety
/// As of [`add`].
#[inline(always)]
pub unsafe fn replace(word: *mut u64, old: u64, new: u64) -> bool {
    // SAFETY: as the caller says.
    unsafe { atomic_cxchg::<u64, { AtomicOrdering::SeqCst }, { AtomicOrdering::SeqCst }>(word, old, new) }.1
}
