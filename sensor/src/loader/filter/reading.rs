//! What became of events in the filter, read now and then: for the whole node, and what each container lost since the
//! last time.

use anchorwatch_sensor_common::filter::{FILTER_FEEDS, FilterFeed, Lost, Totals};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use std::collections::BTreeMap;

/// Most that waits to be read, should nobody ask: what is lost beyond it is nobody's in particular.
const MOST: usize = 4096;

/// One reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// What became of all events since the programs were loaded, by feed.
    pub totals: [Totals; FILTER_FEEDS],
    /// What was lost since the last reading. All of it: its sums are what the programs' own counters rose by.
    pub lost: Vec<SlotLoss>,
    /// How many containers there are, by what they have.
    pub slots: SlotsUsed,
    /// Containers that found no free slot since the last reading, by their cgroups.
    pub denied: Vec<u64>,
}

/// How many containers have slots of their own, and how many have to share that of what is not registered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SlotsUsed {
    pub own: usize,
    pub shared: usize,
}

/// What was counted under one slot since the programs were loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counted {
    pub totals: [Totals; FILTER_FEEDS],
    /// Processes that are not followed, for what the container had already.
    pub unfollowed: u64,
}

/// Where and why something is lost that is told by container.
const UNFOLLOWED: (LossPlace, LossReason) = (LossPlace::Fork, LossReason::ProcessShare);

/// Whether a container's readings tell it.
pub fn is_by_container(place: LossPlace, reason: LossReason) -> bool {
    let is_of_filter = FilterFeed::ALL.into_iter().any(|feed| feed.place() == place)
        && Lost::ALL.into_iter().any(|why| why.reason() == reason);
    is_of_filter || (place, reason) == UNFOLLOWED
}

/// What one container lost since the last reading, for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotLoss {
    /// The container's own cgroup; `None` for what is in no registered container.
    pub container: Option<u64>,
    pub place: LossPlace,
    pub reason: LossReason,
    pub count: u64,
}

/// What was read of each slot so far, and whose losses were found meanwhile.
#[derive(Debug, Default)]
pub(super) struct Readings {
    /// By index, as far as slots were ever used.
    read: Vec<Counted>,
    found: BTreeMap<(Option<u64>, LossPlace, LossReason), u64>,
}

impl Readings {
    /// Notes what the counts of a slot rose by, for the container that it was until now.
    pub fn note(&mut self, index: u32, container: Option<u64>, now: Counted) {
        let at = index as usize;
        if self.read.len() <= at {
            self.read.resize(at + 1, Counted::default());
        }
        let before = std::mem::replace(&mut self.read[at], now);
        for ((feed, before), now) in FilterFeed::ALL.into_iter().zip(before.totals).zip(now.totals) {
            for ((why, before), now) in Lost::ALL.into_iter().zip(before.lost).zip(now.lost) {
                self.found(container, (feed.place(), why.reason()), now.saturating_sub(before));
            }
        }
        self.found(container, UNFOLLOWED, now.unfollowed.saturating_sub(before.unfollowed));
    }

    fn found(&mut self, container: Option<u64>, (place, reason): (LossPlace, LossReason), count: u64) {
        if count > 0 {
            let has_room = self.found.len() < MOST || self.found.contains_key(&(container, place, reason));
            let whose = container.filter(|_| has_room);
            *self.found.entry((whose, place, reason)).or_default() += count;
        }
    }

    /// Everything that was noted.
    pub fn take(&mut self) -> Reading {
        let mut totals = [Totals::default(); FILTER_FEEDS];
        for slot in &self.read {
            for (sum, part) in totals.iter_mut().zip(&slot.totals) {
                add(sum, *part);
            }
        }
        let found = std::mem::take(&mut self.found);
        let lost = found.into_iter().map(|((container, place, reason), count)| SlotLoss {
            container,
            place,
            reason,
            count,
        });
        Reading {
            totals,
            lost: lost.collect(),
            ..Reading::default()
        }
    }

    /// One more than the highest index that was ever noted.
    pub const fn slots(&self) -> usize {
        self.read.len()
    }
}

pub(super) fn add(sum: &mut Totals, part: Totals) {
    let Totals {
        delivered,
        swallowed,
        lost,
    } = part;
    sum.delivered += delivered;
    sum.swallowed += swallowed;
    for (sum, part) in sum.lost.iter_mut().zip(lost) {
        *sum += part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(quota: u64) -> Counted {
        let mut totals = [Totals::default(); FILTER_FEEDS];
        totals[FilterFeed::Network as usize] = Totals {
            delivered: 1,
            swallowed: 2,
            lost: [0, quota, 0, 0],
        };
        Counted { totals, unfollowed: 0 }
    }

    fn loss(container: Option<u64>, count: u64) -> SlotLoss {
        SlotLoss {
            container,
            place: LossPlace::Flow,
            reason: LossReason::Quota,
            count,
        }
    }

    #[test]
    fn processes_that_are_not_followed_are_the_containers_that_has_so_many() {
        let mut readings = Readings::default();
        let unfollowed = |unfollowed| Counted {
            unfollowed,
            ..Counted::default()
        };
        readings.note(3, Some(70), unfollowed(5));
        readings.note(3, Some(71), unfollowed(7));
        let told: Vec<_> = readings
            .take()
            .lost
            .into_iter()
            .map(|loss| (loss.container, loss.reason, loss.count))
            .collect();
        let share = LossReason::ProcessShare;
        assert_eq!(told, [(Some(70), share, 5), (Some(71), share, 2)]);
    }

    #[test]
    fn a_slot_tells_what_it_lost_once_and_to_whom_it_belonged_then() {
        let mut readings = Readings::default();
        readings.note(3, Some(70), lost(5));
        assert_eq!(readings.take().lost, [loss(Some(70), 5)]);
        // Taken back, late events of its programs, and given to another.
        readings.note(3, Some(70), lost(6));
        readings.note(3, None, lost(8));
        readings.note(3, Some(71), lost(11));
        let expected = [loss(None, 2), loss(Some(70), 1), loss(Some(71), 3)];
        assert_eq!(readings.take().lost, expected);
        assert_eq!(readings.take().lost, []);
    }

    #[test]
    fn what_nobody_reads_is_bounded_and_stays_counted() {
        let mut readings = Readings::default();
        for cgroup in 1..=2 * MOST as u64 {
            readings.note(1, Some(cgroup), lost(cgroup));
        }
        let found = readings.take().lost;
        let sum: u64 = found.iter().map(|loss| loss.count).sum();
        assert_eq!((found.len(), sum), (MOST + 1, 2 * MOST as u64));
    }

    #[test]
    fn the_nodes_totals_are_those_of_all_slots() {
        let mut readings = Readings::default();
        readings.note(0, None, lost(5));
        readings.note(2, Some(70), lost(7));
        let network = Totals {
            delivered: 2,
            swallowed: 4,
            lost: [0, 12, 0, 0],
        };
        assert_eq!(readings.take().totals[FilterFeed::Network as usize], network);
        assert_eq!(readings.slots(), 3);
    }
}
