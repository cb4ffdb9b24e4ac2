//! What became of events in the filter, read now and then: for the whole node, and what each container lost since the
//! last time.

use anchorwatch_sensor_common::filter::{FILTER_FEEDS, FilterFeed, Lost, Totals};
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
}

/// What one container lost since the last reading, for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotLoss {
    /// The container's own cgroup; `None` for what is in no registered container.
    pub container: Option<u64>,
    pub feed: FilterFeed,
    pub why: Lost,
    pub count: u64,
}

/// What was read of each slot so far, and whose losses were found meanwhile.
#[derive(Debug, Default)]
pub(super) struct Readings {
    /// By index, as far as slots were ever used.
    read: Vec<[Totals; FILTER_FEEDS]>,
    found: BTreeMap<(Option<u64>, FilterFeed, Lost), u64>,
}

impl Readings {
    /// Notes what the totals of a slot rose by, for the container that it was until now.
    pub fn note(&mut self, index: u32, container: Option<u64>, totals: [Totals; FILTER_FEEDS]) {
        let at = index as usize;
        if self.read.len() <= at {
            self.read.resize(at + 1, [Totals::default(); FILTER_FEEDS]);
        }
        let before = std::mem::replace(&mut self.read[at], totals);
        for ((feed, before), now) in FilterFeed::ALL.into_iter().zip(before).zip(totals) {
            for ((why, before), now) in Lost::ALL.into_iter().zip(before.lost).zip(now.lost) {
                let count = now.saturating_sub(before);
                if count > 0 {
                    let has_room = self.found.len() < MOST || self.found.contains_key(&(container, feed, why));
                    let whose = container.filter(|_| has_room);
                    *self.found.entry((whose, feed, why)).or_default() += count;
                }
            }
        }
    }

    /// Everything that was noted.
    pub fn take(&mut self) -> Reading {
        let mut totals = [Totals::default(); FILTER_FEEDS];
        for slot in &self.read {
            for (sum, part) in totals.iter_mut().zip(slot) {
                add(sum, *part);
            }
        }
        let found = std::mem::take(&mut self.found);
        let lost = found.into_iter().map(|((container, feed, why), count)| SlotLoss {
            container,
            feed,
            why,
            count,
        });
        Reading {
            totals,
            lost: lost.collect(),
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

    fn lost(quota: u64) -> [Totals; FILTER_FEEDS] {
        let mut totals = [Totals::default(); FILTER_FEEDS];
        totals[FilterFeed::Network as usize] = Totals {
            delivered: 1,
            swallowed: 2,
            lost: [0, quota, 0, 0],
        };
        totals
    }

    fn loss(container: Option<u64>, count: u64) -> SlotLoss {
        SlotLoss {
            container,
            feed: FilterFeed::Network,
            why: Lost::Quota,
            count,
        }
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
