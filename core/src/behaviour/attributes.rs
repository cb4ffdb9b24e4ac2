//! What is known of a behaviour beside its key: sets and maxima that only grow, so that reports of it can be joined in
//! any order.

use std::{collections::BTreeSet, net::IpAddr};

use serde::{Deserialize, Serialize};

use super::{CapabilitySet, command_lines::Room};
use crate::{
    observation::{NetworkObservation, Observation, Observed, ProcessObservation},
    rare::Empty,
    text::{bounded, bounded_line, json_len},
};

/// Most addresses that are kept.
pub const MAX_ADDRESSES: usize = 16;
/// Most command lines that are kept of a behaviour that is learned: what a scheduler or an entry script runs, templated,
/// is seldom more than a few dozen.
pub const MAX_COMMANDS: usize = 64;
/// Most bytes that the kept command lines take together in JSON.
pub const MAX_COMMAND_BYTES: usize = 12 * 1_024;
/// Most command lines that are kept of a behaviour that is raised: a person reads them.
pub const MAX_RAISED_COMMANDS: usize = 8;
/// Most bytes that those take together in JSON.
pub const MAX_RAISED_COMMAND_BYTES: usize = 3 * 1_024;
/// Longest command line that is kept whole, in bytes.
pub const MAX_COMMAND: usize = 1_024;
/// Most user ids that are kept.
pub const MAX_UIDS: usize = 8;
/// Most hexadecimal digits of a build id: 20 bytes in practice, 64 where a linker was told otherwise.
pub const MAX_BUILD_ID: usize = 128;

/// What is known of a behaviour beside its key. A lattice: [`Attributes::join`] is commutative, associative and
/// idempotent. A set that is full keeps its least members, and command lines those of the least hashes, which does not depend
/// on the order of arrival; but where the lines' bytes run out before their number does, which are kept may.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Attributes {
    /// Addresses that were reached under the key; at most [`MAX_ADDRESSES`].
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub addresses: BTreeSet<IpAddr>,
    /// The most bytes that one connection sent, as told at its close; 0 where none was closed.
    #[serde(skip_serializing_if = "is_zero")]
    pub bytes_sent: u64,
    /// Command lines, redacted and templated; at most [`MAX_COMMANDS`] of [`MAX_COMMAND`] bytes, together
    /// [`MAX_COMMAND_BYTES`].
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub commands: BTreeSet<String>,
    /// Build id of a library, in hexadecimal digits: the least, where files of one hash could have several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_id: Option<String>,
    /// User ids in the host's user namespace; at most [`MAX_UIDS`].
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub uids: BTreeSet<u32>,
    /// Effective user ids where they are not the real ones; at most [`MAX_UIDS`].
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub effective_uids: BTreeSet<u32>,
    /// A mark of the executed file (setuid, setgid) gave another effective user or group.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub setuid: bool,
    /// Capabilities that executions gave beyond what any would have given.
    #[serde(skip_serializing_if = "CapabilitySet::is_empty")]
    pub gained: CapabilitySet,
    /// It ran with a controlling terminal.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub terminal: bool,
}

