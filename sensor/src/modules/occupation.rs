//! What the thread is at, as others see it: the file system of a server that is gone, or that a container's own process
//! serves, lets it wait for ever, and nobody can end that wait.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The container whose file a thread is at, and since when.
#[derive(Debug, Clone, Default)]
pub struct Occupation(Arc<Mutex<Option<(u64, Instant)>>>);

impl Occupation {
    /// Does a step for a container. One that never ends stays, and so does one that panics.
    pub(super) fn during<T>(&self, lane: u64, step: impl FnOnce() -> T) -> T {
        *self.now() = Some((lane, Instant::now()));
        let done = step();
        *self.now() = None;
        done
    }

    /// The container for which it has been at one step for so long.
    pub fn for_longer(&self, limit: Duration, now: Instant) -> Option<u64> {
        let (lane, since) = (*self.now())?;
        (now.saturating_duration_since(since) >= limit).then_some(lane)
    }

    fn now(&self) -> MutexGuard<'_, Option<(u64, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
