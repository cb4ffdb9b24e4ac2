//! Cgroup ids → containers.

pub mod hierarchy;
pub mod path;
pub mod slots;

use slots::Slots;
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use path::{InPod, Placement, placement};

/// A container runtime's id of a container: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerId(Arc<str>);

impl ContainerId {
    /// `None` unless it has the shape of an id.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (text.len() == 64 && digits).then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// How long a removed cgroup is still known: records come through more than one ring, and a connection may outlive the
/// cgroup that opened it.
const GRACE: Duration = Duration::from_mins(1);

/// The node's cgroups.
///
/// Kernfs never gives an id twice while the node is up (`__kernfs_new_node` counts in the upper half whenever the lower
/// one wraps, fs/kernfs/dir.c). Where one comes again all the same, the later record counts, in whatever order they are
/// read.
#[derive(Debug)]
pub struct Cgroups {
    known: HashMap<u64, Known>,
    /// Removed, and still known for a while.
    leaving: VecDeque<(Instant, u64)>,
    limit: usize,
    pub slots: Slots,
}

#[derive(Debug)]
struct Known {
    placement: Placement,
    /// When it was told of, in nanoseconds of `CLOCK_BOOTTIME`.
    since_ns: u64,
    removed: bool,
}

impl Cgroups {
    pub fn new(limit: usize) -> Self {
        Self {
            known: HashMap::new(),
            leaving: VecDeque::new(),
            limit,
            slots: Slots::default(),
        }
    }

    /// Remembers a cgroup that existed at a moment of `CLOCK_BOOTTIME`. Beyond the limit nothing is remembered, and each
    /// event costs a look-up.
    pub fn insert(&mut self, id: u64, path: &[u8], at_ns: u64) -> Placement {
        let placement = placement(path);
        if self.known.get(&id).is_some_and(|known| known.since_ns > at_ns) {
            return placement;
        }
        if self.known.len() >= self.limit && !self.known.contains_key(&id) {
            self.forget_leaving();
        }
        if self.known.len() < self.limit || self.known.contains_key(&id) {
            let known = Known {
                placement: placement.clone(),
                since_ns: at_ns,
                removed: false,
            };
            self.known.insert(id, known);
            if let Placement::Container(place) = &placement {
                self.slots.entered(id, &place.id);
            }
        }
        placement
    }

    pub fn get(&self, id: u64) -> Option<&Placement> {
        self.known.get(&id).map(|known| &known.placement)
    }

    /// A cgroup was removed at a moment of `CLOCK_BOOTTIME`; it is forgotten a little later.
    pub fn remove(&mut self, id: u64, at_ns: u64, now: Instant) {
        if let Some(known) = self.known.get_mut(&id)
            && known.since_ns <= at_ns
            && !std::mem::replace(&mut known.removed, true)
        {
            self.leaving.push_back((now + GRACE, id));
            self.slots.left(id);
        }
    }

    /// Forgets what was removed a while ago.
    pub fn expire(&mut self, now: Instant) {
        while let Some((_, id)) = self.leaving.pop_front_if(|(due, _)| *due <= now) {
            self.forget_removed(id);
        }
    }

    /// The containers of cgroups that are there; one with nested cgroups comes repeatedly.
    pub fn containers(&self) -> impl Iterator<Item = &ContainerId> {
        self.known
            .values()
            .filter(|known| !known.removed)
            .filter_map(|known| match &known.placement {
                Placement::Container(container) => Some(&container.id),
                Placement::Host | Placement::Runtime | Placement::Unrecognised => None,
            })
    }

    pub fn len(&self) -> usize {
        self.known.len()
    }

    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    fn forget_leaving(&mut self) {
        for (_, id) in std::mem::take(&mut self.leaving) {
            self.forget_removed(id);
        }
    }

    /// An id that came again meanwhile stays.
    fn forget_removed(&mut self, id: u64) {
        if self.known.get(&id).is_some_and(|known| known.removed) {
            self.known.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn containers(cgroups: &Cgroups) -> usize {
        cgroups.containers().count()
    }

    #[test]
    fn a_removed_cgroup_is_known_for_a_while_and_runs_no_container() {
        let now = Instant::now();
        let mut cgroups = Cgroups::new(16);
        cgroups.insert(1, format!("/kubepods/podx/{A}").as_bytes(), 1);
        cgroups.insert(2, format!("/kubepods/podx/{A}/nested").as_bytes(), 2);
        cgroups.remove(2, 3, now);
        assert_eq!((containers(&cgroups), cgroups.len()), (1, 2));
        cgroups.remove(1, 4, now);
        cgroups.remove(1, 4, now);
        cgroups.expire(now + GRACE / 2);
        assert!(matches!(cgroups.get(1), Some(Placement::Container(_))));
        cgroups.expire(now + GRACE);
        assert!(cgroups.is_empty());
    }

    #[test]
    fn an_id_that_comes_again_is_the_later_one_in_whatever_order_the_records_are_read() {
        let now = Instant::now();
        let pod = format!("/kubepods/podx/{A}");
        let mut in_order = Cgroups::new(16);
        in_order.insert(1, b"/system.slice/a", 1);
        in_order.remove(1, 2, now);
        in_order.insert(1, pod.as_bytes(), 3);
        let mut late = Cgroups::new(16);
        late.insert(1, pod.as_bytes(), 3);
        late.remove(1, 2, now);
        late.insert(1, b"/system.slice/a", 1);
        for mut cgroups in [in_order, late] {
            cgroups.expire(now + 2 * GRACE);
            assert_eq!(containers(&cgroups), 1);
        }
    }

    #[test]
    fn cgroups_are_bounded_and_what_is_leaving_makes_room() {
        let mut cgroups = Cgroups::new(2);
        for id in 0..10 {
            cgroups.insert(id, b"/system.slice", 1);
        }
        assert_eq!((cgroups.len(), cgroups.get(9)), (2, None));
        cgroups.remove(0, 2, Instant::now());
        cgroups.insert(9, b"/system.slice", 3);
        assert_eq!((cgroups.len(), cgroups.get(9)), (2, Some(&Placement::Host)));
    }
}
