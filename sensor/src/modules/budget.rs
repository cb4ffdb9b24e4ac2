//! How fast files are read for their hashes.

use std::time::{Duration, Instant};

/// A bucket of bytes: it gains so many a second, and holds at most what it gains in one.
#[derive(Debug, Clone)]
pub struct Budget {
    per_second: u64,
    available: u64,
    filled_at: Instant,
}

impl Budget {
    /// A full bucket; `per_second` bytes, at least 1.
    pub fn new(per_second: u64, now: Instant) -> Self {
        let per_second = per_second.max(1);
        Self {
            per_second,
            available: per_second,
            filled_at: now,
        }
    }

    /// Takes `bytes`, or says how long until there are as many. More than the bucket holds costs what it holds.
    pub fn take(&mut self, bytes: u64, now: Instant) -> Result<(), Duration> {
        self.fill(now);
        let cost = bytes.min(self.per_second);
        if let Some(left) = self.available.checked_sub(cost) {
            self.available = left;
            return Ok(());
        }
        let missing = cost - self.available;
        Err(Duration::from_nanos(nanoseconds(missing, self.per_second)))
    }

    /// A remainder too small for a byte stays in the time.
    fn fill(&mut self, now: Instant) {
        let passed = now
            .saturating_duration_since(self.filled_at)
            .min(Duration::from_secs(1));
        let gained = u128::from(self.per_second) * passed.as_nanos() / 1_000_000_000;
        let gained = u64::try_from(gained).unwrap_or(u64::MAX);
        if gained > 0 {
            self.available = self.available.saturating_add(gained).min(self.per_second);
            self.filled_at = now;
        }
    }
}

/// Rounded up, so that the time is enough.
fn nanoseconds(bytes: u64, per_second: u64) -> u64 {
    let exact = u128::from(bytes) * 1_000_000_000;
    u64::try_from(exact.div_ceil(u128::from(per_second))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_gives_what_it_says_and_no_more() {
        let start = Instant::now();
        let mut budget = Budget::new(1000, start);
        assert_eq!(budget.take(1000, start), Ok(()));
        assert_eq!(budget.take(250, start), Err(Duration::from_millis(250)));
        assert_eq!(budget.take(250, start + Duration::from_millis(250)), Ok(()));
        let later = start + Duration::from_hours(1);
        assert_eq!(budget.take(1000, later), Ok(()));
        assert_eq!(budget.take(1, later), Err(Duration::from_millis(1)));
    }

    #[test]
    fn more_than_the_bucket_holds_costs_a_full_one() {
        let start = Instant::now();
        let mut budget = Budget::new(10, start);
        assert_eq!(budget.take(1_000_000, start), Ok(()));
        assert_eq!(budget.take(1_000_000, start), Err(Duration::from_secs(1)));
    }

    #[test]
    fn waiting_as_long_as_it_says_is_enough() {
        let mut now = Instant::now();
        let mut budget = Budget::new(7, now);
        for bytes in [7, 3, 5, 1, 6] {
            while let Err(wait) = budget.take(bytes, now) {
                now += wait;
            }
        }
        assert!(budget.available <= 7);
    }
}
