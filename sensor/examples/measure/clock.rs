//! Processor time to the nanosecond: `/proc/PID/stat` counts ticks of 10 ms, half a percent of a short round.

use anyhow::{Result, ensure};
use std::mem::MaybeUninit;
use std::time::Duration;

/// What all threads of a process took, those that have ended included.
#[expect(
    clippy::cast_sign_loss,
    clippy::cast_possible_truncation,
    reason = "time that was taken is not negative, and nanoseconds are below a second"
)]
pub fn processor_time(pid: u32) -> Result<Duration> {
    let mut clock = MaybeUninit::uninit();
    // SAFETY: the call writes the clock's id, or fails.
    let failed = unsafe { libc::clock_getcpuclockid(libc::pid_t::try_from(pid)?, clock.as_mut_ptr()) };
    ensure!(
        failed == 0,
        "no clock of process {pid}: {}",
        std::io::Error::from_raw_os_error(failed)
    );
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the id was written above; the call writes the time, or fails.
    let failed = unsafe { libc::clock_gettime(clock.assume_init(), time.as_mut_ptr()) } != 0;
    ensure!(!failed, "process {pid}: {}", std::io::Error::last_os_error());
    // SAFETY: it did not fail.
    let time = unsafe { time.assume_init() };
    Ok(Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}
