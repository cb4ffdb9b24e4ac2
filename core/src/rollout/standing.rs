//! Whether what a rollout explained is still explained.

use serde::Serialize;

use super::{
    Evidence,
    fit::{Fit, fits},
    matching::{EVIDENCE_WAIT, LOOK_AGAIN},
};
use crate::{
    baseline::Entry,
    id::ContainerName,
    time::{Duration, Timestamp},
};

/// Whether a rollout that explained a finding still explains all of it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub enum StillExplained {
    /// All pods that show it are of the record's revision and run its digest.
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
/// explained stays suppressed in its own pods, and nowhere else. `None` where the record is not there any more.
pub fn still_explained(
    record: &str,
    container: &ContainerName,
    entry: &Entry,
    evidence: &Evidence,
    now: Timestamp,
) -> Option<StillExplained> {
    let mut records = evidence.records.iter();
    let record = records.find(|candidate| candidate.sealed && candidate.name == record)?;
    if let Some(rule) = entry.rule().filter(|rule| rule.never_suppressed()) {
        let reason = format!("it is now a finding of {rule}");
        return Some(StillExplained::No { reason });
    }
    let mut wait: Option<Duration> = None;
    for (uid, sighting) in &entry.shown_by {
        match fits(record, container, uid, sighting, evidence) {
            Fit::Yes => {}
            Fit::No(reason) | Fit::Mismatch(reason) => return Some(StillExplained::No { reason }),
            Fit::Unknown(reason) => {
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
