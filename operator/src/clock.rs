//! What time it is: the one place where the operator asks. A test may step it, as a bad time server would.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

/// By how many seconds the clock is stepped.
static STEP: AtomicI64 = AtomicI64::new(0);

/// Now.
pub fn now() -> Timestamp {
    let step = SignedDuration::from_secs(STEP.load(Ordering::Relaxed));
    let real = Timestamp::now();
    real.checked_add(step).unwrap_or(real)
}

/// Steps it, from now on.
pub fn step(seconds: i64) {
    STEP.store(seconds, Ordering::Relaxed);
}
