//! How long an alert is kept that is closed.

use super::{Alert, AlertInput, is_decided};
use crate::{
    baseline::Entry,
    id::{ContainerName, FindingId},
    policy::AlertsPolicy,
    time::{Duration, Timestamp},
};

const DAY: Duration = Duration::from_hours(24);

/// When a closed alert may go: so many days after the last of it was seen and decided about. Never while something in it is
/// open, or was decided and is not carried out yet, or can't be read, or while what it closed is still raised in the baseline,
/// which would open it anew.
pub(super) fn ends(
    input: &AlertInput<'_>,
    alert: &Alert,
    entry_of: impl Fn(&ContainerName, FindingId) -> Option<Entry>,
) -> Option<Timestamp> {
    if alert.partial || !alert.state.is_closed() {
        return None;
    }
    let is_over = alert.findings.iter().all(|finding| {
        let entry = entry_of(&alert.container, finding.id);
        let raised = entry.is_some_and(|entry| entry.is_quarantined() && finding.accounts_for(&entry));
        finding.state.is_closed() && !raised && is_decided(finding, alert.dispositions.get(&finding.id))
    });
    is_over.then(|| after_last(alert, input.policy.alerts))
}

/// So many days after the last of an alert was seen and decided about.
pub(super) fn after_last(alert: &Alert, policy: AlertsPolicy) -> Timestamp {
    let decided = alert.findings.iter().filter_map(|finding| finding.decided.as_ref());
    let last = decided.map(|decided| decided.at).fold(alert.last_seen, Timestamp::max);
    last.plus(DAY * u32::from(policy.retention_days))
}
