//! Programs that do nothing: what the kernel takes to call them is what no program can save. For measurements.

use core::ptr::read_volatile;

/// Nonzero where no program is to do anything; set by user space at load. The verifier knows the value, and leaves out
/// what it makes unreachable: nothing of this costs anything where it is zero.
#[unsafe(no_mangle)]
static IDLE: u32 = 0;

/// Whether a program is to return at once.
#[inline(always)]
pub fn idle() -> bool {
    // SAFETY: a static; volatile, because user space sets the value at load.
    unsafe { read_volatile(&raw const IDLE) != 0 }
}
