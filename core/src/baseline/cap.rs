//! How much a baseline holds. Room is reserved by what an entry is good for, so that no flood of one sort pushes out,
//! or shuts out, another: novelty can't crowd out what was learned, nor hide what can never be suppressed.

use std::collections::BTreeMap;

use super::{Baseline, Entry, EntryState, Lost, size};
use crate::{behaviour::Feed, time::Timestamp};

/// Most entries of a feed: the room of a whole baseline, [`Class::bytes`], ends before a feed has so many.
pub const MAX_ENTRIES: usize = 2_048;
const _: () = assert!(Class::ALL_BYTES / size::LEAST <= MAX_ENTRIES);

// The longest entry that text can make (three paths, an applet, a lineage, each byte six in JSON, and what is known beside
// the key) finds room in every class that a pod can be in, whatever the other feeds hold, so that nobody hides behind a
// long name. What is unverified has no such claim. Flows have one path and a destination, libraries two paths and a hash.
const _: () = assert!(size::MOST + size::MOST_BESIDE <= Class::Grave.of_one_feed());

// So does the longest unusual command, which is novel and nothing graver.
const _: () = assert!(size::MOST + size::MOST_OF_COMMAND + size::MOST_BESIDE <= Class::Novel.of_one_feed());

/// Most containers of a baseline.
pub const MAX_CONTAINERS: usize = 64;
/// Most reasons of losses that a feed tells apart.
pub const MAX_REASONS: usize = 16;
/// Stands for the reasons that are more than that.
const OTHER: &str = "other";

/// Adds losses to those of a feed. Reasons come from a node, and must not make an object grow beyond its schema: the last
/// of them is [`OTHER`].
pub(super) fn add_loss(losses: &mut BTreeMap<String, Lost>, reason: &str, count: u64, now: Timestamp) {
    let reason = if losses.contains_key(reason) || losses.len() < MAX_REASONS - 1 {
        reason
    } else {
        OTHER
    };
    let held = losses.entry(reason.to_owned()).or_default();
    held.count = held.count.saturating_add(count);
    held.last = held.last.max(Some(now.whole_second()));
}

/// What an entry competes with for room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Class {
    Learned,
    /// What is known of the learned beside their keys: addresses, command lines. A program with many command lines takes
    /// no room from keys, nor they from it.
    Beside,
    Novel,
    Grave,
    /// Quarantined, and no pod that the API server knows shows it. Whoever holds one sensor's token can make up as many
    /// of these as there is room for, so that they have a small room of their own, whatever rule raised them.
    Unverified,
}

impl Class {
    const ALL: [Self; 5] = [Self::Learned, Self::Beside, Self::Novel, Self::Grave, Self::Unverified];

    const ALL_BYTES: usize = {
        let (mut sum, mut index) = (0, 0);
        while index < Self::ALL.len() {
            sum += Self::ALL[index].bytes();
            index += 1;
        }
        sum
    };

    pub(super) const fn of(state: EntryState, unverified: bool) -> Self {
        match state {
            EntryState::Learned | EntryState::Accepted { .. } => Self::Learned,
            EntryState::Quarantined { .. } if unverified => Self::Unverified,
            EntryState::Quarantined { rule } if rule.never_suppressed() => Self::Grave,
            EntryState::Quarantined { .. } => Self::Novel,
        }
    }

    /// What a held entry competes with: what is raised beyond its bounds alone keeps its room among the learned.
    pub(super) const fn of_entry(entry: &Entry) -> Self {
        if entry.is_bounded() {
            Self::Learned
        } else {
            Self::of(entry.state, entry.unverified)
        }
    }

    /// Most bytes in the whole baseline: together, and with the sightings (57 KiB) and the candidates (16 KiB), below the 512 KiB that an object may
    /// take. That is a third of what etcd takes in one request (1.5 MiB), and allows for a thousand workloads that are all
    /// full, or ten thousand with 16 KiB in the median and one in twenty full, within 512 MiB of the cluster. The
    /// arithmetic is in `docs/adr/0019`.
    const fn bytes(self) -> usize {
        match self {
            Self::Learned => 232 * 1_024,
            Self::Beside => 80 * 1_024,
            Self::Novel => 48 * 1_024,
            Self::Grave => 32 * 1_024,
            Self::Unverified => 8 * 1_024,
        }
    }

