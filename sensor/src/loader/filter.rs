//! The kernel's first-seen filter, from outside: its limits, its containers, its totals.

mod reading;

use super::maps::map;
use super::{LoadError, LoadOptions};
use anchorwatch_sensor_common::filter::{
    FILTER_FEEDS, FilterFeed, QUOTAS, Quota, SeenValue, Slot, Totals, UNREGISTERED, bucket_index, quota_index,
    totals_index,
};
use anchorwatch_sensor_common::lineage::Share;
use aya::maps::{Array, HashMap, MapData, MapError, PerCpuArray};
use aya::{Ebpf, EbpfLoader, Pod};
use reading::{Counted, Readings, add};
pub use reading::{Reading, SlotLoss, SlotsUsed, is_by_container};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::io;
use std::time::Duration;

/// `BPF_EXIST` (include/uapi/linux/bpf.h): what was pushed out meanwhile is not put back.
const EXIST: u64 = 2;

/// What passes the filter, and how often.
#[derive(Debug, Clone)]
pub struct FilterOptions {
    /// After how long a known event is let through again, with how many were swallowed. Zero forwards each event.
    pub refresh: Duration,
    /// How many containers have quotas of their own; all others share one.
    pub containers: u32,
    /// How many keys of each feed are remembered, about 100 bytes each.
    pub keys: u32,
    /// What a container may send that is new, by feed.
    pub ordinary: [Quota; FILTER_FEEDS],
    /// What it may send each time: files that are no part of the image, sockets as standard input, setuid.
    pub sensitive: [Quota; FILTER_FEEDS],
    /// The same for all together that is in no registered container: what began a moment ago, and the host's.
    pub unregistered: [Quota; FILTER_FEEDS],
    /// One part of each ring in this many is kept free for sensitive records.
    pub reserved_part: u64,
}

/// Of flows and mappings a container shows less: a thousand behaviours are kept of it, and what is beyond is handled in vain.
const FEWER: Quota = Quota::new(250, 1_500);

impl Default for FilterOptions {
    /// A build that starts a hundred compilers a second stays below; a flood of five hundred a second takes two minutes to
    /// push out a key that is not used meanwhile, and is pushed out itself by nothing but its own quota.
    fn default() -> Self {
        Self {
            refresh: Duration::from_mins(10),
            containers: 1023,
            keys: 65_536,
            ordinary: [Quota::new(500, 10_000), FEWER, Quota::new(500, 10_000), FEWER],
            sensitive: [Quota::new(50, 1_000); FILTER_FEEDS],
            unregistered: [Quota::new(500, 5_000); FILTER_FEEDS],
            reserved_part: 8,
        }
    }
}

impl FilterOptions {
    /// No quota: for measurements.
    #[must_use]
    pub fn unlimited() -> Self {
        let none = [Quota::UNLIMITED; FILTER_FEEDS];
        Self {
            ordinary: none,
            sensitive: none,
            unregistered: none,
            ..Self::default()
        }
    }

    /// Slots, that of everything unregistered included.
    const fn slots(&self) -> u32 {
        self.containers + 1
    }

    pub(super) fn size_maps(&self, loader: &mut EbpfLoader<'_>) {
        let feeds = u32::try_from(FILTER_FEEDS).unwrap_or(u32::MAX);
        loader
            .map_max_entries("CONTAINERS", self.containers)
            .map_max_entries("BUCKETS", self.slots() * feeds * 2)
            .map_max_entries("TOTALS", self.slots() * feeds)
            .map_max_entries("PROCESS_SHARES", self.slots())
            .map_max_entries("SEEN_PROCESS", self.keys)
            .map_max_entries("SEEN_NETWORK", self.keys)
            .map_max_entries("SEEN_MODULE", self.keys);
    }

