//! One behaviour of a baseline: what it is good for, and when and where it was seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Lesson, Marks, Past, Sighting};
use crate::{
    behaviour::{Attributes, Behaviour},
    id::PodUid,
    rare::Rare,
    rules::Rule,
    score::Strangeness,
    text,
    time::Timestamp,
};

/// Longest lineage that is kept.
pub const MAX_LINEAGE: usize = 8;

/// Longest path in a lineage that is kept whole, in bytes: the entry of the ancestor itself has all of it.
pub(super) const MAX_ANCESTOR: usize = 128;

/// What an entry is good for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum EntryState {
    /// Normal.
    Learned,
    /// Normal because a person said so: exactly this, and nothing near it.
    Accepted {
        /// The rule that had raised it. A graver one raises it again.
        rule: Rule,
    },
    /// Raised; not normal.
    Quarantined {
        /// The gravest rule that raised it.
        rule: Rule,
    },
}

/// One behaviour that was seen.
// In the order that is written here: what ageing asks of every entry, its state and its days, lies together.
#[repr(C)]
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Entry {
    /// The behaviour. Of variants with one key, the one that says most.
    pub behaviour: Behaviour,
    /// What else was seen of it.
    pub attributes: Rare<Attributes>,
    /// What the entry is good for.
    pub state: EntryState,
    /// The days on which it was seen.
    pub days: Marks,
    /// Executables that led to it, outermost first, its own last; at most [`MAX_LINEAGE`].
    pub lineage: Vec<String>,
    /// How often it was seen.
    pub count: u64,
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// How many different pods showed it, at least: the pods in `shown_by` or, where those are not kept, the most that
    /// one batch named.
    pub pods: u32,
    /// Pods that showed it, where it is quarantined; at most [`super::MAX_SIGHTINGS`].
    pub shown_by: BTreeMap<PodUid, Sighting>,
    /// True while the API server knew none of the pods that showed it, or no room was left beside what it did know.
    pub unverified: bool,
    /// True while it was only found, running, mapped or open, when a sensor started, and never seen to happen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub snapshot: bool,
    /// True where it was raised while the baseline was provisional.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub provisional: bool,
    /// How it came to be what it is.
    #[serde(default)]
    pub lesson: Lesson,
    /// Where it is an unusual command: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strangeness: Option<Box<Strangeness>>,
    /// True where it stands for many learned behaviours of one kind that were too many to be told apart.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub generalised: bool,
}

impl Entry {
    /// Whether it was seen in exactly one wall-clock hour.
    pub fn is_of_one_hour(&self) -> bool {
        self.first_seen.hour() == self.last_seen.hour()
    }

    /// Whether it is quarantined.
    pub const fn is_quarantined(&self) -> bool {
        match self.state {
            EntryState::Learned | EntryState::Accepted { .. } => false,
            EntryState::Quarantined { .. } => true,
        }
    }

    /// Whether a denial raised it that came after it had been learned.
    pub(super) fn is_denied_since(&self) -> bool {
        self.rule() == Some(Rule::DeniedBehaviour) && self.lesson.past == Past::Denied
    }

    /// Whether a person accepted it.
    pub const fn is_accepted(&self) -> bool {
        match self.state {
            EntryState::Accepted { .. } => true,
            EntryState::Learned | EntryState::Quarantined { .. } => false,
        }
    }

    /// Whether it was learned: a neighbour of what is new, and a measure of it. What a person accepted is neither.
    pub const fn is_learned(&self) -> bool {
        match self.state {
            EntryState::Learned => true,
            EntryState::Accepted { .. } | EntryState::Quarantined { .. } => false,
        }
    }

    /// Whether what is like it is normal, too: learned by being seen, if only within bounds, and no news of something else.
    pub fn is_reference(&self) -> bool {
        let is_command = match &self.behaviour {
            Behaviour::Process(process) => process.command().is_some(),
            Behaviour::Network(_) | Behaviour::Module(_) => false,
        };
        self.is_known_within_bounds() && !is_command
    }

    /// The rule that raised it, where it is quarantined.
    pub const fn rule(&self) -> Option<Rule> {
        match self.state {
            EntryState::Learned | EntryState::Accepted { .. } => None,
            EntryState::Quarantined { rule } => Some(rule),
        }
    }
}

/// A lineage that is short enough to keep: its outermost executable and the innermost ones.
pub(super) fn bounded_lineage(lineage: &[String]) -> Vec<String> {
    let skipped = lineage.len().saturating_sub(MAX_LINEAGE);
    lineage
        .iter()
        .enumerate()
        .filter(|(index, _)| *index == 0 || *index > skipped)
        .map(|(_, path)| text::bounded(path.clone(), MAX_ANCESTOR))
        .collect()
}

/// The lineage of a behaviour of which nothing else is known: the program, and whose child it is. Objects leave it out.
pub fn implied_lineage(behaviour: &Behaviour) -> Vec<String> {
    let parent = match behaviour {
        Behaviour::Process(process) => process.parent(),
        Behaviour::Network(_) | Behaviour::Module(_) => "",
    };
    [parent, behaviour.executable()]
        .into_iter()
        .filter(|path| !path.is_empty())
        .map(|path| text::bounded(path.to_owned(), MAX_ANCESTOR))
        .collect()
}
