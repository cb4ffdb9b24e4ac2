//! Reports of sensors.

use std::collections::BTreeSet;

use anchorwatch_convert::{attributes_from_crd, behaviour_from_crd, feed_from_crd, from_micro_time, unsigned};
use anchorwatch_core::{
    baseline::{BehaviourReport, Losses},
    time::Hour,
};
use anchorwatch_crds::v1alpha1::{Loss, ReportedBehavior};

/// What a container did. What is of a feed that this version does not know is left out.
pub fn behaviours_from_crd(behaviors: Vec<ReportedBehavior>) -> Vec<BehaviourReport> {
    let reports = behaviors.into_iter().filter_map(|reported| {
        Some(BehaviourReport {
            behaviour: behaviour_from_crd(reported.behavior)?,
            attributes: attributes_from_crd(reported.attributes),
            lineage: reported.lineage,
            count: unsigned(reported.count),
            first_seen: from_micro_time(&reported.first_seen),
            last_seen: from_micro_time(&reported.last_seen),
            snapshot: reported.snapshot,
            startup: reported.startup,
        })
    });
    reports.collect()
}

/// Hours in which a container was observed.
pub fn hours_from_crd(hours: &[i64]) -> BTreeSet<Hour> {
    hours.iter().copied().map(Hour).collect()
}

/// What a sensor lost, by feed and by a reason out of a bounded set.
pub fn losses_from_crd(losses: &[Loss], reason: impl Fn(&str) -> &'static str) -> Losses {
    let mut sums = Losses::new();
    for loss in losses {
        let feed = sums.entry(feed_from_crd(loss.feed)).or_default();
        let sum = feed.entry(reason(&loss.reason).to_owned()).or_default();
        *sum = sum.saturating_add(unsigned(loss.count));
    }
    sums
}
