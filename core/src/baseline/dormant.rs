//! What was known and was not seen for the window: it is known no longer, but its return is no news either. A monthly job
//! is told of as one that returned.

use std::cmp::Reverse;

use serde::{Deserialize, Serialize};

use super::{Baseline, Entry, FeedBaseline, novelty::DORMANT_DAYS};
use crate::{
    behaviour::{Behaviour, Origin},
    decide::{Verdict, decide},
    id::BehaviourId,
    policy::Policy,
    rules::Rule,
    time::{Day, Hour, Timestamp},
};

/// Most dormant behaviours of a baseline: 18 KiB of the object. Of more, those that were seen last are kept.
pub const MAX_DORMANT: usize = 192;

/// What is remembered of a behaviour that fell out of the window: its key says the rest, once it returns. It is remembered
/// beside the entry of what returned, too, as long as it would have been without: so what returns is no sign of novelty.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Dormant {
    /// The hour in which it was first seen.
    pub first: Hour,
    /// The last day on which it was seen.
    pub last_day: Day,
    /// Whether it was seen in exactly one hour.
    pub once: bool,
}

impl Dormant {
    /// What is left of an entry, which may have been dormant before.
    pub(super) fn of(entry: &Entry, before: Option<&Self>) -> Self {
        let first = entry.first_seen.hour();
        Self {
            first: before.map_or(first, |before| before.first.min(first)),
            last_day: Day(entry.days.newest),
            once: before.is_none() && entry.is_of_one_hour(),
        }
    }

    /// Whether it is remembered on a day, under a window of so many days.
    pub(super) fn is_remembered(&self, window_days: u8, today: Day) -> bool {
        self.is_within(window_days.saturating_add(DORMANT_DAYS), today)
    }

    /// Whether the window of so many days before a day holds it: it was made longer since, or a clock was set back.
    fn is_within(&self, days: u8, day: Day) -> bool {
        day.0.saturating_sub(self.last_day.0) <= i64::from(days)
    }
}

/// Judges a behaviour that was seen at a time, by what a feed holds of it and what it once held.
///
/// What returns after the window is raised as that, and as nothing graver: it was normal before. What lies within a window
/// that was made longer is known as if it had never been forgotten; from whom nobody vouches for, or whose origin nobody
/// knows, it neither counts nor alarms until a pod that is known shows it.
pub(crate) fn judge(
    feed: &FeedBaseline,
    id: BehaviourId,
    policy: &Policy,
    behaviour: &Behaviour,
    verified: bool,
    seen: Timestamp,
) -> Verdict {
    let maturity = policy.approvals.maturity(feed.maturity);
    let verdict = decide(feed.entries.get(&id), maturity, policy, behaviour, verified);
    let is_remembered = |dormant: &&Dormant| dormant.is_remembered(policy.window_days, seen.day());
    let dormant = feed.dormant.get(&id).filter(is_remembered);
    let dormant = dormant.filter(|_| !feed.entries.contains_key(&id));
    match (verdict, dormant) {
        (Verdict::Drift { rule }, Some(dormant)) if rule.needs_baseline() => {
            let placed = match behaviour.origin() {
                Origin::Entrypoint | Origin::Probe => true,
                Origin::Exec | Origin::Unknown => false,
            };
            match dormant.is_within(policy.window_days, seen.day()) {
                true if verified && placed => Verdict::Learned,
                true => Verdict::Unplaced,
                false => Verdict::Drift {
                    rule: Rule::ReturnedBehaviour,
                },
            }
        }
        _ => verdict,
    }
}

/// What falls out of a window at once: of however much, no more than [`MAX_DORMANT`] can be remembered, so that no more is
/// kept for it. In place: to ask for so much room between what is given back makes the allocator put all that in order.
pub(super) struct Fallen {
    newest: [Option<(BehaviourId, Dormant)>; 2 * MAX_DORMANT],
    held: usize,
    all: usize,
}

impl Default for Fallen {
    fn default() -> Self {
        Self {
            newest: [None; 2 * MAX_DORMANT],
            held: 0,
            all: 0,
        }
    }
}

impl Fallen {
    pub(super) fn add(&mut self, id: BehaviourId, dormant: Dormant) {
        self.newest[self.held] = Some((id, dormant));
        self.held += 1;
        self.all += 1;
        if self.held == self.newest.len() {
            self.drop_older();
        }
    }

    fn drop_older(&mut self) {
        if self.held > MAX_DORMANT {
            let rank =
                |held: &Option<(BehaviourId, Dormant)>| Reverse(held.map(|(id, dormant)| (dormant.last_day, id)));
            self.newest[..self.held].select_nth_unstable_by_key(MAX_DORMANT - 1, rank);
            self.held = MAX_DORMANT;
        }
    }

    /// Those that were seen last, as [`bound`] ranks them.
    pub(super) fn newest(mut self) -> impl Iterator<Item = (BehaviourId, Dormant)> {
        self.drop_older();
        self.newest.into_iter().take(self.held).flatten()
    }

    /// How many are not among them.
    pub(super) const fn forgotten(&self) -> usize {
        self.all.saturating_sub(MAX_DORMANT)
    }
}

/// Forgets the dormant behaviours beyond [`MAX_DORMANT`], those first that were seen longest ago. Returns how many.
pub(super) fn bound(baseline: &mut Baseline) -> usize {
    let all: usize = baseline.feeds().map(|(_, _, feed)| feed.dormant.len()).sum();
    if all <= MAX_DORMANT {
        return 0;
    }
    let feeds = baseline.feeds();
    let mut ranked: Vec<_> = feeds
        .flat_map(|(name, feed, held)| {
            let dormant = held.dormant.iter();
            dormant.map(move |(id, dormant)| (dormant.last_day, *id, name, feed))
        })
        .collect();
    let (_, first_kept, _) = ranked.select_nth_unstable(all - MAX_DORMANT);
    let (last_day, id, name, feed) = (first_kept.0, first_kept.1, first_kept.2.clone(), first_kept.3);
    let first_kept = (last_day, id, &name, feed);
    for (own_name, container) in &mut baseline.containers {
        for (own_feed, held) in &mut container.feeds {
            held.dormant
                .retain(|own, dormant| (dormant.last_day, *own, own_name, *own_feed) >= first_kept);
        }
    }
    all - MAX_DORMANT
}
