//! Cgroup ids → containers.

pub mod hierarchy;
pub mod path;
pub mod slots;

use super::scope::Scope;
use super::startup::Starts;
use crate::keyed::KeyedMap;
use slots::Slots;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use path::{Holder, Place, Placement, placement};

/// A container runtime's id of a container: 64 hexadecimal digits; of a unit of a host, the path of its cgroup.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ContainerId(Arc<str>);

impl ContainerId {
    /// `None` unless it has the shape of an id.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        (text.len() == 64 && digits).then(|| Self(text.into()))
    }

    /// A unit's, by its cgroup: as that begins with `/`, it is no container's.
    pub fn of_unit(cgroup: &str) -> Self {
        Self(cgroup.into())
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

/// How many cgroups a sweep looks at, a few microseconds each.
const SWEPT: usize = 32;

/// The node's cgroups.
///
/// Kernfs never gives an id twice while the node is up (`__kernfs_new_node` counts in the upper half whenever the lower
/// one wraps, fs/kernfs/dir.c). Where one comes again all the same, the later record counts, in whatever order they are
/// read.
#[derive(Debug)]
pub struct Cgroups {
    known: KeyedMap<u64, Known>,
    /// Removed, and still known for a while.
    leaving: VecDeque<(Instant, u64)>,
    limit: usize,
    /// Forgotten since this was last asked, whatever was in them.
    forgotten: Vec<u64>,
    /// What a sweep has still to look at.
    unswept: Vec<u64>,
    scope: Scope,
    pub slots: Slots,
    pub starts: Starts,
}

#[derive(Debug)]
struct Known {
    placement: Placement,
    /// When it was told of, in nanoseconds of `CLOCK_BOOTTIME`.
    since_ns: u64,
    removed: bool,
    /// The kernel's side was told to ignore it.
    ignored: bool,
}

impl Cgroups {
    pub fn new(limit: usize) -> Self {
        Self {
            known: KeyedMap::default(),
            leaving: VecDeque::new(),
            forgotten: Vec::new(),
            limit,
            unswept: Vec::new(),
            scope: Scope::default(),
            slots: Slots::default(),
            starts: Starts::default(),
        }
    }

    /// Holder behaviour is told; to be said before any cgroup is.
    pub const fn tell_of(&mut self, scope: Scope) {
        self.scope = scope;
    }

    /// Remembers a cgroup that existed at a moment of `CLOCK_BOOTTIME`. Beyond the limit nothing is remembered, and each
    /// event costs a look-up. The kernel's side ignores what is the host's.
    pub fn insert(&mut self, id: u64, path: &[u8], at_ns: u64) -> Placement {
        let placement = self.scope.placement(path);
        self.remember(id, placement, at_ns, true)
    }

    /// The same for a path that is known by a process alone, which may have moved meanwhile: not sure enough to ignore
    /// all that happens there.
    pub fn insert_by_process(&mut self, id: u64, path: &[u8], at_ns: u64) -> Placement {
        let placement = self.scope.placement(path);
        self.remember(id, placement, at_ns, false)
    }

    fn remember(&mut self, id: u64, placement: Placement, at_ns: u64, is_sure: bool) -> Placement {
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
                // Of a host, what belongs to no unit is counted.
                ignored: is_sure && placement == Placement::Host && !self.scope.tells_host(),
            };
            self.ignore(id, known.ignored);
            self.known.insert(id, known);
            if let Placement::Container(place) = &placement {
                self.starts.told(&place.id, id, at_ns);
                if place.has_slot() {
                    self.slots.entered(id, &place.id);
                }
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
            // The kernel forgets it by itself, perhaps before it was told to ignore it.
            self.ignore(id, false);
        }
    }

    /// Tells the kernel's side, if that is other than before.
    fn ignore(&mut self, id: u64, ignored: bool) {
        let before = self.known.get_mut(&id);
        let before = before.is_some_and(|known| std::mem::replace(&mut known.ignored, ignored));
        match (before, ignored) {
            (false, true) => self.slots.ignore(id),
            (true, false) => self.slots.heed(id),
            (true, true) | (false, false) => {}
        }
    }

    /// Looks at some of the cgroups that are there, others each time, and takes note of those that are gone although nobody
    /// told: their records found no room in the ring.
    pub fn sweep(&mut self, is_gone: impl Fn(u64) -> bool, at_ns: u64, now: Instant) {
        if self.unswept.is_empty() {
            let there = self.known.iter().filter(|(_, known)| !known.removed);
            self.unswept.extend(there.map(|(id, _)| *id));
        }
        for _ in 0..SWEPT {
            let Some(id) = self.unswept.pop() else { return };
            if is_gone(id) {
                self.remove(id, at_ns, now);
            }
        }
    }

    /// Forgets what was removed a while ago.
    pub fn expire(&mut self, now: Instant) {
        while let Some((_, id)) = self.leaving.pop_front_if(|(due, _)| *due <= now) {
            self.forget_removed(id);
        }
    }

    /// The cgroups that were forgotten since this was last asked.
    pub fn take_forgotten(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.forgotten)
    }

    /// The containers of cgroups that are there; one with nested cgroups comes repeatedly.
    pub fn containers(&self) -> impl Iterator<Item = &Place> {
        self.known
            .values()
            .filter(|known| !known.removed)
            .filter_map(|known| match &known.placement {
                Placement::Container(place) => Some(place),
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
        if self.known.get(&id).is_some_and(|known| known.removed)
            && let Some(known) = self.known.remove(&id)
        {
            self.forgotten.push(id);
            if let Placement::Container(place) = &known.placement {
                self.starts.forget(&place.id, id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::slots::FilterOrder;
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
    fn a_cgroup_whose_removal_nobody_told_is_swept_in_time_and_nothing_else_is() {
        let now = Instant::now();
        let mut cgroups = Cgroups::new(1000);
        for id in 1..=200 {
            let path = format!("/kubepods/podx/{id:064x}");
            cgroups.insert(id, path.as_bytes(), 1);
        }
        cgroups.slots.take_orders();
        for _ in 0..=200 / SWEPT {
            cgroups.sweep(|id| id == 7 || id == 9, 2, now);
        }
        let mut orders = cgroups.slots.take_orders();
        orders.sort_by_key(|order| format!("{order:?}"));
        assert_eq!(orders, [FilterOrder::Release(7), FilterOrder::Release(9)]);
        assert_eq!(containers(&cgroups), 198);
        cgroups.expire(now + GRACE);
        assert_eq!(cgroups.len(), 198);
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
    fn the_host_alone_is_ignored_until_it_is_gone_or_found_to_be_something_else() {
        let mut cgroups = Cgroups::new(16);
        let container = format!("/kubepods/podx/{A}");
        for (id, path) in [
            (1, "/system.slice/a.service"),
            (2, container.as_str()),
            (3, "/kubepods/podx"),
            (4, "/kubepods.slice/kubepods-podx.slice/crio-conmon-x.scope"),
        ] {
            cgroups.insert(id, path.as_bytes(), 1);
            cgroups.insert(id, path.as_bytes(), 2);
        }
        let expected = [FilterOrder::Ignore(1), FilterOrder::Register(2)];
        assert_eq!(cgroups.slots.take_orders(), expected);
        cgroups.insert(1, b"/kubepods/pody", 3);
        cgroups.insert(1, b"/system.slice", 4);
        cgroups.remove(1, 5, Instant::now());
        let expected = [FilterOrder::Heed(1), FilterOrder::Ignore(1), FilterOrder::Heed(1)];
        assert_eq!(cgroups.slots.take_orders(), expected);
    }

    #[test]
    fn what_is_not_remembered_or_known_by_a_process_alone_is_not_ignored() {
        let mut cgroups = Cgroups::new(1);
        assert_eq!(cgroups.insert_by_process(1, b"/system.slice", 1), Placement::Host);
        cgroups.insert(2, b"/system.slice", 1);
        assert_eq!(cgroups.slots.take_orders(), []);
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