impl Empty for Attributes {
    const EMPTY: &'static Self = &Self {
        addresses: BTreeSet::new(),
        bytes_sent: 0,
        commands: BTreeSet::new(),
        build_id: None,
        uids: BTreeSet::new(),
        effective_uids: BTreeSet::new(),
        setuid: false,
        gained: CapabilitySet::NONE,
        terminal: false,
    };
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Attributes {
    /// What both say together.
    #[must_use]
    pub fn join(mut self, other: Self) -> Self {
        let Self {
            addresses,
            bytes_sent,
            commands,
            build_id,
            uids,
            effective_uids,
            setuid,
            gained,
            terminal,
        } = other;
        self.addresses.extend(addresses);
        self.bytes_sent = self.bytes_sent.max(bytes_sent);
        self.commands.extend(commands);
        self.build_id = match (self.build_id, build_id) {
            (Some(mine), Some(others)) => Some(mine.min(others)),
            (mine, others) => mine.or(others),
        };
        self.uids.extend(uids);
        self.effective_uids.extend(effective_uids);
        self.setuid |= setuid;
        self.gained = self.gained.union(gained);
        self.terminal |= terminal;
        self.bounded()
    }

    /// What both say together, where this was learned: of command lines, none that is held gives way to another. So nobody
    /// pushes out what was learned before he came.
    #[must_use]
    pub(crate) fn taking_in(self, other: Self) -> Self {
        self.extended(other, Room::LEARNED)
    }

    /// As [`Self::taking_in`], where this is raised.
    #[must_use]
    pub(crate) fn taking_in_raised(self, other: Self) -> Self {
        self.extended(other, Room::RAISED)
    }

    fn extended(mut self, other: Self, room: Room) -> Self {
        let mut other = other.bounded();
        let (held, more) = (std::mem::take(&mut self.commands), std::mem::take(&mut other.commands));
        let mut joined = self.join(other);
        joined.commands = room.add(held, more);
        joined
    }

    /// Within the limits, whatever came.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        if self.commands.iter().any(|command| command.len() > MAX_COMMAND) {
            let commands = std::mem::take(&mut self.commands);
            let bounded = commands.into_iter().map(|line| bounded_line(line, MAX_COMMAND));
            self.commands = bounded.collect();
        }
        self.build_id = self.build_id.map(|id| bounded(id, MAX_BUILD_ID));
        keep_least(&mut self.addresses, MAX_ADDRESSES);
        Room::LEARNED.keep(&mut self.commands);
        keep_least(&mut self.uids, MAX_UIDS);
        keep_least(&mut self.effective_uids, MAX_UIDS);
        self
    }

    /// As [`Self::bounded`], with no more command lines than are kept of what is raised.
    #[must_use]
    pub fn raised(self) -> Self {
        let mut raised = self.bounded();
        Room::RAISED.keep(&mut raised.commands);
        raised
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether joining `other` would say something that is worth a report: a volume counts by its power of two, so that a
    /// row of ever larger ones is told of a few times, and a set that is full by what it holds, so that whoever thinks of
    /// ever lesser members is not. Command lines are not among it: each is judged, so that whoever reports keeps count of
    /// them one by one.
    pub fn has_news_in(&self, other: &Self) -> bool {
        let mut other = Self {
            commands: BTreeSet::new(),
            ..other.clone()
        };
        if self.addresses.len() >= MAX_ADDRESSES {
            other.addresses.clear();
        }
        if self.uids.len() >= MAX_UIDS {
            other.uids.clear();
        }
        if self.effective_uids.len() >= MAX_UIDS {
            other.effective_uids.clear();
        }
        let of_volume = |attributes: &Self| Self {
            bytes_sent: attributes.bytes_sent.checked_ilog2().map_or(0, |log2| 1 << log2),
            ..attributes.clone()
        };
        of_volume(self).grows_by(&of_volume(&other))
    }

    /// Whether everything that `other` says is said already.
    fn holds(&self, other: &Self) -> bool {
        let build_id = match (&self.build_id, &other.build_id) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(mine), Some(others)) => mine <= others,
        };
        build_id
            && other.addresses.is_subset(&self.addresses)
            && other.bytes_sent <= self.bytes_sent
            && other.commands.is_subset(&self.commands)
            && other.uids.is_subset(&self.uids)
            && other.effective_uids.is_subset(&self.effective_uids)
            && self.setuid >= other.setuid
            && other.gained.without(self.gained).is_empty()
            && self.terminal >= other.terminal
    }

    /// Whether joining `other` would say anything new.
    pub fn grows_by(&self, other: &Self) -> bool {
        !self.holds(other) && self.clone().join(other.clone()) != *self
    }
}

/// How many of these command lines, from the first on, can be told of as one behaviour's.
pub fn commands_that_fit<'a>(lines: impl Iterator<Item = &'a str>) -> usize {
    let mut bytes = 0;
    let fit = lines.take(MAX_COMMANDS).take_while(|line| {
        bytes += json_len(line);
        bytes <= MAX_COMMAND_BYTES
    });
    fit.count()
}

