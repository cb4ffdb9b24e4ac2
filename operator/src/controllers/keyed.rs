//! A queue of keys that are no objects: equal ones fall together, one is worked on at a time, and what failed is tried
//! again, later and later.

use std::{
    collections::BTreeMap,
    error::Error,
    fmt::Display,
    time::{Duration, Instant},
};

use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{sleep_until, timeout},
};
use tracing::warn;

use super::driver::{TIME_LIMIT, back_off};
use crate::{context::Context, world::changes::Change};

/// How long to wait where nothing is due.
const IDLE: Duration = Duration::from_hours(1);

/// When each key is due, and how often it failed.
#[derive(Debug)]
struct Queue<K> {
    due: BTreeMap<K, Instant>,
    failures: BTreeMap<K, u32>,
}

impl<K: Clone + Ord> Queue<K> {
    /// Asks for a key at this time, or sooner if it was asked for before.
    fn ask(&mut self, key: K, at: Instant) {
        let due = self.due.entry(key).or_insert(at);
        *due = at.min(*due);
    }

    fn ask_all(&mut self, keys: Vec<K>, at: Instant) {
        for key in keys {
            self.ask(key, at);
        }
    }

    /// Takes the key that has been due for longest.
    fn take(&mut self, now: Instant) -> Option<K> {
        let due = self.due.iter().filter(|(_, due)| **due <= now);
        let key = due.min_by_key(|(_, due)| **due)?.0.clone();
        self.due.remove(&key);
        Some(key)
    }

    fn next(&self, now: Instant) -> Instant {
        self.due.values().min().copied().unwrap_or(now + IDLE)
    }
}

/// Reconciles each key that a change concerns, for ever. What `reconcile` returns is when to do so again without a change.
/// Nothing is decided before every cache is filled.
pub async fn run<K, E, F>(
    context: &Context,
    name: &'static str,
    changes: UnboundedReceiver<Change>,
    concerned: impl Fn(Change) -> Vec<K>,
    reconcile: impl Fn(K) -> F,
) where
    K: Clone + Display + Ord,
    E: Error + 'static,
    F: Future<Output = Result<Option<Duration>, E>>,
{
    run_from(context, name, Vec::new(), changes, concerned, reconcile).await;
}

/// The same, with keys that are due at once: those of changes that were told before somebody listened.
pub async fn run_from<K, E, F>(
    context: &Context,
    name: &'static str,
    first: Vec<K>,
    mut changes: UnboundedReceiver<Change>,
    concerned: impl Fn(Change) -> Vec<K>,
    reconcile: impl Fn(K) -> F,
) where
    K: Clone + Display + Ord,
    E: Error + 'static,
    F: Future<Output = Result<Option<Duration>, E>>,
{
    context.world.ready().await;
    let mut queue = Queue {
        due: BTreeMap::new(),
        failures: BTreeMap::new(),
    };
    queue.ask_all(first, Instant::now());
    loop {
        let now = Instant::now();
        while let Ok(change) = changes.try_recv() {
            queue.ask_all(concerned(change), now);
        }
        if let Some(key) = queue.take(now) {
            let result = timeout(TIME_LIMIT, reconcile(key.clone())).await;
            context
                .metrics
                .count_reconcile(name, matches!(result, Ok(Ok(_))), now.elapsed());
            match result {
                Ok(Ok(again)) => {
                    queue.failures.remove(&key);
                    if let Some(after) = again {
                        queue.ask(key, now + after);
                    }
                    continue;
                }
                Ok(Err(error)) => warn!(
                    controller = name,
                    key = %key,
                    error = &error as &dyn Error,
                    "a reconciliation failed and is tried again"
                ),
                Err(_) => warn!(controller = name, key = %key, "a reconciliation took too long and is tried again"),
            }
            let failures = queue.failures.entry(key.clone()).or_default();
            *failures += 1;
            let after = back_off(*failures, getrandom::u32().unwrap_or(u32::MAX));
            queue.ask(key, Instant::now() + after);
            continue;
        }
        tokio::select! {
            change = changes.recv() => match change {
                Some(change) => queue.ask_all(concerned(change), Instant::now()),
                None => return,
            },
            () = sleep_until(queue.next(now).into()) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_keys_fall_together_and_the_soonest_time_counts() {
        let now = Instant::now();
        let mut queue = Queue {
            due: BTreeMap::new(),
            failures: BTreeMap::new(),
        };
        queue.ask("b", now + Duration::from_secs(9));
        queue.ask("a", now);
        queue.ask("b", now);
        queue.ask("b", now + Duration::from_secs(5));
        assert_eq!(
            [queue.take(now), queue.take(now), queue.take(now)],
            [Some("a"), Some("b"), None]
        );
        queue.ask("c", now + Duration::from_secs(5));
        assert_eq!(queue.take(now), None);
        assert_eq!(queue.next(now), now + Duration::from_secs(5));
    }
}
