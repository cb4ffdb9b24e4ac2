//! How much a baseline holds. Room is reserved by what an entry is good for, so that no flood of one sort pushes out,
//! or shuts out, another: novelty can't crowd out what was learned, nor hide what can never be suppressed.

use std::collections::BTreeMap;

use super::{
    Baseline, Entry, EntryState, Lost,
    entry::{MAX_ANCESTOR, MAX_LINEAGE},
};
use crate::{
    behaviour::{
        Attributes, Behaviour, CapabilitySet, Feed, MAX_ADDRESSES, MAX_BUILD_ID, MAX_COMMAND, MAX_RAISED_COMMAND_BYTES,
        MAX_RAISED_COMMANDS, MAX_UIDS,
    },
    score::Strangeness,
    text::{MAX_NAME, MAX_PATH, json_len},
    time::Timestamp,
};

/// Most entries of a feed: the room of a whole baseline, [`Class::bytes`], ends before a feed has so many.
pub const MAX_ENTRIES: usize = 2_048;
const _: () = assert!(Class::ALL_BYTES / FRAME <= MAX_ENTRIES);

// The longest entry that text can make (three paths, an applet, a lineage, each byte six in JSON, and what is known beside
// the key) finds room in every class that a pod can be in, whatever the other feeds hold, so that nobody hides behind a
// long name. What is unverified has no such claim. Flows have one path and a destination, libraries two paths and a hash.
const _: () = assert!(
    FRAME + 6 * (3 * MAX_PATH + MAX_NAME + MAX_LINEAGE * MAX_ANCESTOR) + 64 + CapabilitySet::MAX_JSON + MAX_ATTRIBUTES
        <= Class::Grave.of_one_feed()
);

// So does the longest unusual command, which is novel and nothing graver.
const _: () = assert!(
    FRAME
        + 6 * (3 * MAX_PATH + MAX_NAME + MAX_LINEAGE * MAX_ANCESTOR + MAX_COMMAND)
        + 64
        + CapabilitySet::MAX_JSON
        + MAX_ATTRIBUTES
        + Strangeness::MAX_JSON
        <= Class::Novel.of_one_feed()
);

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
    Novel,
    Grave,
    /// Quarantined, and no pod that the API server knows shows it. Whoever holds one sensor's token can make up as many
    /// of these as there is room for, so that they have a small room of their own, whatever rule raised them.
    Unverified,
}

impl Class {
    const ALL_BYTES: usize =
        Self::Learned.bytes() + Self::Novel.bytes() + Self::Grave.bytes() + Self::Unverified.bytes();

    pub(super) const fn of(state: EntryState, unverified: bool) -> Self {
        match state {
            EntryState::Learned | EntryState::Accepted { .. } => Self::Learned,
            EntryState::Quarantined { .. } if unverified => Self::Unverified,
            EntryState::Quarantined { rule } if rule.never_suppressed() => Self::Grave,
            EntryState::Quarantined { .. } => Self::Novel,
        }
    }

    /// Most bytes in the whole baseline: together, and with the sightings (57 KiB), below the 256 KiB that an object may
    /// take (etcd refuses requests of 1.5 MiB, and every watcher holds a copy).
    const fn bytes(self) -> usize {
        match self {
            Self::Learned => 96 * 1_024,
            Self::Novel => 48 * 1_024,
            Self::Grave => 28 * 1_024,
            Self::Unverified => 8 * 1_024,
        }
    }

    /// Bytes that each feed has for itself; whichever comes first takes of the rest. So a scanner of a hundred thousand
    /// addresses leaves room for programs and libraries, and these for it.
    const fn reserve(self) -> usize {
        match self {
            Self::Learned => 16 * 1_024,
            Self::Novel => 5 * 1_024,
            Self::Grave => 3 * 1_024,
            Self::Unverified => 1_024,
        }
    }

    /// Most bytes that one feed can take.
    const fn of_one_feed(self) -> usize {
        self.bytes() - (Feed::ALL.len() - 1) * self.reserve()
    }
}

/// Whether an entry of this class, feed and size finds room beside what is `used`.
pub(super) fn has_room(used: &Used, class: Class, feed: Feed, size: usize) -> bool {
    let of = |other: Feed| {
        let held = used.of(class, other);
        if other == feed {
            held.saturating_add(size)
        } else {
            held.max(class.reserve())
        }
    };
    Feed::ALL.into_iter().map(of).fold(0, usize::saturating_add) <= class.bytes()
}

