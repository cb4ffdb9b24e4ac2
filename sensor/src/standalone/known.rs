//! What is known of a workload: what it does, and what was told of it.

use anchorwatch_core::alert::Alert;
use anchorwatch_core::baseline::{Baseline, Entry};
use anchorwatch_core::behaviour::Behaviour;
use anchorwatch_core::id::ContainerName;
use anchorwatch_core::policy::Policy;
use anchorwatch_core::rules::Rule;
use anchorwatch_core::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What is known of a workload, as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    pub baseline: Baseline,
    pub alerts: Vec<Alert>,
}

impl Known {
    /// What is known of a behaviour.
    pub(super) fn entry(&self, container: &ContainerName, behaviour: &Behaviour, policy: &Policy) -> Option<&Entry> {
        let held = self.baseline.containers.get(container)?;
        held.feeds.get(&behaviour.feed())?.known(container, behaviour, policy)
    }

    /// When anything of it was seen last.
    pub(super) fn last_seen(&self) -> Option<Timestamp> {
        self.baseline.entries().map(|(_, _, entry)| entry.last_seen).max()
    }

    /// Forgets alerts that nothing was seen of since a moment and nothing is quarantined for any more: they can't come
    /// about again. Whether there were any.
    pub(super) fn forget_alerts(&mut self, since: Timestamp) -> bool {
        let before = self.alerts.len();
        let baseline = &self.baseline;
        let is_held = |alert: &Alert| {
            let mut findings = alert.findings.iter();
            findings.any(|finding| match finding.rule {
                // No entry of its own: it follows from those of an hour.
                Rule::DestinationSpike | Rule::NoveltyOverflow | Rule::AlertOverflow | Rule::DigestMismatch => {
                    baseline.quarantined() > 0
                }
                _ => baseline
                    .entries()
                    .any(|(_, id, entry)| id == finding.id && entry.is_quarantined()),
            })
        };
        self.alerts.retain(|alert| alert.last_seen >= since || is_held(alert));
        self.alerts.len() != before
    }
}
