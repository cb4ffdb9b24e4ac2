//! Records on their way to the ring buffer.

use crate::errors::count;
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use aya_ebpf::{
    helpers::generated::bpf_ringbuf_output,
    macros::map,
    maps::{RingBuf, ring_buf::RingBufEntry},
};

/// Sized at load.
#[map]
static EVENTS: RingBuf = RingBuf::with_byte_size(4 << 20, 0);

/// The largest record, a power of two so that a mask bounds a length for the verifier.
pub const MAX_RECORD: usize = 0x4000;

/// Sends the first `length` bytes of a buffer of [`MAX_RECORD`] bytes or more (or of exactly `length` bytes,
/// where that is a constant). The default flags wake the reader only if it has caught up.
///
/// # Safety
/// `record` points to that many initialised bytes.
#[inline(always)]
pub unsafe fn output(place: LossPlace, record: *const u8, length: u64) {
    // SAFETY: the ring is a map of this object; the caller vouches for the record, the verifier checks both.
    let result = unsafe {
        bpf_ringbuf_output(
            (&raw const EVENTS).cast_mut().cast(),
            record.cast_mut().cast(),
            length,
            0,
        )
    };
    if result != 0 {
        count(place, LossReason::RingFull);
    }
}

/// Room for a record that is written in place: for programs that can be preempted, where a scratch value a CPU would be
/// shared. None, and counted, if there is no room.
#[inline(always)]
pub fn reserve<T: 'static>(place: LossPlace) -> Option<RingBufEntry<T>> {
    let entry = EVENTS.reserve::<T>(0);
    if entry.is_none() {
        count(place, LossReason::RingFull);
    }
    entry
}
