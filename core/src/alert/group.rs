//! Which findings belong together in one alert, and what the alert says as a whole.

use std::collections::BTreeSet;

use super::{Alert, AlertInput, AlertState, Finding};
use crate::{
    id::{ContainerName, PodUid},
    rollout::RolloutVerdict,
    severity::Severity,
    time::{Duration, Timestamp},
};

/// Most findings of an alert.
pub const MAX_FINDINGS: usize = 64;
/// How far apart the first sightings of an alert's findings may be.
pub const MAX_AGE: Duration = Duration::from_hours(1);

/// The alert that a finding of `container` joins: an open one of that container that nobody has decided about, that this
/// version can read, that has room, none of whose findings is further away than [`MAX_AGE`] and one of them within the
/// correlation window. Of several, the nearest in time. What a rollout explains, or may turn out to, keeps to its own kind: it
/// must not sit in an alert that a person has to look at for another reason, nor hide there that the rest has none.
pub(super) fn joins<'a>(
    input: &AlertInput<'_>,
    alerts: &'a mut [Alert],
    container: &ContainerName,
    finding: &Finding,
) -> Option<&'a mut Alert> {
    let gap = |alert: &Alert| {
        let gaps = alert.findings.iter().map(|other| gap(finding.first_seen, other));
        gaps.min().unwrap_or(Duration::MAX)
    };
    alerts
        .iter_mut()
        .filter(|alert| {
            alert.container == *container
                && alert.is_untouched()
                && !alert.partial
                && alert.state.takes_findings()
                && alert.findings.len() < MAX_FINDINGS
                && alert
                    .findings
                    .iter()
                    .all(|other| is_of_rollout(other) == is_of_rollout(finding))
                // Of each: what is told late may be older than all of them, and the next one older still.
                && alert
                    .findings
                    .iter()
                    .all(|other| other.first_seen.distance(finding.first_seen) <= MAX_AGE)
        })
        .map(|alert| (gap(alert), alert))
        .filter(|(gap, _)| *gap <= input.policy.correlation_window)
        .min_by(|(a_gap, a), (b_gap, b)| (a_gap, &a.name).cmp(&(b_gap, &b.name)))
        .map(|(_, alert)| alert)
}

/// Whether a rollout explains a finding, or may turn out to.
fn is_of_rollout(finding: &Finding) -> bool {
    let verdict = finding.rollout.as_ref().map(|rollout| rollout.verdict);
    match verdict {
        Some(RolloutVerdict::Pending | RolloutVerdict::Matched) => true,
        Some(RolloutVerdict::Partial | RolloutVerdict::Unmatched | RolloutVerdict::Never) | None => false,
    }
}

/// How far a point in time lies from the time over which a finding was seen.
fn gap(time: Timestamp, finding: &Finding) -> Duration {
    finding.first_seen.since(time).max(time.since(finding.last_seen))
}

/// An alert without findings yet.
pub(super) fn open(input: &AlertInput<'_>, container: &ContainerName, name: String) -> Alert {
    Alert {
        name,
        workload: input.workload.clone(),
        container: container.clone(),
        policy: input.policy.name.clone(),
        findings: Vec::new(),
        evidence: std::collections::BTreeMap::new(),
        dispositions: std::collections::BTreeMap::new(),
        mistyped: false,
        partial: false,
        severity: Severity::Info,
        state: AlertState::Resolved,
        summary: String::new(),
        rollout: None,
        count: 0,
        pods: 0,
        first_seen: input.now,
        last_seen: input.now,
    }
}

/// Sets what an alert says as a whole from what its findings say.
pub(super) fn sum_up(alert: &mut Alert) {
    // Objects hold whole seconds: within one, who started a process comes before the process.
    alert
        .findings
        .sort_by_key(|finding| (finding.first_seen, finding.lineage.len(), finding.id));
    let urgent = |finding: &&Finding| (finding.state.urgency(), finding.severity);
    // `max_by_key` takes the last of equals, and the oldest finding is wanted.
    let Some(lead) = alert.findings.iter().rev().max_by_key(urgent) else {
        return;
    };
    alert.state = lead.state;
    alert.summary = match alert.findings.len() - 1 {
        0 => lead.summary.clone(),
        more => format!("{} (and {more} more)", lead.summary),
    };
    // Only what explains the finding that speaks for the alert: the record of another finding would excuse it.
    let explained = lead
        .rollout
        .as_ref()
        .filter(|rollout| rollout.verdict == RolloutVerdict::Matched);
    alert.rollout = explained.and_then(|rollout| rollout.record.clone());
    let findings = || alert.findings.iter();
    alert.severity = findings().map(|finding| finding.severity).max().unwrap_or_default();
    alert.count = findings().fold(0, |sum: u64, finding| sum.saturating_add(finding.count));
    let named: BTreeSet<&PodUid> = findings().flat_map(|finding| finding.shown_by.keys()).collect();
    let most = findings().map(|finding| finding.pods).max().unwrap_or(0);
    alert.pods = most.max(u32::try_from(named.len()).unwrap_or(u32::MAX));
    alert.first_seen = findings()
        .map(|finding| finding.first_seen)
        .min()
        .unwrap_or(alert.first_seen);
    alert.last_seen = findings()
        .map(|finding| finding.last_seen)
        .max()
        .unwrap_or(alert.last_seen);
}
