//! Merging a batch into a baseline: exactly once, and in any order with the same result.
//!
//! For batches that carry the same verdicts (the same policy, maturity and knowledge of pods), and below the caps,
//! merging is commutative and associative, and idempotent by the batch's id. Where a feed matures between two batches,
//! a behaviour that both bring is learned if the earlier merged one came while learning lasted: then the order decides
//! its state, and nothing else. The known behaviours, counts, days and pods are the same in any order, except for what
//! is of unknown origin: that does not count before learning is over; nor does what is shown within the bounds of something
//! while it is raised beyond them.

mod observe;
mod step;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::{
    Baseline, Batch, BehaviourReport, ContainerReport, Entry, EntryState, FeedBaseline, Lesson, Marks, Maturity,
    Scoring, Sighting,
    bounds::{self, Occasion},
    candidate,
    cap::{self, MAX_CONTAINERS, Used},
    derive::{self, Derived, Whose},
    dormant::judge,
    entry::bounded_lineage,
    replaced::replaced,
    revisions, sighting, start, widen,
};
use crate::{
    behaviour::{Attributes, Feed, Origin},
    decide::Verdict,
    id::{BehaviourId, ContainerName, PodUid},
    policy::Policy,
    rules::{self, Rule},
    score::Strangeness,
    seen::Seen,
    time::Timestamp,
};
use observe::{add_losses, counts, observe_feeds};
use step::{Room, begin_to_teach, confirm, find_room, graver, grow, raise};

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

/// What a behaviour is merged with.
struct Context<'a> {
    batch: &'a Batch,
    report: &'a ContainerReport,
    policy: &'a Policy,
    now: Timestamp,
    /// How many verified pods of the batch show it, or what it is derived of.
    teachers: usize,
}

