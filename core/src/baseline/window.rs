//! The sliding window: one bit a day, and the expiry of what fell out.

use serde::{Deserialize, Serialize};

use super::{
    Baseline, Entry, EntryState, Past,
    dormant::{Dormant, Fallen, bound},
    horizon::today,
    start::may_come,
};
use crate::{
    policy::Policy,
    rules,
    time::{Day, Timestamp},
};

/// Marks on a line of numbered days or hours: the newest, and one bit each for it and the 63 before it. What is marked
/// does not depend on the order of marking.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Marks {
    /// The newest that is marked. Means nothing while `bits` is zero.
    pub newest: i64,
    /// Bit 0 is the newest, bit 1 the one before, and so on.
    pub bits: u64,
}

impl Marks {
    /// Nothing marked.
    pub const NONE: Self = Self { newest: 0, bits: 0 };

    /// Marks a number. Returns whether that made a difference; one that is 64 or more older than the newest makes none.
    pub fn mark(&mut self, number: i64) -> bool {
        let before = *self;
        let distance = number.abs_diff(self.newest);
        let distance = u32::try_from(distance).unwrap_or(u32::MAX);
        if self.bits == 0 {
            *self = Self {
                newest: number,
                bits: 1,
            };
        } else if number > self.newest {
            *self = Self {
                newest: number,
                bits: self.bits.checked_shl(distance).unwrap_or(0) | 1,
            };
        } else {
            self.bits |= 1_u64.checked_shl(distance).unwrap_or(0);
        }
        *self != before
    }

    /// What either marks, as far back as 63 before the newest of both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        let (newer, older) = match (self.bits, other.bits) {
            (0, _) => return other,
            (_, 0) => return self,
            _ if self.newest >= other.newest => (self, other),
            _ => (other, self),
        };
        let distance = u32::try_from(newer.newest.abs_diff(older.newest)).unwrap_or(u32::MAX);
        Self {
            newest: newer.newest,
            bits: newer.bits | older.bits.checked_shl(distance).unwrap_or(0),
        }
    }

    /// The newest that is marked and not after a number.
    pub(super) fn newest_until(&self, last: i64) -> Option<i64> {
        let after = u32::try_from(self.newest.saturating_sub(last).max(0)).unwrap_or(u32::MAX);
        let bits = self.bits.checked_shr(after).filter(|bits| *bits != 0)?;
        Some(self.newest.min(last).saturating_sub(bits.trailing_zeros().into()))
    }

    /// Takes what is marked after a number as marked there. Returns whether that made a difference.
    pub(super) fn hold_to(&mut self, present: i64) -> bool {
        if self.bits == 0 || self.newest <= present {
            return false;
        }
        let distance = u32::try_from(self.newest.abs_diff(present)).unwrap_or(u32::MAX);
        *self = Self {
            newest: present,
            bits: self.bits.checked_shr(distance).unwrap_or(0) | 1,
        };
        true
    }

    /// How many are marked.
    pub const fn count(&self) -> u32 {
        self.bits.count_ones()
    }
}

/// What expired.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Expiry {
    /// Number of learned entries that fell out of the window.
    pub expired: usize,
    /// Number of dormant behaviours that were forgotten.
    pub forgotten: usize,
    /// Whether any entry that is left is denied, and was learned before.
    pub denied: bool,
    /// Whether anything was said to have been seen after now, and is taken as seen now.
    pub held: bool,
}

impl Expiry {
    pub(super) const fn changed(self) -> bool {
        self.expired > 0 || self.forgotten > 0 || self.held
    }
}

/// Makes dormant what was learned and then not seen on any day of the window, its days and today, and forgets what was dormant
/// for [`DORMANT_DAYS`](super::DORMANT_DAYS).
///
/// "Today" is a day on which the feed was observed (see [`today`]): a feed ages only while it is. So neither a clock that is
/// set forward nor a workload scaled to zero empties a baseline, and a clock that is set back loses nothing. What is told to
/// have been seen after now is taken as seen now, once the feed was observed for a window without that. What was learned and
/// last seen when the container started stays as long as it runs: it had no occasion to be seen again. What is quarantined
/// never expires: it is evidence. What is approved is never news, so that nothing is left of it.
pub(super) fn expire(baseline: &mut Baseline, policy: &Policy, now: Timestamp) -> Expiry {
    let mut expiry = Expiry::default();
    let window_days = baseline.window_days(policy);
    for container in baseline.containers.values_mut() {
        let started = container.started;
        let mut ahead = false;
        for feed in container.feeds.values_mut() {
            let today = today(feed, now);
            let oldest = today.0.saturating_sub(i64::from(window_days));
            let is_over = |entry: &Entry| match entry.state {
                // It was not seen here: it can't wait for a start.
                EntryState::Learned => {
                    let waits = || entry.lesson.past != Past::Inherited && may_come(entry, started, now);
                    entry.days.newest < oldest && !waits()
                }
                EntryState::Accepted { .. } => entry.days.newest < oldest,
                EntryState::Quarantined { .. } => false,
            };
            let before = feed.dormant.len();
            feed.dormant
                .retain(|_, dormant| dormant.is_remembered(window_days, today));
            expiry.forgotten += before - feed.dormant.len();
            let mut fallen = Fallen::default();
            let (mut denied, mut generalised) = (false, false);
            let joined = feed.apart.is_some();
            // One walk over all entries: there may be many, and they lie apart.
            let over = feed.entries.extract_if(.., |_, entry| {
                let over = is_over(entry);
                denied |= !over && entry.is_denied_since();
                generalised |= joined && !over && entry.generalised;
                ahead |= entry.days.newest > now.day().0;
                over
            });
            for (id, entry) in over {
                expiry.expired += 1;
                let dormant = Dormant::of(&entry, feed.dormant.get(&id));
                let was_seen = entry.lesson.past != Past::Inherited;
                if was_seen
                    && !rules::is_approved(&entry.behaviour, policy)
                    && dormant.is_remembered(window_days, today)
                {
                    match feed.dormant.get_mut(&id) {
                        Some(held) => *held = dormant,
                        None => fallen.add(id, dormant),
                    }
                }
            }
            expiry.forgotten += fallen.forgotten();
            feed.dormant.extend(fallen.newest());
            expiry.forgotten += feed.expire_candidates(Day(oldest));
            expiry.denied |= denied;
            // Once all that was joined is gone, everything is told apart again.
            if !generalised {
                feed.apart = None;
            }
        }
        expiry.held |= container.hold_to(now, window_days, ahead);
    }
    expiry.forgotten += bound(baseline);
    expiry
}
