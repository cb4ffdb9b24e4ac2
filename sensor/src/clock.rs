//! The kernel's clock against the wall's.

use anchorwatch_core::time::Timestamp;
use rustix::time::{ClockId, clock_gettime};

const NANOS_A_MILLI: i64 = 1_000_000;

/// How far the wall clock is ahead of `CLOCK_BOOTTIME`, which the kernel's records carry. Read again for each batch of
/// events, because the wall clock is stepped now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WallClock {
    ahead_millis: i64,
}

impl WallClock {
    pub fn read() -> Self {
        let boot = millis(ClockId::Boottime);
        Self {
            ahead_millis: millis(ClockId::Realtime).saturating_sub(boot),
        }
    }

    /// When something happened.
    pub fn at(self, boot_ns: u64) -> Timestamp {
        let boot_millis = i64::try_from(boot_ns).unwrap_or(i64::MAX) / NANOS_A_MILLI;
        Timestamp::from_millis(boot_millis.saturating_add(self.ahead_millis))
    }

    /// Now.
    pub fn now() -> Timestamp {
        Timestamp::from_millis(millis(ClockId::Realtime))
    }
}

/// `CLOCK_BOOTTIME` in nanoseconds, as the kernel's records carry it.
pub fn boot_nanos() -> u64 {
    let time = clock_gettime(ClockId::Boottime);
    let nanos = time.tv_sec.saturating_mul(1_000_000_000).saturating_add(time.tv_nsec);
    u64::try_from(nanos).unwrap_or(0)
}

fn millis(clock: ClockId) -> i64 {
    let time = clock_gettime(clock);
    time.tv_sec
        .saturating_mul(1000)
        .saturating_add(time.tv_nsec / NANOS_A_MILLI)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_of_the_kernels_clock_is_converted_to_the_wall_clock() {
        let clock = WallClock { ahead_millis: 1000 };
        assert_eq!(clock.at(5_000_000_000), Timestamp::from_millis(6000));
        assert_eq!(
            WallClock { ahead_millis: i64::MAX }.at(u64::MAX),
            Timestamp::from_millis(i64::MAX)
        );
    }
}
