//! How much a workload still does that it never did before: what a baseline knows of what it does not know.

mod bound;

use super::{Entry, FeedBaseline, Past, hours::HISTORY_HOURS};
use crate::{
    behaviour::Origin,
    policy::Policy,
    rules::{self, Rule},
    time::{Hour, Timestamp},
};
use bound::upper_bound;

/// Days that a behaviour is remembered after it fell out of the window.
pub const DORMANT_DAYS: u8 = 35;

/// Hours of a week.
const WEEK: u32 = 168;
/// New behaviours of so many hours are counted by themselves: a change that has just begun shows in them first.
const HALF_WEEK: u32 = WEEK / 2;
/// Hours after which they are: a week to tell what is new by, and those themselves. Before, all is new.
const RECENT_AFTER: u32 = WEEK + HALF_WEEK;
/// Hours at the beginning that count for nothing: what starts a container is done once, and is no sign of what comes. An
/// estimate of a rate is none the worse for leaving out some of the time together with what happened in it.
const SETTLING: i64 = 2;
/// Fewest hours, those at the beginning left out, after which anything is said.
const MEASURABLE: u32 = 24;
/// How long before a moment something must have begun to count for it: what goes on now must not excuse itself.
const EXCUSE: i64 = 24;

/// How many behaviours of a feed are expected to be new in a week.
///
/// After Good and Turing (I. J. Good, "The population frequencies of species and the estimation of population parameters",
/// Biometrika 40, 1953): what comes next for the first time is about as frequent as what came exactly once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Novelty {
    /// Expected in a week: 0 or more.
    pub per_week: f64,
    /// In nine weeks of ten no more than this.
    pub at_most: u32,
    /// Hours, from the first that counts to the last, that it was measured over: at least 24, at most 1006.
    pub hours: u32,
}

impl Novelty {
    /// Whether novelty is so rare here that it weighs more: less than one a week, over a week at least.
    pub fn is_quiet(&self) -> bool {
        self.per_week < 1.0 && self.hours >= WEEK
    }

    /// Whether novelty is so common here that it weighs less: more than seven a week.
    pub fn is_restless(&self) -> bool {
        self.per_week > 7.0
    }
}

/// When a behaviour was first seen, and whether in exactly one wall-clock hour.
#[derive(Clone, Copy, Debug)]
struct Sight {
    first: Hour,
    once: bool,
}

impl FeedBaseline {
    /// How many new behaviours are expected in a week; `None` while too little was observed to tell. It follows from what
    /// the baseline holds and the policy alone: asked again later, the same baseline says the same.
    pub fn novelty(&self, policy: &Policy) -> Option<Novelty> {
        self.novelty_until(policy, self.hours.recent.newest()?)
    }

    /// The same as it was a day before `time`: what is raised at that time, and what led to it, is not among it. So nobody
    /// makes a workload restless by what he is about to be raised for.
    pub fn novelty_before(&self, policy: &Policy, time: Timestamp) -> Option<Novelty> {
        let before = time.hour().0.saturating_sub(EXCUSE);
        self.novelty_until(policy, self.hours.recent.newest()?.min(Hour(before)))
    }

    /// The greater of two estimates of what comes in a week: by what was seen in exactly one hour of the whole history, and
    /// twice what was new in the last half of a week, once a week before it was observed to compare with.
    ///
    /// Hours are those of the calendar from the first to the last in which the workload was observed, so that a job that
    /// runs once a day is told of by the week, too. Replicas count as one: they do the same at the same time.
    fn novelty_until(&self, policy: &Policy, last: Hour) -> Option<Novelty> {
        let history = history_hours(policy);
        let oldest = self.hours.recent.oldest()?.0.max(last.0.saturating_sub(history - 1));
        let first = oldest.saturating_add(SETTLING);
        let hours = u32::try_from(last.0.saturating_sub(first).saturating_add(1)).ok()?;
        if hours < MEASURABLE {
            return None;
        }
        let half = last.0.saturating_sub(i64::from(HALF_WEEK));
        let (mut once, mut recent) = (0_u32, 0_u32);
        for sight in self
            .sights(policy)
            .filter(|sight| (first..=last.0).contains(&sight.first.0))
        {
            once += u32::from(sight.once);
            recent += u32::from(sight.first.0 > half);
        }
        let weeks = f64::from(hours) / f64::from(WEEK);
        let expected = f64::from(once) / weeks;
        let changing = if hours < RECENT_AFTER {
            0.0
        } else {
            2.0 * f64::from(recent)
        };
        Some(Novelty {
            per_week: expected.max(changing),
            at_most: upper_bound(once, weeks).max(if recent > 0 { upper_bound(recent, 0.5) } else { 0 }),
            hours,
        })
    }

    /// What is a sign of novelty: everything that the workload itself did, learned, dormant or raised. What is approved is
    /// never news, what returned was known before, and of what visitors do and of what nobody vouches for the workload's own
    /// ways can't be told.
    fn sights<'a>(&'a self, policy: &'a Policy) -> impl Iterator<Item = Sight> + 'a {
        let is_own = |entry: &Entry| {
            let own = match entry.behaviour.origin() {
                Origin::Entrypoint | Origin::Probe | Origin::Unknown => true,
                Origin::Exec => false,
            };
            let returned = entry.rule() == Some(Rule::ReturnedBehaviour);
            let seen = entry.lesson.past != Past::Inherited;
            own && seen && !returned && !entry.unverified && !rules::is_approved(&entry.behaviour, policy)
        };
        let held = self.entries.iter();
        let held = held.filter(move |(id, entry)| is_own(entry) && !self.dormant.contains_key(*id));
        let held = held.map(|(_, entry)| Sight {
            first: entry.first_seen.hour(),
            once: entry.is_of_one_hour(),
        });
        let dormant = self.dormant.iter().map(|(id, dormant)| Sight {
            first: dormant.first,
            once: dormant.once && !self.entries.contains_key(id),
        });
        held.chain(dormant)
    }

    /// Hours of the history in which the feed was observed and nothing of it was lost.
    pub fn loss_free_hours(&self) -> u32 {
        let all = (Hour(i64::MIN), Hour(i64::MAX));
        self.hours.recent.count_without(&self.lossy, all.0, all.1)
    }
}

/// How many hours the history reaches back: the window and dormancy after it, and at most what is remembered hour by hour.
fn history_hours(policy: &Policy) -> i64 {
    let days = i64::from(policy.window_days) + i64::from(DORMANT_DAYS);
    (days * 24).min(i64::from(HISTORY_HOURS))
}
