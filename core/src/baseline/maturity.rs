//! When a baseline is complete enough to judge by, and what time alone changes in it.

use serde::{Deserialize, Serialize};

use super::{Baseline, FeedBaseline, window::prune};
use crate::{
    policy::{MaturityMethod, Policy},
    time::{Duration, Timestamp},
};

/// How complete a baseline is, the least complete first.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Maturity {
    /// Raises only what needs no baseline.
    #[default]
    Learning,
    /// Raises novelty. No rule of this version leads here.
    Provisional,
    /// Raises all.
    Enforcing,
}

/// How long after its beginning a feed learns.
const fn learning_time(policy: &Policy) -> Duration {
    match policy.maturity.method {
        MaturityMethod::Elapsed => policy.maturity.minimum,
        // What a baseline still lacks is not measured yet: it waits for as long as people allow.
        MaturityMethod::Measured => policy.maturity.maximum,
    }
}

/// How complete a feed is now. It never falls back: not by novelty, nor by a clock that is set back, nor by a policy
/// that asks for more time later.
pub(super) fn maturity(feed: &FeedBaseline, policy: &Policy, now: Timestamp) -> Maturity {
    let elapsed = if now >= feed.started_at.plus(learning_time(policy)) {
        Maturity::Enforcing
    } else {
        Maturity::Learning
    };
    feed.maturity.max(elapsed)
}

/// What time changed in a baseline.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AgeOutcome {
    /// Whether anything differs: the baseline has to be written.
    pub changed: bool,
    /// Number of learned entries that fell out of the window.
    pub expired: usize,
    /// Number of feeds that became more mature.
    pub matured: usize,
    /// When to ask again: the next feed matures then, or the next day begins.
    pub requeue_after: Option<Duration>,
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
                let left = feed.started_at.plus(learning_time(policy)).since(now);
                outcome.requeue_after = Some(outcome.requeue_after.map_or(left, |least| least.min(left)));
            }
        }
    }
    outcome.expired = prune(baseline, policy.window_days, now);
    outcome.changed = outcome.matured > 0 || outcome.expired > 0;
    if outcome.requeue_after.is_none() && baseline.learned() > 0 {
        let tomorrow = Timestamp::from_secs(now.day().0.saturating_add(1).saturating_mul(86_400));
        outcome.requeue_after = Some(tomorrow.since(now));
    }
    outcome
}
