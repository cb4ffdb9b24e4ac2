//! When a baseline is complete enough to judge by, and what time alone changes in it.

use serde::{Deserialize, Serialize};

use super::{
    Baseline, FeedBaseline,
    window::{Expiry, expire},
};
use crate::{
    behaviour::Behaviour,
    policy::{MaturityMethod, Policy},
    rules,
    time::{Duration, Timestamp},
};

/// How complete a baseline is, the least complete first.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Maturity {
    /// Raises only what needs no baseline.
    #[default]
    Learning,
    /// Raises novelty one severity lower, into the queue.
    Provisional,
    /// Raises all.
    Enforcing,
}

/// Most new behaviours a week that a baseline is provisional with.
const PROVISIONAL_NOVELTY: f64 = 7.0;
/// Most new behaviours a week that a baseline is enforcing with.
const ENFORCING_NOVELTY: f64 = 2.0;
/// Hours without a loss that it is enforcing after: each hour of the week was seen.
const ENFORCING_HOURS: u32 = 168;

/// When a feed is complete whatever was measured of it.
///
/// One that was measured has to have been observed: what no sensor could watch is not known, however long that lasts.
fn deadline(feed: &FeedBaseline, policy: &Policy) -> Option<Timestamp> {
    let after = match policy.maturity.method {
        MaturityMethod::Elapsed => policy.maturity.minimum,
        MaturityMethod::Measured if feed.hours.total == 0 => return None,
        MaturityMethod::Measured => policy.maturity.maximum,
    };
    Some(feed.started_at.plus(after))
}

/// How complete a feed is now. It never falls back: not by novelty, so that a trickle of it can't blind, nor by a clock
/// that is set back, nor by a policy that asks for more time later.
pub(super) fn maturity(feed: &FeedBaseline, policy: &Policy, now: Timestamp) -> Maturity {
    let reached = match (feed.maturity, policy.maturity.method) {
        _ if deadline(feed, policy).is_some_and(|deadline| now >= deadline) => Maturity::Enforcing,
        (Maturity::Enforcing, _) | (_, MaturityMethod::Elapsed) => feed.maturity,
        (Maturity::Learning | Maturity::Provisional, MaturityMethod::Measured) => feed.measured_maturity(policy),
    };
    feed.maturity.max(reached)
}

impl FeedBaseline {
    /// How complete it is by what it observed and what was new in it, whatever it was before and however long it took.
    pub fn measured_maturity(&self, policy: &Policy) -> Maturity {
        let observed = Duration::from_hours(self.hours.total);
        let Some(novelty) = self.novelty(policy).filter(|_| observed >= policy.maturity.minimum) else {
            return Maturity::Learning;
        };
        if novelty.per_week <= ENFORCING_NOVELTY && self.loss_free_hours() >= ENFORCING_HOURS {
            Maturity::Enforcing
        } else if novelty.per_week <= PROVISIONAL_NOVELTY {
            Maturity::Provisional
        } else {
            Maturity::Learning
        }
    }
}

/// What time changed in a baseline.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AgeOutcome {
    /// Whether anything differs: the baseline has to be written.
    pub changed: bool,
    /// Number of learned entries that fell out of the window.
    pub expired: usize,
    /// Number of entries that are learned again since nothing denies them any more.
    pub restored: usize,
    /// Number of feeds that became more mature.
    pub matured: usize,
    /// When to ask again: the next feed matures then, or the next day begins.
    pub requeue_after: Option<Duration>,
}

impl AgeOutcome {
    fn ask_again(&mut self, after: Option<Duration>) {
        self.requeue_after = self.requeue_after.into_iter().chain(after).min();
    }
}

/// Lets time pass: feeds mature, entries expire. Changes nothing when called again at the same `now`.
pub fn age(baseline: &mut Baseline, policy: &Policy, now: Timestamp) -> AgeOutcome {
    let mut outcome = AgeOutcome::default();
    for container in baseline.containers.values_mut() {
        for feed in container.feeds.values_mut() {
            let reached = maturity(feed, policy, now);
            if reached != feed.maturity {
                feed.maturity = reached;
                outcome.matured += 1;
            }
            if reached != Maturity::Enforcing {
                outcome.ask_again(deadline(feed, policy).map(|deadline| deadline.since(now)));
            }
        }
    }
    let shorter = baseline.take_window(policy, now);
    outcome.ask_again(baseline.shorter_after(now));
    // Where nothing may be learned, what is forgotten could not be learned again.
    let expiry = match policy.approvals.frozen {
        Some(_) => Expiry {
            denied: true,
            ..Expiry::default()
        },
        None => expire(baseline, policy, now),
    };
    outcome.expired = expiry.expired;
    // None where none is denied.
    for (name, container) in baseline.containers.iter_mut().filter(|_| expiry.denied) {
        let is_denied = |behaviour: &Behaviour| rules::denied_by(policy, name, behaviour).is_some();
        let restored = container.feeds.values_mut().map(|feed| feed.restore(is_denied));
        outcome.restored += restored.sum::<usize>();
    }
    outcome.changed = shorter || outcome.matured > 0 || expiry.changed() || outcome.restored > 0;
    if baseline.entries().any(|(_, _, entry)| entry.is_learned()) || baseline.dormant() > 0 {
        let tomorrow = Timestamp::from_secs(now.day().0.saturating_add(1).saturating_mul(86_400));
        outcome.ask_again(Some(tomorrow.since(now)));
    }
    outcome
}