    fn quotas(&self) -> [u64; 2 * QUOTAS] {
        let mut words = [0; 2 * QUOTAS];
        for (feed, number) in FilterFeed::ALL.into_iter().zip(0..) {
            for sensitive in [false, true] {
                let own = if sensitive { self.sensitive } else { self.ordinary };
                for (registered, quotas) in [(true, own), (false, self.unregistered)] {
                    let Quota { cost_ns, burst_ns } = quotas[number];
                    let at = 2 * quota_index(feed, registered, sensitive);
                    words[at..at + 2].copy_from_slice(&[cost_ns, burst_ns]);
                }
            }
        }
        words
    }
}

/// What the programs are told at load.
#[derive(Debug)]
pub(super) struct Globals {
    key: [u64; 2],
    refresh_ns: u64,
    quotas: [u64; 2 * QUOTAS],
    ring_share: [u64; 2],
}

impl Globals {
    pub fn new(options: &LoadOptions) -> Result<Self, LoadError> {
        let part = options.filter.reserved_part.max(1);
        let share = |bytes: u32| {
            let size = ring_size(bytes);
            size - size / part
        };
        Ok(Self {
            key: [getrandom::u64()?, getrandom::u64()?],
            refresh_ns: u64::try_from(options.filter.refresh.as_nanos()).unwrap_or(u64::MAX / 2),
            quotas: options.filter.quotas(),
            ring_share: [share(options.ring_bytes), share(options.module_ring_bytes)],
        })
    }

    pub fn apply<'a>(&'a self, loader: &mut EbpfLoader<'a>) {
        loader
            .override_global("HASH_KEY", &self.key[..], true)
            .override_global("REFRESH_NS", &self.refresh_ns, true)
            .override_global("QUOTA_LIMITS", &self.quotas[..], true)
            .override_global("RING_SHARE", &self.ring_share[..], true);
    }
}

/// As aya rounds it: a power of two of whole pages.
fn ring_size(bytes: u32) -> u64 {
    let page = u64::try_from(rustix::param::page_size()).unwrap_or(4096);
    u64::from(bytes).max(page).next_power_of_two()
}

/// What became of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registration {
    /// It has a slot now.
    Registered,
    /// It had one already.
    Known,
    /// All slots are taken: it shares the slot of what is not registered, until another's becomes free.
    NoRoom,
}

/// The filter's maps.
pub struct Filter {
    containers: HashMap<MapData, u64, SlotValue>,
    nested: HashMap<MapData, u64, SlotValue>,
    buckets: Array<MapData, u64>,
    totals: PerCpuArray<MapData, TotalsValue>,
    shares: Array<MapData, ShareValue>,
    process: HashMap<MapData, u64, Remembered>,
    network: HashMap<MapData, u64, Remembered>,
    module: HashMap<MapData, u64, Remembered>,
    /// Slots by their container's cgroup.
    slots: BTreeMap<u64, Registered>,
    /// Indices that no container has, the next one last.
    free: Vec<u32>,
    /// Containers that wait for a slot, in the order in which they came.
    waiting: VecDeque<u64>,
    /// Those of them, and of those that were served since, that nobody was told of.
    denied: Vec<u64>,
    readings: Readings,
}

/// A container with a slot of its own.
#[derive(Debug, Clone, Copy)]
struct Registered {
    index: u32,
    /// What the slot's former containers left in its totals.
    before: [Totals; FILTER_FEEDS],
}

impl Filter {
    pub(super) fn take(ebpf: &mut Ebpf, containers: u32) -> Result<Self, LoadError> {
        Ok(Self {
            containers: HashMap::try_from(map(ebpf, "CONTAINERS")?)?,
            nested: HashMap::try_from(map(ebpf, "NESTED")?)?,
            buckets: Array::try_from(map(ebpf, "BUCKETS")?)?,
            totals: PerCpuArray::try_from(map(ebpf, "TOTALS")?)?,
            shares: Array::try_from(map(ebpf, "PROCESS_SHARES")?)?,
            process: HashMap::try_from(map(ebpf, "SEEN_PROCESS")?)?,
            network: HashMap::try_from(map(ebpf, "SEEN_NETWORK")?)?,
            module: HashMap::try_from(map(ebpf, "SEEN_MODULE")?)?,
            slots: BTreeMap::new(),
            free: (UNREGISTERED + 1..=containers).rev().collect(),
            waiting: VecDeque::new(),
            denied: Vec::new(),
            readings: Readings::default(),
        })
    }

