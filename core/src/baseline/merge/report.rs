//! Merging one report of a behaviour: what else it says is told apart first, then each is judged and placed.

use std::borrow::Cow;

use super::{
    super::{
        Baseline, Batch, BehaviourReport, ContainerReport, FeedBaseline, Maturity, Scoring,
        bounds::{self, Occasion},
        cap::Used,
        derive::{self, Derived, Whose},
        dormant::judge,
        widen,
    },
    MergeOutcome,
    place::Placing,
    step::Room,
};
use crate::{behaviour::Origin, decide::Verdict, id::BehaviourId, policy::Policy, rules, time::Timestamp};

/// What a behaviour is merged with.
pub(super) struct Context<'a> {
    pub batch: &'a Batch,
    pub report: &'a ContainerReport,
    pub policy: &'a Policy,
    pub now: Timestamp,
    /// How many verified pods of the batch show it, or what it is derived of.
    pub teachers: usize,
}

impl Context<'_> {
    /// Merges a report, and what is derived of it.
    pub fn merge_report(
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
            at: self.times(seen).0,
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
                let placing = Placing {
                    context: self,
                    feed: held,
                    seen: &report,
                    used,
                    outcome,
                };
                match placing.place(strangeness) {
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
        let held = baseline.feed_mut(name, feed, self.now);
        let is_known = held
            .entries
            .get(&of)
            .is_some_and(|entry| !entry.is_quarantined() || entry.is_bounded());
        if is_known && self.is_own(seen) {
            held.sample_commands(of, &seen.attributes.commands, at.day(), self.policy);
        }
    }

    /// Whether a command line that is judged usual may be learned by and by: as whatever teaches, it is the workload's own,
    /// of a pod that is known, and was seen to happen.
    fn teaches_candidates(&self, seen: &BehaviourReport) -> bool {
        self.is_own(seen) && self.policy.approvals.frozen.is_none()
    }

    /// Whether a report is of the workload's own doings, by a pod that is known, and was seen to happen.
    fn is_own(&self, seen: &BehaviourReport) -> bool {
        let own = match seen.behaviour.origin() {
            Origin::Entrypoint | Origin::Probe => true,
            Origin::Exec | Origin::Unknown => false,
        };
        own && self.report.pod.verified && !seen.snapshot
    }

    /// The verdict on a behaviour, with what people said of it.
    pub(super) fn judge(&self, feed: &FeedBaseline, id: BehaviourId, seen: &BehaviourReport) -> Verdict {
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
    pub(super) fn times(&self, seen: &BehaviourReport) -> (Timestamp, Timestamp) {
        let first_seen = seen.first_seen.min(self.now).whole_second();
        (first_seen, seen.last_seen.min(self.now).whole_second().max(first_seen))
    }
}
