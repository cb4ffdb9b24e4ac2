//! Where a behaviour finds its place in a baseline, and what becomes of it where there is none.

use super::{
    super::{BehaviourReport, Entry, EntryState, FeedBaseline, cap, cap::Used},
    MergeOutcome, Quarantine,
    report::Context,
    step::{Room, begin_to_teach, confirm, find_room, graver, grow, raise},
};
use crate::{decide::Verdict, rules, score::Strangeness};

/// A behaviour that is to be placed.
pub(super) struct Placing<'a> {
    pub context: &'a Context<'a>,
    pub feed: &'a mut FeedBaseline,
    pub seen: &'a BehaviourReport,
    pub used: &'a mut Used,
    pub outcome: &'a mut MergeOutcome,
}

impl Placing<'_> {
    /// Judges the behaviour and brings its entry up to date. Where what is to be learned finds no room, nothing is done.
    pub fn place(mut self, strangeness: Option<&Strangeness>) -> Room {
        self.outcome.changed = true;
        let id = self.seen.behaviour.id();
        let verdict = self.context.judge(self.feed, id, self.seen);
        if verdict == Verdict::Unplaced {
            return Room::Found;
        }
        let held = self.feed.entries.remove(&id);
        let before = held.as_ref().map(|entry| entry.state);
        if let Some(held) = &held {
            self.used.remove(held);
        }
        let entry = held.unwrap_or_else(|| Entry {
            strangeness: strangeness.cloned().map(Box::new),
            ..self.context.begin(self.seen)
        });
        if before.is_none() && self.is_approved_beyond_room(verdict, &entry) {
            return Room::Found;
        }
        let room = find_room(self.used, &entry, before, verdict, self.is_verified());
        match (room, before) {
            (Room::Found, _) => self.settle(entry, before, verdict),
            (Room::None, Some(held)) => self.keep(entry, graver(held, verdict)),
            (Room::None, None) => return self.turn_away(verdict),
        }
        Room::Found
    }

    /// What is approved is judged without the baseline: that it finds no room is no loss.
    fn is_approved_beyond_room(&self, verdict: Verdict, entry: &Entry) -> bool {
        verdict == Verdict::Learned
            && rules::is_approved(&self.seen.behaviour, self.context.policy)
            && !cap::has_room_for_approved(self.used, entry)
    }

    /// Makes of an entry what the verdict says.
    fn settle(&mut self, mut entry: Entry, before: Option<EntryState>, verdict: Verdict) {
        let container = &self.context.report.container;
        let id = self.seen.behaviour.id();
        match verdict {
            Verdict::Known | Verdict::Unplaced => {
                confirm(&mut entry, self.is_verified(), self.context.times(self.seen).0);
            }
            Verdict::Learned => {
                begin_to_teach(&mut entry);
                self.outcome.new_learned.push((container.clone(), id));
            }
            Verdict::Drift { rule } => {
                let maturity = self.context.policy.approvals.maturity(self.feed.maturity);
                raise(&mut entry, before, rule, maturity);
                if before != Some(entry.state) {
                    let container = container.clone();
                    self.outcome.new_quarantined.push(Quarantine { container, id, rule });
                }
            }
        }
        self.context.add(&mut entry, self.seen);
        if !self.grow(&mut entry) {
            self.overflow();
        }
        self.hold(entry);
    }

    /// Leaves an entry where the unverified are: never learned, and never explained by a rollout.
    fn keep(&mut self, mut entry: Entry, state: EntryState) {
        self.overflow();
        self.context.add(&mut entry, self.seen);
        entry.unverified = true;
        entry.state = state;
        self.grow(&mut entry);
        self.hold(entry);
    }

    /// What is new and finds no room: that it drifts is counted, and may be told as a whole.
    fn turn_away(&mut self, verdict: Verdict) -> Room {
        match verdict {
            Verdict::Known | Verdict::Learned | Verdict::Unplaced => return Room::None,
            Verdict::Drift { .. } => {}
        }
        self.overflow();
        if self.is_verified() {
            let (first_seen, last_seen) = self.context.times(self.seen);
            let sighting = self.context.sighting(first_seen);
            let pod = self.context.report.pod.uid.clone();
            self.feed.leave_out(self.seen.count, last_seen, pod, sighting);
        }
        self.outcome.overflowed += 1;
        Room::Found
    }

    const fn overflow(&mut self) {
        self.feed.overflowed = self.feed.overflowed.saturating_add(1);
    }

    fn grow(&self, entry: &mut Entry) -> bool {
        grow(entry, self.seen, self.is_verified(), self.used)
    }

    fn hold(&mut self, entry: Entry) {
        self.used.add(&entry);
        self.feed.entries.insert(self.seen.behaviour.id(), entry);
    }

    const fn is_verified(&self) -> bool {
        self.context.report.pod.verified
    }
}