impl Context<'_> {
    /// Merges a report, and what is derived of it.
    fn merge_report(
        &self,
        baseline: &mut Baseline,
        seen: &BehaviourReport,
        scoring: &mut Scoring,
        used: &mut Used,
        outcome: &mut MergeOutcome,
    ) {
        let (name, feed) = (&self.report.container, seen.behaviour.feed());
        let held = baseline.feed_mut(name, feed, self.now);
        let stands_in = widen::stand_in(held, name, seen, self.policy, Some(&self.batch.id.node));
        let whose = Whose {
            container: name,
            pod: &self.report.pod.uid,
        };
        let split = derive::split(&stands_in, whose, held, self.policy, scoring);
        let of = stands_in.behaviour.id();
        let (_, at) = self.times(seen);
        let held = baseline.feed_mut(name, feed, self.now);
        for line in split.derived.iter().filter_map(Derived::command) {
            held.drop_candidate(of, line);
        }
        if self.teaches_candidates(seen) {
            held.note_candidates(of, split.usual, &self.report.pod.uid, at);
        }
        let derived = split
            .derived
            .iter()
            .map(|derived| (&derived.report, derived.strangeness.as_ref()));
        for (report, strangeness) in std::iter::once((&*split.base, None)).chain(derived) {
            let mut report = Cow::Borrowed(report);
            loop {
                let held = baseline.feed_mut(name, feed, self.now);
                match self.merge_behaviour(held, &report, strangeness, used, outcome) {
                    Room::Found => break,
                    Room::None if widen::yield_room(baseline, feed, self.policy, used) => {}
                    Room::None => {
                        let held = baseline.feed_mut(name, feed, self.now);
                        held.overflowed = held.overflowed.saturating_add(1);
                        outcome.overflowed += 1;
                        break;
                    }
                }
                // What was joined just now may stand for it.
                let held = baseline.feed_mut(name, feed, self.now);
                if let Cow::Owned(stands_in) =
                    widen::stand_in(held, name, &report, self.policy, Some(&self.batch.id.node))
                {
                    report = Cow::Owned(stands_in);
                }
            }
        }
    }

    /// Whether a command line that is judged usual may be learned by and by: as whatever teaches, it is the workload's own,
    /// of a pod that is known, and was seen to happen.
    fn teaches_candidates(&self, seen: &BehaviourReport) -> bool {
        let own = match seen.behaviour.origin() {
            Origin::Entrypoint | Origin::Probe => true,
            Origin::Exec | Origin::Unknown => false,
        };
        own && self.report.pod.verified && !seen.snapshot && self.policy.approvals.frozen.is_none()
    }

    /// Merges one behaviour. Where what is to be learned finds no room, nothing is done.
    fn merge_behaviour(
        &self,
        feed: &mut FeedBaseline,
        seen: &BehaviourReport,
        strangeness: Option<&Strangeness>,
        used: &mut Used,
        outcome: &mut MergeOutcome,
    ) -> Room {
        outcome.changed = true;
        let id = seen.behaviour.id();
        let verified = self.report.pod.verified;
        let verdict = self.judge(feed, id, seen);
        if verdict == Verdict::Unplaced {
            return Room::Found;
        }
        let held = feed.entries.remove(&id);
        let before = held.as_ref().map(|entry| entry.state);
        if let Some(held) = &held {
            used.remove(held);
        }
        let mut entry = held.unwrap_or_else(|| Entry {
            strangeness: strangeness.cloned(),
            ..self.begin(seen)
        });
        // What is approved is judged without the baseline: that it finds no room is no loss.
        if before.is_none()
            && verdict == Verdict::Learned
            && rules::is_approved(&seen.behaviour, self.policy)
            && !cap::has_room_for_approved(used, &entry)
        {
            return Room::Found;
        }
        let verdict = match (find_room(used, &entry, before, verdict, verified), before) {
            (Room::Found, _) => verdict,
            (Room::None, None) => match verdict {
                Verdict::Known | Verdict::Learned | Verdict::Unplaced => return Room::None,
                Verdict::Drift { .. } => {
                    feed.overflowed = feed.overflowed.saturating_add(1);
                    if verified {
                        let (first_seen, last_seen) = self.times(seen);
                        let sighting = self.sighting(first_seen);
                        feed.leave_out(seen.count, last_seen, self.report.pod.uid.clone(), sighting);
                    }
                    outcome.overflowed += 1;
                    return Room::Found;
                }
            },
            // It stays where the unverified are: never learned, and never explained by a rollout.
            (Room::None, Some(held)) => {
                feed.overflowed = feed.overflowed.saturating_add(1);
                self.add(&mut entry, seen);
                entry.unverified = true;
                entry.state = graver(held, verdict);
                grow(&mut entry, seen, verified, used);
                used.add(&entry);
                feed.entries.insert(id, entry);
                return Room::Found;
            }
        };
        match verdict {
            Verdict::Known | Verdict::Unplaced => confirm(&mut entry, verified, self.times(seen).0),
            Verdict::Learned => {
                begin_to_teach(&mut entry);
                outcome.new_learned.push((self.report.container.clone(), id));
            }
            Verdict::Drift { rule } => {
                let maturity = self.policy.approvals.maturity(feed.maturity);
                raise(&mut entry, before, rule, maturity);
                if before != Some(entry.state) {
                    let container = self.report.container.clone();
                    outcome.new_quarantined.push(Quarantine { container, id, rule });
                }
            }
        }
        self.add(&mut entry, seen);
        if !grow(&mut entry, seen, verified, used) {
            feed.overflowed = feed.overflowed.saturating_add(1);
        }
        used.add(&entry);
        feed.entries.insert(id, entry);
        Room::Found
    }

    /// The verdict on a behaviour, with what people said of it.
    fn judge(&self, feed: &FeedBaseline, id: BehaviourId, seen: &BehaviourReport) -> Verdict {
        let verified = self.report.pod.verified;
        let (_, last_seen) = self.times(seen);
        let approvals = &self.policy.approvals;
        let verdict = judge(feed, id, self.policy, &seen.behaviour, verified, last_seen);
        let verdict = match approvals.maturity(feed.maturity) {
            // What is approved is known whoever does it, and whenever.
            Maturity::Provisional | Maturity::Enforcing
                if verified && !rules::is_approved(&seen.behaviour, self.policy) =>
            {
                let occasion = Occasion {
                    node: &self.batch.id.node,
                    seen,
                    at: last_seen,
                };
                bounds::within(feed.entries.get(&id), verdict, occasion)
            }
            Maturity::Learning | Maturity::Provisional | Maturity::Enforcing => verdict,
        };
        approvals.review(approvals.standing(&self.report.container, &seen.behaviour), verdict)
    }

    /// When a reported behaviour was first and last seen: not after now, and in whole seconds, which is what the object
    /// keeps, so that deciding before and after it was written is the same.
    fn times(&self, seen: &BehaviourReport) -> (Timestamp, Timestamp) {
        let first_seen = seen.first_seen.min(self.now).whole_second();
        (first_seen, seen.last_seen.min(self.now).whole_second().max(first_seen))
    }

    /// An entry of which nothing is counted yet.
    fn begin(&self, seen: &BehaviourReport) -> Entry {
        let (first_seen, _) = self.times(seen);
        Entry {
            behaviour: seen.behaviour.clone(),
            attributes: Attributes::default(),
            state: EntryState::Learned,
            lineage: bounded_lineage(&seen.lineage),
            count: 0,
            first_seen,
            last_seen: first_seen,
            days: Marks::NONE,
            pods: 0,
            shown_by: BTreeMap::new(),
            unverified: true,
            snapshot: true,
            provisional: false,
            lesson: Lesson::default(),
            strangeness: None,
            generalised: false,
        }
    }

    /// The pod that shows it.
    fn sighting(&self, first_seen: Timestamp) -> Sighting {
        let pod = &self.report.pod;
        Sighting {
            pod: pod.name.clone(),
            node: self.batch.id.node.clone(),
            digest: pod.digest.clone().into(),
            template_hash: pod.template_hash.clone().into(),
            first_seen,
        }
    }

    /// Adds a report to its entry.
    fn add(&self, entry: &mut Entry, seen: &BehaviourReport) {
        let pod = &self.report.pod;
        let (first_seen, last_seen) = self.times(seen);
        // Of variants with one key, and of lineages, the choice must not depend on who came first.
        if seen.behaviour < entry.behaviour {
            entry.behaviour = seen.behaviour.clone();
        }
        let lineage = bounded_lineage(&seen.lineage);
        if (first_seen, &lineage) < (entry.first_seen, &entry.lineage) {
            entry.lineage = lineage;
        }
        entry.first_seen = entry.first_seen.min(first_seen);
        // What is only found again was last seen when it happened, whichever is told first.
        entry.last_seen = match (entry.snapshot, seen.snapshot) {
            (true, false) => last_seen,
            (false, true) => entry.last_seen,
            (true, true) | (false, false) => entry.last_seen.max(last_seen),
        };
        entry.count = entry.count.saturating_add(seen.count.max(1));
        if pod.verified {
            let node = if self.batch.runs_elsewhere {
                Seen::One(self.batch.id.node.clone())
            } else {
                Seen::Several
            };
            entry.widen_bounds(seen, node);
            entry.lesson.revisions.extend(pod.template_hash.clone());
        }
        entry.unverified &= !pod.verified;
        entry.snapshot &= seen.snapshot;
        let quarantined = entry.is_quarantined();
        // A pod that nobody knows must not keep alive what others taught.
        if pod.verified || quarantined {
            entry.days.mark(first_seen.day().0);
            entry.days.mark(last_seen.day().0);
        }
        if quarantined {
            let sighting = self.sighting(first_seen);
            match entry.shown_by.get_mut(&pod.uid) {
                Some(held) => held.join(sighting),
                None => {
                    entry.shown_by.insert(pod.uid.clone(), sighting);
                }
            }
        }
        let pods = self.teachers.max(entry.shown_by.len());
        entry.pods = entry.pods.max(u32::try_from(pods).unwrap_or(u32::MAX));
    }
}