fn keep_least<T: Ord>(set: &mut BTreeSet<T>, limit: usize) {
    while set.len() > limit {
        set.pop_last();
    }
}

impl From<&Observation> for Attributes {
    /// The command line of a process is not taken as it is: whoever holds an observation redacts and templates it.
    fn from(observation: &Observation) -> Self {
        match &observation.what {
            Observed::Process(process) => Self::from(process),
            Observed::Network(network) => Self::from(network),
            Observed::Module(module) => Self {
                build_id: module.build_id.clone(),
                ..Self::default()
            },
        }
        .bounded()
    }
}

impl From<&ProcessObservation> for Attributes {
    fn from(process: &ProcessObservation) -> Self {
        Self {
            uids: process.uid.into_iter().collect(),
            effective_uids: process.effective_uid.into_iter().collect(),
            setuid: process.setuid,
            gained: process.gained,
            terminal: process.terminal,
            ..Self::default()
        }
    }
}

impl From<&NetworkObservation> for Attributes {
    fn from(network: &NetworkObservation) -> Self {
        Self {
            addresses: network.address.into_iter().collect(),
            bytes_sent: network.bytes_sent.unwrap_or(0),
            ..Self::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::btree_set, option, prelude::*};

    use super::*;

    prop_compose! {
        fn attributes()(
            addresses in btree_set(any::<u8>(), 0..20),
            bytes_sent in 0_u64..4,
            commands in btree_set("[a-c]{1,3}|x{1200}", 0..80),
            build_id in option::of("[0-9a-f]{2}"),
            uids in (btree_set(0_u32..20, 0..12), btree_set(0_u32..20, 0..12)),
            marks in any::<(bool, bool)>(),
            gained in 0_u64..8,
        ) -> Attributes {
            Attributes {
                addresses: addresses.into_iter().map(|last| IpAddr::from([192, 0, 2, last])).collect(),
                bytes_sent,
                commands,
                build_id,
                uids: uids.0,
                effective_uids: uids.1,
                setuid: marks.0,
                gained: CapabilitySet::from_bits(gained),
                terminal: marks.1,
            }.bounded()
        }
    }

    proptest! {
        #[test]
        fn joining_is_commutative_associative_and_idempotent(
            a in attributes(), b in attributes(), c in attributes()
        ) {
            prop_assert_eq!(a.clone().join(b.clone()), b.clone().join(a.clone()));
            prop_assert_eq!(a.clone().join(b.clone()).join(c.clone()), a.clone().join(b.join(c)));
            prop_assert_eq!(a.clone().join(a.clone()), a);
        }

        #[test]
        fn command_lines_that_fit_are_all_kept_and_of_more_not_all(
            lines in btree_set(r#"[a-c"]{1,6}|x{400,900}"#, 0..90)) {
            let fit = commands_that_fit(lines.iter().map(String::as_str));
            let bounded = |count| {
                let commands: BTreeSet<String> = lines.iter().take(count).cloned().collect();
                Attributes { commands, ..Attributes::default() }.bounded().commands.len()
            };
            prop_assert_eq!(bounded(fit), fit);
            prop_assert!(bounded(fit + 1) <= fit || lines.len() == fit);
        }

        #[test]
        fn a_volume_is_news_when_it_doubles(bytes in 1_u64..1 << 40) {
            let of = |bytes_sent| Attributes { bytes_sent, ..Attributes::default() };
            prop_assert!(of(bytes).has_news_in(&of(bytes * 2)));
            prop_assert!(!of(bytes).has_news_in(&of(bytes)));
            prop_assert!(!of(1 << bytes.ilog2()).has_news_in(&of(bytes)));
        }

        #[test]
        fn what_was_joined_adds_nothing_more(a in attributes(), b in attributes()) {
            prop_assert!(!a.clone().join(b.clone()).grows_by(&b));
            prop_assert_eq!(a.grows_by(&b), a.clone().join(b.clone()) != a);
            prop_assert!(a.commands.len() <= MAX_COMMANDS && a.addresses.len() <= MAX_ADDRESSES);
        }
    }
}
