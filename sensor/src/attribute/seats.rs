//! What the kubelet's mounts said of containers that no status named when they did something.

use lru::LruCache;
use std::num::NonZeroUsize;

use super::cgroup::ContainerId;
use super::mounts::Seat;

/// How many are remembered, about 200 bytes each: as many as a node has containers, dead ones of some restarts included.
const LIMIT: NonZeroUsize = NonZeroUsize::new(4096).expect("not zero");

/// How often a container is asked: one whose first processes are gone before we look, or a pod's sandbox, which the
/// kubelet mounts nothing for, must not cost a look for each of its events.
const TRIES: u8 = 8;

/// By container. The first answer stays: the first process is the one that had no time to mount anything itself.
#[derive(Debug)]
pub struct Seats(LruCache<ContainerId, Asked>);

#[derive(Debug, Default)]
struct Asked {
    tries: u8,
    seat: Option<Seat>,
}

impl Default for Seats {
    fn default() -> Self {
        Self(LruCache::new(LIMIT))
    }
}

impl Seats {
    /// Asks where the container of a pod sits, unless that is known or was asked often enough.
    pub fn look(&mut self, id: &ContainerId, pod: &str, ask: impl FnOnce() -> Option<Seat>) {
        let asked = self.0.get_or_insert_mut(id.clone(), Asked::default);
        if asked.seat.is_none() && asked.tries < TRIES {
            asked.tries += 1;
            // A container can mount what it likes, if it is allowed to mount at all: the cgroup's path has to say the
            // same pod.
            asked.seat = ask().filter(|seat| *seat.pod == *pod);
        }
    }

    pub fn get(&self, id: &ContainerId) -> Option<&Seat> {
        self.0.peek(id)?.seat.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ContainerId {
        ContainerId::parse(&"a".repeat(64)).unwrap()
    }

    fn seat(pod: &str) -> Seat {
        Seat {
            pod: pod.into(),
            container: "main".into(),
        }
    }

    #[test]
    fn the_first_answer_stays() {
        let mut seats = Seats::default();
        seats.look(&id(), "1", || None);
        seats.look(&id(), "1", || Some(seat("1")));
        seats.look(&id(), "1", || panic!("it is known"));
        assert_eq!(seats.get(&id()), Some(&seat("1")));
    }

    #[test]
    fn another_pods_mount_is_no_answer_and_nobody_is_asked_for_ever() {
        let mut seats = Seats::default();
        for _ in 0..TRIES {
            seats.look(&id(), "1", || Some(seat("2")));
        }
        seats.look(&id(), "1", || panic!("asked often enough"));
        assert_eq!(seats.get(&id()), None);
    }
}
