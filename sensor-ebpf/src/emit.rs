//! Records on their way to the ring buffers.

use aya_ebpf::{
    bindings::{BPF_RB_AVAIL_DATA, BPF_RB_FORCE_WAKEUP},
    helpers::generated::{bpf_ringbuf_output, bpf_ringbuf_query},
    macros::map,
    maps::{RingBuf, ring_buf::RingBufEntry},
};
use core::ptr::read_volatile;

/// Executions, cgroups, flows and answers of name servers. Sized at load.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(4 << 20, 0);

/// Executable mappings, which come in floods and push out nothing else here. Sized at load.
#[map]
static MODULE_EVENTS: RingBuf = RingBuf::with_byte_size(2 << 20, 0);

/// How many bytes of each ring ordinary records may fill, in the order of [`Ring`]; set by user space at load.
#[unsafe(no_mangle)]
static RING_SHARE: [u64; 2] = [u64::MAX; 2];

/// The largest record, a power of two so that a mask bounds a length for the verifier.
pub const MAX_RECORD: usize = 0x4000;

/// Where a record goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ring {
    Events = 0,
    Modules = 1,
}

/// How a record goes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// Wakes the reader only if it has caught up, and leaves free what is kept for the others.
    Ordinary,
    /// The same, but may fill the ring: without it other records could not be understood.
    Structural,
    /// May fill the ring, and wakes the reader at once.
    Sensitive,
}

/// Sends the first `length` bytes of a buffer of [`MAX_RECORD`] bytes or more (or of exactly `length` bytes,
/// where that is a constant); whether it went out.
///
/// # Safety
/// `record` points to that many initialised bytes.
#[inline(always)]
#[must_use]
pub unsafe fn output(ring: Ring, record: *const u8, length: u64, urgency: Urgency) -> bool {
    if !has_room(ring, length, urgency) {
        return false;
    }
    // SAFETY: the ring is a map of this object; the caller vouches for the record, the verifier checks both.
    let result = unsafe {
        bpf_ringbuf_output(
            core::ptr::from_ref(map(ring)).cast_mut().cast(),
            record.cast_mut().cast(),
            length,
            wake_up(urgency),
        )
    };
    result == 0
}

/// Room for a record that is written in place: for programs that can be preempted, where a scratch value a CPU would be
/// shared. None if there is no room. Ended by [`submit`].
#[inline(always)]
#[must_use]
pub fn reserve<T: 'static>(ring: Ring, urgency: Urgency) -> Option<RingBufEntry<T>> {
    if has_room(ring, size_of::<T>() as u64, urgency) {
        map(ring).reserve::<T>(0)
    } else {
        None
    }
}

/// Sends what was written in place.
#[inline(always)]
pub fn submit<T>(entry: RingBufEntry<T>, urgency: Urgency) {
    entry.submit(wake_up(urgency));
}

#[inline(always)]
fn map(ring: Ring) -> &'static RingBuf {
    match ring {
        Ring::Events => &EVENTS,
        Ring::Modules => &MODULE_EVENTS,
    }
}

/// Whether the ring has room beside what is kept free. Others may take it until it is used, so that a few records of
/// ordinary ones may lie in the share of the sensitive.
#[inline(always)]
fn has_room(ring: Ring, length: u64, urgency: Urgency) -> bool {
    if urgency != Urgency::Ordinary {
        return true;
    }
    // SAFETY: a static, indexed within its bounds; volatile, because user space sets the value at load.
    let share = unsafe { read_volatile(&raw const RING_SHARE[ring as usize]) };
    // SAFETY: the ring is a map of this object.
    let used = unsafe {
        bpf_ringbuf_query(
            core::ptr::from_ref(map(ring)).cast_mut().cast(),
            u64::from(BPF_RB_AVAIL_DATA),
        )
    };
    used.saturating_add(length) <= share
}

#[inline(always)]
fn wake_up(urgency: Urgency) -> u64 {
    match urgency {
        Urgency::Ordinary | Urgency::Structural => 0,
        Urgency::Sensitive => u64::from(BPF_RB_FORCE_WAKEUP),
    }
}
