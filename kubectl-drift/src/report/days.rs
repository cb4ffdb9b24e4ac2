//! A workload day by day.

use anchorwatch_convert::from_clock;
use anchorwatch_core::{
    baseline::{Baseline, Entry, HourSet},
    time::{Day as DayNumber, Hour},
};
use jiff::Timestamp;
use serde::Serialize;

/// One day (UTC).
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Day {
    /// `2026-01-31`.
    pub date: String,
    /// What was seen for the first time and is normal.
    pub new: usize,
    /// What was seen and is raised.
    pub raised: usize,
    /// Hours in which it was observed, by the feed that observed most.
    pub observed_hours: u32,
    /// Hours in which sensors lost something of some feed.
    pub lossy_hours: u32,
}

/// The days of a period, both its first and its last among them.
pub(super) fn days(learned: &Baseline, since: Timestamp, now: Timestamp) -> Vec<Day> {
    let (first, last) = (from_clock(since).day(), from_clock(now).day());
    (first.0..=last.0).map(|day| of_day(learned, DayNumber(day))).collect()
}

fn of_day(learned: &Baseline, day: DayNumber) -> Day {
    let (first, last) = (Hour(day.0 * 24), Hour(day.0 * 24 + 23));
    let entries = || learned.entries().map(|(_, _, entry)| entry);
    let is_new = |entry: &&Entry| !entry.is_quarantined() && entry.first_seen.day() == day;
    let is_raised = |entry: &&Entry| entry.is_quarantined() && is_marked(entry, day);
    let most = |hours: fn(&anchorwatch_core::baseline::FeedBaseline) -> &HourSet| {
        let feeds = learned.feeds();
        let counts = feeds.map(|(_, _, feed)| hours(feed).count_without(&HourSet::NONE, first, last));
        counts.max().unwrap_or(0)
    };
    let date = Timestamp::from_second(day.0 * 86_400).unwrap_or_default();
    Day {
        date: date.strftime("%F").to_string(),
        new: entries().filter(is_new).count(),
        raised: entries().filter(is_raised).count(),
        observed_hours: most(|feed| &feed.hours.recent),
        lossy_hours: most(|feed| &feed.lossy),
    }
}

/// Whether an entry was seen on a day, of its newest and the 63 before it.
fn is_marked(entry: &Entry, day: DayNumber) -> bool {
    let ago = entry
        .days
        .newest
        .checked_sub(day.0)
        .and_then(|ago| u32::try_from(ago).ok());
    ago.and_then(|ago| entry.days.bits.checked_shr(ago))
        .is_some_and(|bits| bits & 1 == 1)
}
