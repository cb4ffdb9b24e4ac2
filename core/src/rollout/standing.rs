//! Whether what a rollout explained is still explained.

use serde::Serialize;

use super::{
    Evidence,
    fit::{Fit, fits_any},
    is_unrecorded,
    matching::{EVIDENCE_WAIT, LOOK_AGAIN},
    sidecar::Sidecar,
};
use crate::{
    baseline::{Entry, Sighting},
    id::ContainerName,
    policy::RolloutPolicy,
    time::{Duration, Timestamp},
};

/// Whether a rollout that explained a finding still explains all of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub enum StillExplained {
    /// All pods that show it are of the record's revision, or of one that goes on with it, and run what is recorded.
    Yes,
    /// So far, but of a new pod not all is known yet: ask again after this.
    SoFar(Duration),
    /// Not any more.
    No {
        /// Why, in a sentence.
        reason: String,
    },
}

/// Asks whether the record that a finding was suppressed with still covers every pod that shows it: what a rollout
/// explained stays suppressed in its own pods and in those of later rollouts that run nothing older, and nowhere else.
/// `None` where the record is not there any more. A pod of a revision that has no record yet is waited for.
pub fn still_explained(
    record: &str,
    container: &ContainerName,
    entry: &Entry,
    evidence: &Evidence,
    policy: &RolloutPolicy,
    now: Timestamp,
) -> Option<StillExplained> {
    let mut records = evidence.records.iter();
    let record = records.find(|candidate| candidate.sealed && candidate.name == record)?;
    if let Some(rule) = entry.rule().filter(|rule| rule.never_suppressed()) {
        let reason = format!("it is now a finding of {rule}");
        return Some(StillExplained::No { reason });
    }
    if record.containers.get(container).is_some_and(|held| held.injected) {
        return Some(Sidecar::of(container, evidence).still_explains(record, entry, now));
    }
    let heirs = evidence.heirs(record, container, policy);
    let mut wait: Option<Duration> = None;
    for (uid, sighting) in &entry.shown_by {
        match fits_any(&heirs, container, uid, sighting, evidence) {
            Fit::Yes => {}
            Fit::No(reason) if !is_of_new_revision(sighting, evidence) => return Some(StillExplained::No { reason }),
            Fit::Mismatch(reason) => return Some(StillExplained::No { reason }),
            Fit::Unknown(reason) | Fit::Unsettled(reason) | Fit::No(reason) => {
                let left = sighting.first_seen.plus(EVIDENCE_WAIT).since(now);
                if left.is_zero() {
                    return Some(StillExplained::No { reason });
                }
                wait = Some(wait.map_or(left, |least| least.min(left)));
            }
        }
    }
    Some(wait.map_or(StillExplained::Yes, |left| StillExplained::SoFar(left.min(LOOK_AGAIN))))
}

/// Whether a pod is of the revision that is being rolled out, and has no record yet.
fn is_of_new_revision(sighting: &Sighting, evidence: &Evidence) -> bool {
    let current = evidence.current.as_ref().map(|current| &current.template_hash);
    is_unrecorded(evidence) && current.is_some() && sighting.template_hash.one() == current
}
