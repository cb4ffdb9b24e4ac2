//! What a batch says beside behaviours: the hours in which containers were observed, and what was lost.

use std::collections::{BTreeMap, BTreeSet};

use super::super::{Baseline, Batch, ContainerReport, Losses, cap, maturity::maturity};
use crate::{behaviour::Feed, id::ContainerName, policy::Policy, time::Timestamp};

/// Whether a batch brings anything that is counted, and could be counted twice.
pub(super) fn counts(batch: &Batch, policy: &Policy) -> bool {
    let watched = |feed: Feed| policy.watches(feed);
    let behaves = |report: &ContainerReport| report.behaviours.iter().any(|seen| watched(seen.behaviour.feed()));
    let lost = |losses: &Losses| Feed::ALL.into_iter().any(|feed| watched(feed) && loses(losses, feed));
    batch
        .containers
        .iter()
        .any(|report| behaves(report) || lost(&report.losses))
        || (!batch.containers.is_empty() && lost(&batch.losses))
}

/// Whether anything of a feed was lost.
fn loses(losses: &Losses, feed: Feed) -> bool {
    let mut reasons = losses.get(&feed).into_iter().flat_map(BTreeMap::values);
    reasons.any(|count| *count > 0)
}

/// Begins, ages and counts the hours of the feeds that were watched, and of those that something is reported of.
/// Returns whether anything differs.
pub(super) fn observe_feeds(
    baseline: &mut Baseline,
    batch: &Batch,
    report: &ContainerReport,
    policy: &Policy,
    now: Timestamp,
) -> bool {
    let mut changed = false;
    let reported: BTreeSet<Feed> = report.behaviours.iter().map(|seen| seen.behaviour.feed()).collect();
    // That a pod is watched that nobody knows is no beginning.
    let watched = batch.watched.iter().filter(|_| report.pod.verified);
    let feeds: BTreeSet<Feed> = watched.chain(&reported).copied().collect();
    for feed in feeds.iter().filter(|feed| policy.watches(**feed)) {
        changed |= !baseline.has_feed(&report.container, *feed);
        let held = baseline.feed_mut(&report.container, *feed, now);
        if report.pod.verified {
            changed |= held.begin_anew(now);
        }
        let reached = maturity(held, policy, now);
        changed |= reached != held.maturity;
        held.maturity = reached;
        held.hours.recent.return_to(now.hour());
        held.lossy.return_to(now.hour());
        // A pod that nobody knows proves nothing about the workload.
        if !report.pod.verified {
            continue;
        }
        if batch.watched.contains(feed) {
            for hour in &report.hours {
                changed |= held.hours.observe((*hour).min(now.hour()));
            }
        }
        if loses(&batch.losses, *feed) || loses(&report.losses, *feed) {
            // In which of them it was lost is not told.
            let hours = report.hours.iter().copied();
            let unknown = report.hours.is_empty().then_some(now.hour());
            for hour in hours.chain(unknown) {
                held.lossy.insert(hour.min(now.hour()));
            }
        }
    }
    changed
}

/// Adds what the sensor lost: what may be anybody's to every container that the batch names, once, and what is one
/// container's to that one alone.
pub(super) fn add_losses(baseline: &mut Baseline, batch: &Batch, policy: &Policy, now: Timestamp) -> bool {
    let named: BTreeSet<&ContainerName> = batch.containers.iter().map(|report| &report.container).collect();
    let of_all = named.into_iter().map(|name| (name, &batch.losses));
    let own = batch
        .containers
        .iter()
        .map(|report| (&report.container, &report.losses));
    let mut changed = false;
    for (name, losses) in of_all.chain(own) {
        let Some(container) = baseline.containers.get_mut(name) else {
            continue;
        };
        for (feed, reasons) in losses.iter().filter(|(feed, _)| policy.watches(**feed)) {
            let Some(feed) = container.feeds.get_mut(feed) else {
                continue;
            };
            for (reason, count) in reasons.iter().filter(|(_, count)| **count > 0) {
                cap::add_loss(&mut feed.losses, reason, *count, now);
                changed = true;
            }
        }
    }
    changed
}
