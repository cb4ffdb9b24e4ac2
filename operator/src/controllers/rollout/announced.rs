//! What became of the intents of a workload, and what a rollout that one of them announced then did.

use std::{collections::BTreeMap, time::Duration};

use anchorwatch_core::rollout::{GitRevision, IntentState, RolloutVerdict, compare, intent_state};
use anchorwatch_crds::v1alpha1::{self as crd, AnnouncementOutcome, RolloutIntent, RolloutIntentStatus, RolloutRecord};
use jiff::Timestamp;
use kube::ResourceExt;

use super::fetch::Known;
use crate::convert::{comparison_to_crd, from_clock, intent_from_crd};

/// The intents whose status changes, and when one that waits expires.
pub fn intents(known: &Known, now: Timestamp) -> (Vec<RolloutIntent>, Option<Duration>) {
    let time = from_clock(now);
    let git = told_sources(known);
    let mut changed = Vec::new();
    let mut due: Option<Duration> = None;
    for object in known.intents.iter().filter_map(|guarded| guarded.0.as_ref().ok()) {
        let (intent, violations) = intent_from_crd(object);
        let state = intent_state(&intent, &known.evidence, &git, time);
        if state == IntentState::Waiting {
            let left = intent.expires.since(time).max(Duration::from_secs(1));
            due = Some(due.map_or(left, |least| least.min(left)));
        }
        let unread = violations
            .iter()
            .map(|violation| format!("{}: {}", violation.field, violation.expected));
        let unread = unread.collect::<Vec<_>>().join("; ");
        let (state, record, why) = match state {
            IntentState::Waiting => (crd::IntentState::Waiting, None, None),
            IntentState::Announced(record) => (crd::IntentState::Announced, Some(record), None),
            IntentState::Missed(why) => (
                crd::IntentState::Missed,
                None,
                Some(why.unwrap_or_else(|| "no rollout started in time".to_owned())),
            ),
        };
        let status = RolloutIntentStatus {
            state,
            record,
            message: why.or_else(|| (!unread.is_empty()).then_some(unread)),
        };
        if object.status.as_ref() != Some(&status) {
            changed.push(RolloutIntent {
                status: Some(status),
                ..object.clone()
            });
        }
    }
    (changed, due)
}

/// What the records tell of their sources.
fn told_sources(known: &Known) -> BTreeMap<String, GitRevision> {
    let records = known.objects.iter().filter_map(|guarded| guarded.0.as_ref().ok());
    let told = records.filter_map(|record| {
        let git = record.spec.git_revision.clone()?;
        let git = GitRevision {
            revision: git.revision,
            annotation: git.annotation,
        };
        Some((record.name_any(), git))
    });
    told.collect()
}

/// What was expected of a rollout and what was found of it; what was found last where the intent is gone.
pub fn outcome(known: &Known, record: &RolloutRecord) -> Option<AnnouncementOutcome> {
    let announced = record.spec.announced.as_ref()?;
    let before = || record.status.as_ref().and_then(|status| status.announcement.clone());
    let mut intents = known.evidence.intents.iter();
    let Some(intent) = intents.find(|intent| intent.uid == announced.uid) else {
        return before();
    };
    let name = record.name_any();
    let found = known.alerts.iter().flat_map(|alert| {
        let tagged = alert.findings.iter().filter(|finding| {
            let rollout = finding.rollout.as_ref();
            rollout.is_some_and(|rollout| rollout.record.as_ref() == Some(&name) && is_of_rollout(rollout.verdict))
        });
        tagged.map(|finding| (&alert.container, &finding.behaviour, finding.summary.as_str()))
    });
    compare(intent, found).map(comparison_to_crd)
}

/// Whether a finding with this verdict may come of the rollout that it is tagged with.
const fn is_of_rollout(verdict: RolloutVerdict) -> bool {
    match verdict {
        RolloutVerdict::Matched | RolloutVerdict::Partial | RolloutVerdict::Pending => true,
        RolloutVerdict::Unmatched | RolloutVerdict::Never => false,
    }
}
