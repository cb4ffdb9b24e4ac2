//! How an entry came to be what it is.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    id::{NodeName, TemplateHash},
    seen::Seen,
};

/// How an entry came to be what it is: what its state alone does not tell.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default)]
pub struct Lesson {
    /// The node that reported it, while only one did although pods of the workload ran on others as well: it is known
    /// there alone. Several where more than one did, or no other could have.
    pub node: Seen<NodeName>,
    /// In which part of its containers' lives it was seen to happen.
    pub phase: Phase,
    /// What became of it on the way.
    pub past: Past,
    /// The revisions whose pods showed it, of those that its baseline tells apart.
    pub revisions: BTreeSet<TemplateHash>,
}

/// In which part of a container's life something was seen to happen. A chain: what either of two reports says of more wins.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Phase {
    /// Nobody saw it happen: it was found, or told by nobody who is known.
    #[default]
    Unknown,
    /// In the first minute of a container alone.
    Startup,
    /// Later than that, too.
    Steady,
}

/// What became of an entry on the way.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum Past {
    /// Nothing to be told.
    #[default]
    Plain,
    /// It was learned before a denial raised it: it is learned again once nothing denies it.
    Denied,
    /// It was raised, and learned because it repeated harmlessly or a rollout brought it.
    Absorbed,
    /// It is learned within bounds, and raised beyond them: on another node, or long after a container's start.
    Bounded,
    /// It was taken over from another workload, and was not seen in this one yet.
    Inherited,
}

impl Past {
    /// Every one.
    pub const ALL: [Self; 5] = [
        Self::Plain,
        Self::Denied,
        Self::Absorbed,
        Self::Bounded,
        Self::Inherited,
    ];
}
