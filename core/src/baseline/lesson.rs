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
    /// The node that reported it, while only one did.
    pub node: Seen<NodeName>,
    /// What became of it on the way.
    pub past: Past,
    /// The revisions whose pods showed it, of those that its baseline tells apart.
    pub revisions: BTreeSet<TemplateHash>,
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
}

impl Past {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Denied, Self::Absorbed];
}
