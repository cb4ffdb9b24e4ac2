//! The start of containers: what is done in their first minute is told as that.
//!
//! The kernel's filter would swallow for minutes what is done again after that minute, so that it is told to let it show
//! again.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::cgroup::ContainerId;
use crate::decode::FilterKey;
use crate::keyed::KeyedMap;

/// How long a container starts.
pub const STARTUP: Duration = Duration::from_mins(1);
/// Most events that are to show again: of a container that does more in its first minute, those that were first show again
/// at once.
const MAX_AWAITED: usize = 16_384;

/// When containers were first told of: when they were made, or found.
#[derive(Debug, Default)]
pub struct Starts {
    /// With the cgroup by which it was told of, in nanoseconds of `CLOCK_BOOTTIME`.
    starts: KeyedMap<ContainerId, (u64, u64)>,
}

impl Starts {
    /// A container was told of by a cgroup at a moment. Its own comes first.
    pub fn told(&mut self, container: &ContainerId, cgroup: u64, at_ns: u64) {
        let start = self.starts.entry(container.clone()).or_insert((cgroup, at_ns));
        if start.0 == cgroup {
            start.1 = start.1.min(at_ns);
        }
    }

    /// A cgroup of a container is forgotten.
    pub fn forget(&mut self, container: &ContainerId, cgroup: u64) {
        if self.starts.get(container).is_some_and(|(own, _)| *own == cgroup) {
            self.starts.remove(container);
        }
    }

    /// Whether something that a container did at a moment may have been in its first minute: it was, as far as is known. A
    /// container that is found running may have been made just before.
    pub fn may_be_startup(&self, container: &ContainerId, at_ns: u64) -> bool {
        let age = |(_, since_ns): &(u64, u64)| Duration::from_nanos(at_ns.saturating_sub(*since_ns));
        self.starts.get(container).is_none_or(|start| age(start) <= STARTUP)
    }
}

/// Events of containers' first minutes that are to show again after it, the first of them first.
#[derive(Debug, Default)]
pub struct Awaited {
    keys: VecDeque<(Instant, FilterKey)>,
}

impl Awaited {
    /// An event of a container's first minute was told. Returns one that shows again at once, if there are too many.
    pub fn push(&mut self, key: FilterKey, now: Instant) -> Option<FilterKey> {
        self.keys.push_back((now + STARTUP, key));
        let first = if self.keys.len() > MAX_AWAITED {
            self.keys.pop_front()
        } else {
            None
        };
        first.map(|(_, key)| key)
    }

    /// The next one whose minute is over.
    pub fn pop_due(&mut self, now: Instant) -> Option<FilterKey> {
        self.keys.pop_front_if(|(due, _)| *due <= now).map(|(_, key)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_sensor_common::filter::FilterFeed;

    const MINUTE: u64 = 60_000_000_000;

    fn id(digit: &str) -> ContainerId {
        ContainerId::parse(&digit.repeat(64)).unwrap()
    }

    #[test]
    fn the_first_minute_counts_from_the_containers_own_cgroup_until_it_is_forgotten() {
        let mut starts = Starts::default();
        starts.told(&id("a"), 1, 100);
        starts.told(&id("a"), 2, 5 * MINUTE);
        assert!(starts.may_be_startup(&id("a"), 100 + MINUTE));
        assert!(!starts.may_be_startup(&id("a"), 101 + MINUTE));
        starts.forget(&id("a"), 2);
        assert!(!starts.may_be_startup(&id("a"), 2 * MINUTE));
        starts.forget(&id("a"), 1);
        assert!(starts.may_be_startup(&id("a"), 2 * MINUTE), "nothing is known of it");
        assert!(starts.may_be_startup(&id("b"), 2 * MINUTE));
    }

    #[test]
    fn a_restarted_container_is_another_one_and_starts_anew() {
        let mut starts = Starts::default();
        starts.told(&id("a"), 1, 0);
        starts.told(&id("b"), 2, 9 * MINUTE);
        assert!(!starts.may_be_startup(&id("a"), 9 * MINUTE));
        assert!(starts.may_be_startup(&id("b"), 9 * MINUTE + 1));
    }

    #[test]
    fn what_was_told_in_the_first_minute_shows_again_after_it_and_no_more_than_can_be_kept_waits() {
        let (mut awaited, now) = (Awaited::default(), Instant::now());
        let key = |number| FilterKey::new(FilterFeed::Process, number).unwrap();
        assert_eq!(awaited.push(key(1), now), None);
        assert_eq!(awaited.pop_due(now + STARTUP / 2), None);
        assert_eq!(awaited.pop_due(now + STARTUP), Some(key(1)));
        assert_eq!(awaited.pop_due(now + STARTUP), None);
        for number in 1..=MAX_AWAITED as u64 {
            assert_eq!(awaited.push(key(number), now), None);
        }
        assert_eq!(awaited.push(key(77_777), now), Some(key(1)));
    }
}
