//! What time it is: the one place where the operator asks.
//!
//! What it decides compares times of the cluster: when a pod was made, when a behaviour was seen, for how long something was
//! waited for. So its time is the API server's, as answers tell it, wherever its node's clock says something else by more
//! than a few seconds: a node that is an hour off neither cuts a wait short nor lengthens it, and writes no wrong times into
//! evidence. From one answer to the next time is counted by a clock that nobody sets.

pub mod answers;

use std::{
    sync::atomic::{AtomicI64, Ordering},
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

use jiff::{SignedDuration, Timestamp};

/// How far the node's clock may be from the API server's: answers tell whole seconds, and are under way for a while.
/// Evidence allows as much between the clocks of nodes.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(5);

/// By how many seconds a test steps the node's clock.
static STEP: AtomicI64 = AtomicI64::new(0);

/// What the API server said last, and when we heard it.
static HEARD: RwLock<Option<(Timestamp, Instant)>> = RwLock::new(None);

/// Now.
pub fn now() -> Timestamp {
    let heard = *HEARD.read().unwrap_or_else(PoisonError::into_inner);
    heard.map_or_else(by_node, |(time, since)| agreed(by_node(), time, since.elapsed()))
}

/// Steps the node's clock, as a bad time server would, from now on.
pub fn step(seconds: i64) {
    STEP.store(seconds, Ordering::Relaxed);
}

/// Takes in what the API server says that time it is; how far the node's clock is ahead of that.
fn hear(time: Timestamp) -> SignedDuration {
    *HEARD.write().unwrap_or_else(PoisonError::into_inner) = Some((time, Instant::now()));
    by_node().duration_since(time)
}

/// What the node's clock says.
#[expect(clippy::disallowed_methods, reason = "the one place that asks it")]
fn by_node() -> Timestamp {
    let step = SignedDuration::from_secs(STEP.load(Ordering::Relaxed));
    let real = Timestamp::now();
    real.checked_add(step).unwrap_or(real)
}

/// The node's time where it is about what the API server said so long ago, else the API server's.
fn agreed(by_node: Timestamp, heard: Timestamp, ago: Duration) -> Timestamp {
    let by_server = heard.checked_add(ago).unwrap_or(heard);
    if by_node.duration_since(by_server).abs() <= TOLERANCE {
        by_node
    } else {
        by_server
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_node_that_is_about_right_is_believed_to_the_fraction_of_a_second() {
        for second in [1_065, 1_070, 1_075] {
            assert_eq!(agreed(at(second), at(1_000), Duration::from_secs(70)), at(second));
        }
    }

    #[test]
    fn a_node_that_is_an_hour_off_is_not_and_time_goes_on_from_answer_to_answer() {
        for second in [1_064, 1_076, 4_670, -2_530] {
            let agreed = agreed(at(second), at(1_000), Duration::from_secs(70));
            assert_eq!(agreed, at(1_070), "{second}");
        }
    }
}
