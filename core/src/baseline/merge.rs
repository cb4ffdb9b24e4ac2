//! Merging a batch into a baseline: exactly once, and in any order with the same result.
//!
//! For batches that carry the same verdicts (the same policy, maturity and knowledge of pods), and below the caps,
//! merging is commutative and associative, and idempotent by the batch's id. Where a feed matures between two batches,
//! a behaviour that both bring is learned if the earlier merged one came while learning lasted: then the order decides
//! its state, and nothing else. The known behaviours, counts, days and pods are the same in any order, except for what
//! is of unknown origin: that does not count before learning is over; nor does what is shown within the bounds of something
//! while it is raised beyond them. Of command lines that are unusual only together with others of the last hour, the one that
//! came last is raised; and how improbable one must be follows from what ran until two days before, as far as that was merged.

mod count;
mod observe;
mod place;
mod report;
mod step;

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Baseline, Batch, Scoring, candidate,
    cap::{MAX_CONTAINERS, Used},
    replaced::replaced,
    revisions, sighting, start, widen,
};
use crate::{
    behaviour::Feed,
    id::{BehaviourId, ContainerName, PodUid},
    policy::Policy,
    rules::Rule,
    time::Timestamp,
};
use observe::{add_losses, counts, observe_feeds};
use report::Context;

/// A behaviour that was quarantined.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Quarantine {
    /// The container that showed it.
    pub container: ContainerName,
    /// The behaviour.
    pub id: BehaviourId,
    /// The rule that raised it.
    pub rule: Rule,
}

/// What merging a batch did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct MergeOutcome {
    /// Whether anything differs: the baseline has to be written.
    pub changed: bool,
    /// Whether the batch had been merged before: nothing differs then.
    pub already_merged: bool,
    /// Behaviours that are learned and were not before.
    pub new_learned: Vec<(ContainerName, BehaviourId)>,
    /// Behaviours that are quarantined and were not before, or are so for a graver rule.
    pub new_quarantined: Vec<Quarantine>,
    /// Reports of behaviours that found no room.
    pub overflowed: u64,
}

/// Merges a batch, with nothing at hand that commands were judged by before: see [`merge_scored`].
pub fn merge(baseline: &mut Baseline, batch: &Batch, policy: &Policy, now: Timestamp) -> MergeOutcome {
    merge_scored(baseline, batch, policy, &mut Scoring::default(), now)
}

/// Merges a batch. `scoring` is the workload's own, kept from merge to merge. Times after `now` are taken as `now`, so that
/// a node whose clock is ahead can't make an entry last.
pub fn merge_scored(
    baseline: &mut Baseline,
    batch: &Batch,
    policy: &Policy,
    scoring: &mut Scoring,
    now: Timestamp,
) -> MergeOutcome {
    if baseline.merged.contains(&batch.id) {
        return MergeOutcome {
            already_merged: true,
            ..MergeOutcome::default()
        };
    }
    let mut outcome = MergeOutcome::default();
    if Feed::ALL.iter().all(|feed| !policy.watches(*feed)) {
        return outcome;
    }
    baseline.begin_window(policy);
    let teachers = teachers(batch);
    let mut used = Used::by(baseline);
    for report in &batch.containers {
        let known = baseline.containers.contains_key(&report.container);
        if !known && baseline.containers.len() >= MAX_CONTAINERS {
            let lost = report.behaviours.len() as u64;
            outcome.overflowed += lost;
            outcome.changed |= lost > 0;
            baseline.overflowed = baseline.overflowed.saturating_add(lost);
            continue;
        }
        let before = feeds_of(baseline, &report.container);
        outcome.changed |= observe_feeds(baseline, batch, report, policy, now);
        if let Some(container) = baseline.containers.get_mut(&report.container) {
            container.started = container.started.max(start::seen(report, now));
        }
        for seen in &report.behaviours {
            if !policy.watches(seen.behaviour.feed()) {
                continue;
            }
            let teaching = teachers.get(&(&report.container, seen.behaviour.id()));
            let context = Context {
                batch,
                report,
                policy,
                now,
                teachers: teaching.map_or(0, BTreeSet::len),
            };
            context.merge_report(baseline, seen, scoring, &mut used, &mut outcome);
        }
        if !report.pod.verified {
            drop_empty(baseline, &report.container, &before);
        }
        for raised in replaced(baseline, &report.container, &mut used) {
            outcome.changed = true;
            let is_same = |held: &Quarantine| held.id == raised.id && held.container == raised.container;
            outcome.new_quarantined.retain(|held| !is_same(held));
            outcome.new_quarantined.push(raised);
        }
    }
    if !outcome.new_learned.is_empty() {
        widen::settle(baseline, policy, &mut used);
    }
    outcome.changed |= add_losses(baseline, batch, policy, now);
    // Only what is counted could be counted twice: marking hours again changes nothing.
    if counts(batch, policy) {
        outcome.changed = true;
        baseline.merged.insert(batch.id.clone());
    }
    bound_sightings(baseline);
    candidate::bound(baseline);
    outcome.changed |= revisions::watch(baseline, batch, now);
    outcome
}

/// The feeds that a container has.
fn feeds_of(baseline: &Baseline, container: &ContainerName) -> BTreeSet<Feed> {
    let held = baseline.containers.get(container).into_iter();
    held.flat_map(|held| held.feeds.keys().copied()).collect()
}

/// Drops the feeds beside some of which nothing is known: a pod that nobody knows begins none by what leaves nothing.
fn drop_empty(baseline: &mut Baseline, container: &ContainerName, beside: &BTreeSet<Feed>) {
    if let Some(held) = baseline.containers.get_mut(container) {
        held.feeds
            .retain(|feed, held| beside.contains(feed) || !held.entries.is_empty() || held.overflowed > 0);
    }
}

/// The verified pods of the batch that show each behaviour.
fn teachers(batch: &Batch) -> BTreeMap<(&ContainerName, BehaviourId), BTreeSet<&PodUid>> {
    let mut teachers: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for report in batch.containers.iter().filter(|report| report.pod.verified) {
        for seen in &report.behaviours {
            let key = (&report.container, seen.behaviour.id());
            teachers.entry(key).or_default().insert(&report.pod.uid);
        }
    }
    teachers
}

/// Keeps no more pods of each quarantined entry than all of them together leave room for.
fn bound_sightings(baseline: &mut Baseline) {
    let limit = sighting::limit(baseline.quarantined());
    let feeds = baseline
        .containers
        .values_mut()
        .flat_map(|container| container.feeds.values_mut());
    for entry in feeds.flat_map(|feed| feed.entries.values_mut()) {
        if entry.shown_by.len() > limit {
            entry.shown_by = sighting::sample(&entry.shown_by, limit);
        }
    }
}
