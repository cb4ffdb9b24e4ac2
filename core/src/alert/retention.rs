//! How long an alert is kept that is closed.

use super::{Alert, AlertInput, is_decided};
use crate::{
    baseline::Entry,
    id::{ContainerName, FindingId},
    time::{Duration, Timestamp},
};

const DAY: Duration = Duration::from_hours(24);

/// When a closed alert may go: so many days after the last of it was seen and decided about. Never while something in it is
/// open, or was decided and is not carried out yet, or while what it closed is still raised in the baseline, which would
/// open it anew.
pub(super) fn ends(
    input: &AlertInput<'_>,
    alert: &Alert,
    entry_of: impl Fn(&ContainerName, FindingId) -> Option<Entry>,
) -> Option<Timestamp> {
    let mut last = alert.last_seen;
    for finding in &alert.findings {
        let entry = entry_of(&alert.container, finding.id);
        let raised = entry.is_some_and(|entry| entry.is_quarantined() && finding.accounts_for(&entry));
        if !finding.state.is_closed() || raised || !is_decided(finding, alert.dispositions.get(&finding.id)) {
            return None;
        }
        last = last.max(finding.decided.as_ref().map_or(last, |decided| decided.at));
    }
    Some(last.plus(DAY * u32::from(input.policy.alerts.retention_days)))
}
