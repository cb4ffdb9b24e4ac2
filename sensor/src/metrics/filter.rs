//! Metrics of the kernel's first-seen filter.

use anchorwatch_sensor_common::filter::{FILTER_FEEDS, FilterFeed, Totals};
use prometheus::{IntCounter, IntGauge};
use std::sync::Mutex;

use super::Register;
use crate::loader::filter::SlotsUsed;

const RESULTS: [&str; 3] = ["delivered", "swallowed", "lost"];

/// Registered once.
#[derive(Debug)]
pub struct FilterMetrics {
    /// By feed, each in the order of [`RESULTS`].
    events: [[IntCounter; RESULTS.len()]; FILTER_FEEDS],
    /// What was exported so far.
    exported: Mutex<[Totals; FILTER_FEEDS]>,
    own_slots: IntGauge,
    shared_slot: IntGauge,
}

impl FilterMetrics {
    pub(super) fn new(register: &Register<'_>) -> Self {
        let events = register.counters(
            "filter_events_total",
            "Events that reached the kernel's first-seen filter, by what became of them: delivered, swallowed as known, or lost.",
            &["feed", "result"],
        );
        let containers = register.gauges(
            "filter_containers",
            "Containers by their slot in the kernel's filter: own, or shared by all for which there was no free one.",
            &["slot"],
        );
        Self {
            events: FilterFeed::ALL.map(|feed| RESULTS.map(|result| events.with_label_values(&[feed.name(), result]))),
            exported: Mutex::default(),
            own_slots: containers.with_label_values(&["own"]),
            shared_slot: containers.with_label_values(&["shared"]),
        }
    }

    /// Takes over what became of all events since the programs were loaded, and who has a slot now.
    pub fn set(&self, totals: &[Totals; FILTER_FEEDS], slots: SlotsUsed) {
        let count = |containers: usize| i64::try_from(containers).unwrap_or(i64::MAX);
        self.own_slots.set(count(slots.own));
        self.shared_slot.set(count(slots.shared));
        // A poisoned lock means that a thread panicked between two numbers: they are still numbers.
        let mut exported = self.exported.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for ((counters, now), before) in self.events.iter().zip(totals).zip(exported.iter_mut()) {
            let results = |totals: &Totals| [totals.delivered, totals.swallowed, totals.all_lost()];
            for ((counter, now), before) in counters.iter().zip(results(now)).zip(results(before)) {
                counter.inc_by(now.saturating_sub(before));
            }
            *before = *now;
        }
    }
}
