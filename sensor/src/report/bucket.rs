//! A token bucket: how often batches may be closed.

use std::time::{Duration, Instant};

/// Tokens that gather while nothing happens.
const BURST: u32 = 20;
/// Time in which one comes back: five a second.
const REFILL: Duration = Duration::from_millis(200);

/// Kept as the moment at which the bucket will be full.
#[derive(Debug, Clone, Copy)]
pub struct TokenBucket {
    full_at: Instant,
}

impl TokenBucket {
    /// Full.
    pub const fn new(now: Instant) -> Self {
        Self { full_at: now }
    }

    /// Takes a token if there is one.
    pub fn take(&mut self, now: Instant) -> bool {
        let ready = self.ready_at(now) <= now;
        if ready {
            self.full_at = self.full_at.max(now) + REFILL;
        }
        ready
    }

    /// When there is a token.
    pub fn ready_at(&self, now: Instant) -> Instant {
        let debt = self.full_at.saturating_duration_since(now);
        now + (debt + REFILL).saturating_sub(REFILL * BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_let_through_and_then_five_a_second() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(start);
        assert_eq!((0..30).filter(|_| bucket.take(start)).count(), 20);
        assert_eq!(bucket.ready_at(start), start + REFILL);
        let second = Duration::from_secs(1);
        assert_eq!((0..30).filter(|_| bucket.take(start + second)).count(), 5);
        assert_eq!((0..30).filter(|_| bucket.take(start + 60 * second)).count(), 20);
    }
}
