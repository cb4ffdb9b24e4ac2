//! What the deployment evidence says of a finding.

use serde::{Deserialize, Serialize};

use super::{Record, matching::LOOK_AGAIN};
use crate::time::Duration;

/// Whether a rollout explains a finding.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub enum RolloutVerdict {
    /// Digests or records are still awaited.
    Pending,
    /// A rollout explains it.
    Matched,
    /// A rollout is near, but does not explain all of it: tagged, and still open.
    Partial,
    /// No rollout explains it.
    Unmatched,
    /// No rollout could: findings of this kind are never suppressed.
    Never,
}

/// What the deployment evidence says of a finding.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct RolloutMatch {
    /// Name of the RolloutRecord that it is tagged with.
    pub record: Option<String>,
    /// Whether it explains the finding.
    pub verdict: RolloutVerdict,
    /// Why, in a sentence with the evidence.
    pub reason: String,
}

/// A judgement, and how long it holds.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Judgement {
    /// What the evidence says.
    pub rollout: RolloutMatch,
    /// Where it is Pending: when it is due.
    pub retry_after: Option<Duration>,
}

impl Judgement {
    pub(super) fn final_verdict(verdict: RolloutVerdict, record: Option<&Record>, reason: String) -> Self {
        Self {
            rollout: RolloutMatch {
                record: record.map(|record| record.name.clone()),
                verdict,
                reason,
            },
            retry_after: None,
        }
    }

    /// Whether a rollout explains it, or may turn out to.
    pub(super) fn is_of_rollout(&self) -> bool {
        match self.rollout.verdict {
            RolloutVerdict::Matched | RolloutVerdict::Pending => true,
            RolloutVerdict::Partial | RolloutVerdict::Unmatched | RolloutVerdict::Never => false,
        }
    }

    pub(super) fn never(record: Option<&Record>, reason: String) -> Self {
        Self::final_verdict(RolloutVerdict::Never, record, reason)
    }

    pub(super) fn unmatched(record: Option<&Record>, reason: String) -> Self {
        Self::final_verdict(RolloutVerdict::Unmatched, record, reason)
    }

    pub(super) fn pending(record: Option<&Record>, reason: String, due: Duration) -> Self {
        Self {
            // Zero would have the caller spin where a millisecond is missing.
            retry_after: Some(due.clamp(Duration::from_millis(100), LOOK_AGAIN)),
            ..Self::final_verdict(RolloutVerdict::Pending, record, reason)
        }
    }
}