    /// Bytes that each feed has for itself; whichever comes first takes of the rest. So a scanner of a hundred thousand
    /// addresses leaves room for programs and libraries, and these for it.
    const fn reserve(self) -> usize {
        match self {
            Self::Learned => 40 * 1_024,
            Self::Beside => 14 * 1_024,
            Self::Novel => 5 * 1_024 + 256,
            Self::Grave => 3 * 1_024,
            Self::Unverified => 1_024,
        }
    }

    /// Most bytes that one feed can take.
    const fn of_one_feed(self) -> usize {
        self.bytes() - (Feed::ALL.len() - 1) * self.reserve()
    }
}

/// Bytes of learned keys that a feed may hold without being generalised: all three together fit into the room of the
/// learned, and leave some.
pub(super) const fn comfortable(feed: Feed) -> usize {
    match feed {
        Feed::Process => 64 * 1_024,
        // More of it differs from workload to workload.
        Feed::Network => 104 * 1_024,
        Feed::Module => 56 * 1_024,
    }
}
const _: () = assert!(
    comfortable(Feed::Process) + comfortable(Feed::Network) + comfortable(Feed::Module) <= Class::Learned.bytes()
);

/// Whether so many bytes more of this class and feed find room beside what is `used`.
pub(super) fn has_room(used: &Used, class: Class, feed: Feed, bytes: usize) -> bool {
    let of = |other: Feed| {
        let held = used.of(class, other);
        if other == feed {
            held.saturating_add(bytes)
        } else {
            held.max(class.reserve())
        }
    };
    Feed::ALL.into_iter().map(of).fold(0, usize::saturating_add) <= class.bytes()
}

/// Whether an entry finds room as one of `class`.
pub(super) fn has_room_for(used: &Used, class: Class, entry: &Entry) -> bool {
    let feed = entry.behaviour.feed();
    let (key, beside) = (size::of(entry), size::beside(&entry.attributes));
    match class {
        Class::Learned => {
            has_room(used, class, feed, key) && (beside == 0 || has_room(used, Class::Beside, feed, beside))
        }
        Class::Beside | Class::Novel | Class::Grave | Class::Unverified => has_room(used, class, feed, key + beside),
    }
}

/// Whether a library that is approved anyway finds room: only that paths are known whose content may change, for which
/// it must not take the room of what has to be learned. A workload of several containers maps hundreds.
pub(super) fn has_room_for_approved(used: &Used, entry: &Entry) -> bool {
    const MOST: usize = comfortable(Feed::Module) + 16 * 1_024;
    let held = used.of(Class::Learned, Feed::Module);
    held.saturating_add(size::of(entry)) <= MOST && has_room_for(used, Class::Learned, entry)
}

/// Bytes that the entries of a baseline take, by class and feed, sightings aside.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used([[usize; 3]; Class::ALL.len()]);

impl Used {
    pub(super) fn by(baseline: &Baseline) -> Self {
        let mut used = Self::default();
        for (_, _, entry) in baseline.entries() {
            used.add(entry);
        }
        used
    }

    pub(super) fn add(&mut self, entry: &Entry) {
        self.count(entry, usize::saturating_add);
    }

    /// Takes an entry out again that was counted as it is.
    pub(super) fn remove(&mut self, entry: &Entry) {
        self.count(entry, usize::saturating_sub);
    }

    /// Bytes that the keys of what is learned take in a feed.
    pub(super) fn learned(&self, feed: Feed) -> usize {
        self.of(Class::Learned, feed)
    }

    fn count(&mut self, entry: &Entry, count: impl Fn(usize, usize) -> usize) {
        let class = Class::of_entry(entry);
        let beside = match class {
            Class::Learned => Class::Beside,
            Class::Beside | Class::Novel | Class::Grave | Class::Unverified => class,
        };
        for (class, bytes) in [(class, size::of(entry)), (beside, size::beside(&entry.attributes))] {
            let held = &mut self.0[class as usize][entry.behaviour.feed() as usize];
            *held = count(*held, bytes);
        }
    }

    fn of(&self, class: Class, feed: Feed) -> usize {
        self.0[class as usize][feed as usize]
    }
}
