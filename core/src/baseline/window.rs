//! The sliding window: one bit a day, one bit an hour, and the expiry of what fell out.

use serde::{Deserialize, Serialize};

use super::{Baseline, EntryState};
use crate::time::{Day, Hour, Timestamp};

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

    /// How many are marked.
    pub const fn count(&self) -> u32 {
        self.bits.count_ones()
    }
}

/// Wall-clock hours in which at least one pod was observed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Hours {
    /// How many, since the baseline began.
    pub total: u64,
    /// The newest of them. An hour that is reported 64 hours late or more is not counted.
    pub recent: Marks,
}

impl Hours {
    /// None yet.
    pub const NONE: Self = Self {
        total: 0,
        recent: Marks::NONE,
    };

    /// Counts an hour, once. Returns whether it was new.
    pub fn observe(&mut self, hour: Hour) -> bool {
        let new = self.recent.mark(hour.0);
        if new {
            self.total = self.total.saturating_add(1);
        }
        new
    }
}

/// Drops what was learned and then not seen on any day of the window: `window_days` days and today. Returns how many.
///
/// "Today" is the day of `now` or the newest day on which the feed saw anything, whichever is the earlier: a feed ages
/// only while it is observed. So neither a clock that is set forward nor a workload scaled to zero empties a baseline,
/// and a clock that is set back loses nothing. What is quarantined never expires: it is evidence.
pub fn prune(baseline: &mut Baseline, window_days: u8, now: Timestamp) -> usize {
    let mut dropped = 0;
    for container in baseline.containers.values_mut() {
        for feed in container.feeds.values_mut() {
            let newest = feed.entries.values().map(|entry| entry.days.newest).max();
            let today = newest.map_or(now.day(), |day| Day(day).min(now.day()));
            let oldest = today.0.saturating_sub(i64::from(window_days));
            let before = feed.entries.len();
            feed.entries.retain(|_, entry| match entry.state {
                EntryState::Learned => entry.days.newest >= oldest,
                EntryState::Quarantined { .. } => true,
            });
            dropped += before - feed.entries.len();
        }
    }
    dropped
}
