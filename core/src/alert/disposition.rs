//! What people decide about a finding, and what the decision covers.
//!
//! A decision is about a finding as it was: its behaviour, the rule that raised it, and what was seen of it until then.
//! - Accepted, the behaviour is known from then on in this container of this workload, whichever pod shows it and however
//!   often. A graver rule raises it again.
//! - Dismissed or denied, the finding is closed with what was seen until then. What is seen later is a new finding, in an
//!   alert that names the old one.
//! - A decision that names evidence (rule and last sighting) covers no more than that: it is refused where a graver rule
//!   holds by now.

use serde::{Deserialize, Serialize};

use super::AlertState;
use crate::{rules::Rule, time::Timestamp};

/// A decision about a finding.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Decision {
    /// It is normal from now on.
    Accept,
    /// It was harmless this time.
    Dismiss,
    /// It can never be normal.
    Deny,
    /// Somebody has to look at it now.
    Escalate,
}

impl Decision {
    /// Every decision.
    pub const ALL: [Self; 4] = [Self::Accept, Self::Dismiss, Self::Deny, Self::Escalate];

    /// Where a finding stands once the decision took effect.
    pub const fn state(self) -> AlertState {
        match self {
            Self::Accept => AlertState::Accepted,
            Self::Dismiss => AlertState::Dismissed,
            Self::Deny => AlertState::Denied,
            Self::Escalate => AlertState::Escalated,
        }
    }
}

/// What somebody decided about a finding.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Disposition {
    /// The decision.
    pub decision: Decision,
    /// Why.
    pub reason: String,
    /// Who decided.
    pub by: String,
    /// What whoever decided had seen, where that is told.
    pub evidence: Option<DecidedOn>,
}

/// What somebody had seen of a finding who decided about it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct DecidedOn {
    /// The rule that had raised it.
    pub rule: Rule,
    /// How often it was seen by then.
    pub count: u64,
    /// When it was last seen by then.
    pub last_seen: Timestamp,
}

/// A decision as it was taken note of.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// Who decided.
    pub by: String,
    /// When it was taken note of.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a decision.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub enum Outcome {
    /// It holds.
    Done,
    /// It is being carried out: what is awaited, in words.
    Awaits(String),
    /// It can't be carried out: why, and what helps.
    Refused(String),
}