/// Whether a library that is approved anyway finds room: only that paths are known whose content may change, for which
/// it must not take the room of what has to be learned. A workload of several containers maps hundreds.
pub(super) fn has_room_for_approved(used: &Used, size: usize) -> bool {
    const MOST: usize = 24 * 1_024;
    let held = used.of(Class::Learned, Feed::Module);
    held.saturating_add(size) <= MOST && has_room(used, Class::Learned, Feed::Module, size)
}

/// Bytes that the entries of a baseline take, by class and feed, sightings aside.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Used([[usize; 3]; 4]);

impl Used {
    pub(super) fn by(baseline: &Baseline) -> Self {
        let mut used = Self::default();
        for (_, _, entry) in baseline.entries() {
            used.add(entry);
        }
        used
    }

    pub(super) fn add(&mut self, entry: &Entry) {
        let held = self.of_mut(entry);
        *held = held.saturating_add(size(entry));
    }

    /// Takes an entry out again that was counted as it is.
    pub(super) fn remove(&mut self, entry: &Entry) {
        let held = self.of_mut(entry);
        *held = held.saturating_sub(size(entry));
    }

    fn of_mut(&mut self, entry: &Entry) -> &mut usize {
        let class = Class::of(entry.state, entry.unverified);
        &mut self.0[class as usize][entry.behaviour.feed() as usize]
    }

    fn of(&self, class: Class, feed: Feed) -> usize {
        self.0[class as usize][feed as usize]
    }
}

/// What the fields of fixed width and the names of all fields take in JSON, rounded up.
const FRAME: usize = 420;

/// About how many bytes an entry takes in the object, sightings aside: never less than it really takes.
pub(super) fn size(entry: &Entry) -> usize {
    let lineage: usize = entry.lineage.iter().map(|text| json_len(text) + 3).sum();
    let strangeness = entry.strangeness.as_ref().map_or(0, Strangeness::json_len);
    lineage + attributes_size(&entry.attributes) + strangeness + least_size(&entry.behaviour)
}

/// About how many bytes an entry takes of which nothing is known but its key.
pub(super) fn least_size(behaviour: &Behaviour) -> usize {
    let key = match behaviour {
        Behaviour::Process(process) => {
            let texts = [
                process.parent(),
                process.executable(),
                process.script().unwrap_or_default(),
                process.applet().unwrap_or_default(),
                process.command().unwrap_or_default(),
            ];
            texts.map(json_len).iter().sum::<usize>() + names_size(process.gained())
        }
        Behaviour::Network(network) => {
            json_len(network.executable()) + json_len(&network.destination().to_string()) + NETWORK_FRAME
        }
        Behaviour::Module(module) => {
            let hash = module.sha256().map_or(0, str::len);
            json_len(module.path()) + json_len(module.executable()) + hash + MODULE_FRAME
        }
    };
    key + FRAME
}

/// What a network behaviour's other fields take beyond those of a process, and a module's.
const NETWORK_FRAME: usize = 96;
const MODULE_FRAME: usize = 64;

/// The most that [`attributes_size`] can be of what is raised.
const MAX_ATTRIBUTES: usize = MAX_ADDRESSES * ADDRESS
    + MAX_RAISED_COMMAND_BYTES
    + MAX_RAISED_COMMANDS * 3
    + MAX_BUILD_ID
    + 2 * MAX_UIDS * UID
    + CapabilitySet::MAX_JSON;

/// About how many bytes the attributes take.
fn attributes_size(attributes: &Attributes) -> usize {
    let Attributes {
        addresses,
        bytes_sent: _,
        commands,
        build_id,
        uids,
        effective_uids,
        setuid: _,
        gained,
        terminal: _,
    } = attributes;
    let commands: usize = commands.iter().map(|text| json_len(text) + 3).sum();
    let build_id = build_id.as_deref().map_or(0, json_len);
    let uids = (uids.len() + effective_uids.len()) * UID;
    addresses.len() * ADDRESS + commands + build_id + uids + names_size(*gained)
}

fn names_size(set: CapabilitySet) -> usize {
    set.names().map(|name| name.len() + 3).sum()
}

/// The longest address as text, with its quotes and comma.
const ADDRESS: usize = 42;
/// The longest user id, with its comma.
const UID: usize = 11;