    /// Gives a container, by its own cgroup, a slot of its own, which all cgroups below it share from now on.
    pub fn register(&mut self, cgroup: u64) -> Result<Registration, MapError> {
        if self.slots.contains_key(&cgroup) {
            return Ok(Registration::Known);
        }
        if self.free.is_empty() {
            if !self.waiting.contains(&cgroup) {
                self.waiting.push_back(cgroup);
                self.denied.push(cgroup);
            }
            return Ok(Registration::NoRoom);
        }
        self.give(cgroup)?;
        Ok(Registration::Registered)
    }

    /// Gives it a free slot, if there is one.
    fn give(&mut self, cgroup: u64) -> Result<(), MapError> {
        let Some(index) = self.free.last().copied() else {
            return Ok(());
        };
        let counted = self.counted(index)?;
        self.readings.note(index, None, counted);
        // A former container's debts are not this one's. What it holds of processes is what the map still holds of them.
        for feed in FilterFeed::ALL {
            for sensitive in [false, true] {
                self.buckets.set(bucket_index(index, feed, sensitive), 0, 0)?;
            }
        }
        self.containers.insert(cgroup, slot(cgroup, index), 0)?;
        self.free.pop();
        let before = counted.totals;
        self.slots.insert(cgroup, Registered { index, before });
        Ok(())
    }

    /// Notes a cgroup that was made below a container before that was registered.
    pub fn register_below(&mut self, cgroup: u64, container: u64) -> Result<(), MapError> {
        match self.slots.get(&container) {
            Some(registered) => self.nested.insert(cgroup, slot(container, registered.index), 0),
            None => Ok(()),
        }
    }

    /// Takes a container's slot back, for who waits for one longest; what became of its events.
    pub fn release(&mut self, cgroup: u64) -> Result<Option<[Totals; FILTER_FEEDS]>, MapError> {
        let Some(Registered { index, before }) = self.slots.get(&cgroup).copied() else {
            self.waiting.retain(|waiting| *waiting != cgroup);
            return Ok(None);
        };
        absent_is_fine(self.containers.remove(&cgroup))?;
        let counted = self.counted(index)?;
        self.readings.note(index, Some(cgroup), counted);
        self.slots.remove(&cgroup);
        self.free.push(index);
        if let Some(next) = self.waiting.pop_front() {
            self.give(next)?;
        }
        Ok(Some(since(counted.totals, before)))
    }

    /// Shows an event again that could not be kept.
    pub fn forget(&mut self, feed: FilterFeed, key: u64) -> Result<(), MapError> {
        absent_is_fine(self.keys(feed).remove(&key))
    }

    /// Lets an event through once more, with what was swallowed of it. What the kernel counts between reading and writing
    /// is lost: a key's count is a lower bound, and the totals are exact.
    pub fn let_through(&mut self, feed: FilterFeed, key: u64) -> Result<(), MapError> {
        let keys = self.keys(feed);
        let known = keys.get(&key, 0);
        absent_is_fine(known.and_then(|Remembered(known)| {
            let due = SeenValue { due_ns: 0, ..known };
            keys.insert(key, Remembered(due), EXIST)
        }))
    }

    fn keys(&mut self, feed: FilterFeed) -> &mut HashMap<MapData, u64, Remembered> {
        match feed {
            FilterFeed::Process => &mut self.process,
            FilterFeed::Network | FilterFeed::Dns => &mut self.network,
            FilterFeed::Module => &mut self.module,
        }
    }

    /// What became of a registered container's events, by feed.
    pub fn totals_of(&self, cgroup: u64) -> Result<Option<[Totals; FILTER_FEEDS]>, MapError> {
        let Some(Registered { index, before }) = self.slots.get(&cgroup) else {
            return Ok(None);
        };
        Ok(Some(since(self.slot_totals(*index)?, *before)))
    }

