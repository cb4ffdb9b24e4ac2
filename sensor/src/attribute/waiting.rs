//! Events that came before their container was known.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use super::cgroup::ContainerId;

/// How much may wait, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct WaitLimits {
    pub total: usize,
    pub per_container: usize,
    pub time: Duration,
}

impl Default for WaitLimits {
    /// A kubelet reports a new container within a few seconds; an event takes about 300 bytes.
    fn default() -> Self {
        Self {
            total: 4096,
            per_container: 512,
            time: Duration::from_mins(1),
        }
    }
}

/// Why something can't wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitRefusal {
    /// Too much waits on this node.
    Full,
    /// Too much waits for this container: it must not take the others' room.
    ContainerFull,
}

/// In order of arrival for each container.
#[derive(Debug)]
pub struct Waiting<T> {
    queues: HashMap<ContainerId, VecDeque<(Instant, T)>>,
    length: usize,
    limits: WaitLimits,
}

impl<T> Waiting<T> {
    pub fn new(limits: WaitLimits) -> Self {
        Self {
            queues: HashMap::new(),
            length: 0,
            limits,
        }
    }

    pub fn len(&self) -> usize {
        self.length
    }

    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub fn push(&mut self, container: &ContainerId, item: T, now: Instant) -> Result<(), WaitRefusal> {
        let queued = self.queues.get(container).map_or(0, VecDeque::len);
        if queued >= self.limits.per_container {
            return Err(WaitRefusal::ContainerFull);
        }
        if self.length >= self.limits.total {
            return Err(WaitRefusal::Full);
        }
        self.queues.entry(container.clone()).or_default().push_back((now, item));
        self.length += 1;
        Ok(())
    }

    /// The containers that are waited for.
    pub fn containers(&self) -> impl Iterator<Item = &ContainerId> {
        self.queues.keys()
    }

    /// Everything that waits for the container.
    pub fn release(&mut self, container: &ContainerId) -> Vec<T> {
        let queue = self.queues.remove(container).unwrap_or_default();
        self.length -= queue.len();
        queue.into_iter().map(|(_, item)| item).collect()
    }

    /// What has waited too long.
    pub fn expire(&mut self, now: Instant) -> Vec<T> {
        let time = self.limits.time;
        let mut expired = Vec::new();
        for queue in self.queues.values_mut() {
            let due = queue
                .iter()
                .take_while(|(since, _)| now.duration_since(*since) >= time)
                .count();
            expired.extend(queue.drain(..due).map(|(_, item)| item));
        }
        self.queues.retain(|_, queue| !queue.is_empty());
        self.length -= expired.len();
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMITS: WaitLimits = WaitLimits {
        total: 8,
        per_container: 3,
        time: Duration::from_mins(1),
    };

    fn container(number: u8) -> ContainerId {
        ContainerId::parse(&format!("{number:064x}")).unwrap()
    }

    #[test]
    fn what_waited_is_released_in_order() {
        let now = Instant::now();
        let mut waiting = Waiting::new(LIMITS);
        for (number, item) in [(1, 'a'), (2, 'b'), (1, 'c')] {
            waiting.push(&container(number), item, now).unwrap();
        }
        assert_eq!(waiting.release(&container(1)), ['a', 'c']);
        assert_eq!(waiting.len(), 1);
    }

    #[test]
    fn one_container_does_not_take_the_others_room() {
        let now = Instant::now();
        let mut waiting = Waiting::new(LIMITS);
        let refused: Vec<_> = (0..4)
            .filter_map(|item| waiting.push(&container(1), item, now).err())
            .collect();
        assert_eq!(refused, [WaitRefusal::ContainerFull]);
        for number in 2..=3 {
            let fits = (0..3).filter(|item| waiting.push(&container(number), *item, now).is_ok());
            assert_eq!(fits.count(), if number == 2 { 3 } else { 2 });
        }
        assert_eq!(waiting.push(&container(4), 0, now), Err(WaitRefusal::Full));
    }

    #[test]
    fn what_waits_too_long_comes_back() {
        let now = Instant::now();
        let mut waiting = Waiting::new(LIMITS);
        waiting.push(&container(1), 'a', now).unwrap();
        waiting.push(&container(1), 'b', now + Duration::from_secs(1)).unwrap();
        assert_eq!(waiting.expire(now + Duration::from_secs(59)), []);
        assert_eq!(waiting.expire(now + Duration::from_mins(1)), ['a']);
        assert_eq!(waiting.expire(now + Duration::from_secs(61)), ['b']);
        assert!(waiting.is_empty());
    }

    proptest! {
        #[test]
        fn nothing_is_lost_uncounted_and_no_bound_is_passed(steps in prop::collection::vec((0..5_u8, 0..4_u8), 0..200)) {
            let mut now = Instant::now();
            let mut waiting = Waiting::new(LIMITS);
            let (mut pushed, mut refused, mut returned) = (0, 0, 0);
            for (step, number) in steps {
                match step {
                    0 => returned += waiting.release(&container(number)).len(),
                    1 => {
                        now += Duration::from_secs(20);
                        returned += waiting.expire(now).len();
                    }
                    _ => {
                        pushed += 1;
                        refused += usize::from(waiting.push(&container(number), (), now).is_err());
                    }
                }
                prop_assert!(waiting.len() <= LIMITS.total);
                prop_assert!(waiting.queues.values().all(|queue| (1..=LIMITS.per_container).contains(&queue.len())));
                prop_assert_eq!(pushed, refused + returned + waiting.len());
            }
        }
    }
}
