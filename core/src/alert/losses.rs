//! What the sensors lost while an alert's findings were seen.

use std::collections::BTreeMap;

use super::Alert;
use crate::{
    baseline::{Baseline, FeedBaseline},
    time::Duration,
};

/// How long before an alert's first finding a loss may still have hidden what led to it.
const LED_TO: Duration = Duration::from_hours(1);

/// Copies into an alert that changed what the sensors lost of its container from a while before its first finding on;
/// what was lost at an unknown time is among it. An alert that stays as it is keeps what it says: losses alone are no
/// reason to write every alert of a workload again.
pub(super) fn copy_losses(alert: &mut Alert, baseline: &Baseline, before: Option<&Alert>) {
    if before.is_some_and(|before| before == alert) {
        return;
    }
    let Some(container) = baseline.containers.get(&alert.container) else {
        return;
    };
    let from = alert.first_seen.minus(LED_TO);
    let counts = |feed: &FeedBaseline| -> BTreeMap<String, u64> {
        let concerned = feed
            .losses
            .iter()
            .filter(|(_, lost)| lost.last.is_none_or(|last| last >= from));
        concerned.map(|(why, lost)| (why.clone(), lost.count)).collect()
    };
    let lost = container.feeds.iter().map(|(feed, held)| (*feed, counts(held)));
    alert.evidence = lost.filter(|(_, reasons)| !reasons.is_empty()).collect();
}