    /// What became of events: of all since the programs were loaded, and what was lost since this was last asked.
    pub fn read(&mut self) -> Result<Reading, MapError> {
        let owners: BTreeMap<u32, u64> = self.slots.iter().map(|(cgroup, slot)| (slot.index, *cgroup)).collect();
        let used = u32::try_from(self.readings.slots()).unwrap_or(u32::MAX).max(1);
        for index in UNREGISTERED..used {
            let counted = self.counted(index)?;
            self.readings.note(index, owners.get(&index).copied(), counted);
        }
        Ok(Reading {
            slots: SlotsUsed {
                own: self.slots.len(),
                shared: self.waiting.len(),
            },
            denied: std::mem::take(&mut self.denied),
            ..self.readings.take()
        })
    }

    /// What of the processes that are followed is a registered container's.
    pub fn share_of(&self, cgroup: u64) -> Result<Option<Share>, MapError> {
        let share = |slot: &Registered| self.shares.get(&slot.index, 0).map(|share| share.0);
        self.slots.get(&cgroup).map(share).transpose()
    }

    fn counted(&self, index: u32) -> Result<Counted, MapError> {
        Ok(Counted {
            totals: self.slot_totals(index)?,
            unfollowed: self.shares.get(&index, 0)?.0.refused,
        })
    }

    fn slot_totals(&self, index: u32) -> Result<[Totals; FILTER_FEEDS], MapError> {
        let mut totals = [Totals::default(); FILTER_FEEDS];
        for (total, feed) in totals.iter_mut().zip(FilterFeed::ALL) {
            for cpu in self.totals.get(&totals_index(index, feed), 0)?.iter() {
                add(total, cpu.0);
            }
        }
        Ok(totals)
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Filter")
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}

const fn slot(container: u64, index: u32) -> SlotValue {
    SlotValue(Slot {
        container,
        index,
        reserved: 0,
    })
}

fn since(mut totals: [Totals; FILTER_FEEDS], before: [Totals; FILTER_FEEDS]) -> [Totals; FILTER_FEEDS] {
    for (total, before) in totals.iter_mut().zip(before) {
        total.delivered = total.delivered.saturating_sub(before.delivered);
        total.swallowed = total.swallowed.saturating_sub(before.swallowed);
        for (lost, before) in total.lost.iter_mut().zip(before.lost) {
            *lost = lost.saturating_sub(before);
        }
    }
    totals
}

fn absent_is_fine(result: Result<(), MapError>) -> Result<(), MapError> {
    match result {
        Err(MapError::KeyNotFound) => Ok(()),
        Err(MapError::SyscallError(error)) if error.io_error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Wrappers, since both the types and aya's trait are another crate's.
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
struct SlotValue(Slot);
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
struct TotalsValue(Totals);
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
struct ShareValue(Share);
#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
struct Remembered(SeenValue);

// SAFETY: `Slot` is made of integers without implicit padding (asserted beside it), and Copy.
unsafe impl Pod for SlotValue {}
// SAFETY: the same.
unsafe impl Pod for TotalsValue {}
// SAFETY: the same.
unsafe impl Pod for ShareValue {}
// SAFETY: the same.
unsafe impl Pod for Remembered {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_quota_is_where_the_programs_look_for_it() {
        let options = FilterOptions {
            ordinary: [Quota::new(1000, 3); FILTER_FEEDS],
            sensitive: [Quota::new(100, 2); FILTER_FEEDS],
            unregistered: [Quota::UNLIMITED; FILTER_FEEDS],
            ..FilterOptions::default()
        };
        let words = options.quotas();
        let at = |registered, sensitive| {
            let index = 2 * quota_index(FilterFeed::Dns, registered, sensitive);
            (words[index], words[index + 1])
        };
        assert_eq!(at(true, false), (1_000_000, 3_000_000));
        assert_eq!(at(true, true), (10_000_000, 20_000_000));
        assert_eq!((at(false, false), at(false, true)), ((0, 0), (0, 0)));
    }

    #[test]
    fn a_ring_is_a_power_of_two_and_at_least_a_page() {
        assert_eq!([1, 4096, 4097, 4 << 20].map(ring_size), [4096, 4096, 8192, 4 << 20]);
    }
}
