//! Whether a rollout explains a finding.

use serde::Serialize;

use super::Evidence;
use crate::{
    baseline::Entry,
    id::ContainerName,
    policy::Policy,
    time::{Duration, Timestamp},
};

/// How long after its first sighting a finding waits for digests and records.
pub const EVIDENCE_WAIT: Duration = Duration::from_secs(60);
/// How long after its first sighting a finding waits at most for the other pods of a new revision to come up.
pub const BREADTH_WAIT: Duration = Duration::from_secs(180);

/// Whether a rollout explains a finding.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize)]
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
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
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

/// What is to be explained.
#[derive(Clone, Copy, Debug)]
pub struct Suspect<'a> {
    /// The container that showed it.
    pub container: &'a ContainerName,
    /// The quarantined entry.
    pub entry: &'a Entry,
}

/// Judges whether a rollout explains a finding.
pub fn judge(suspect: Suspect<'_>, evidence: &Evidence, policy: &Policy, now: Timestamp) -> Judgement {
    todo!("{suspect:?} {evidence:?} {policy:?} {now}")
}
