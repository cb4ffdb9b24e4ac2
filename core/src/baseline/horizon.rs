//! What a feed takes for today, and since when that is sure: clocks jump, and workloads rest.

use std::collections::BTreeMap;

use super::{ContainerBaseline, FeedBaseline, HISTORY_HOURS};
use crate::time::{Day, Hour, Timestamp};

/// Hours of a day: a feed that was not observed for longer rested, or a clock jumped; and one that was observed for as long
/// since then has had the occasion to show what it still does.
const DAY: i64 = 24;

/// The day that a feed is aged on: that of `now`, or the newest on which it saw anything where that is earlier.
///
/// After a rest of more than a day it stays the last day before the rest, until the feed has been observed for a day again:
/// whoever begins again, or whose clock is wrong for an hour, has not had the occasion to show what it still does. Days after
/// `now` tell nothing: a clock was ahead.
pub(super) fn today(feed: &FeedBaseline, now: Timestamp) -> Day {
    last_day(feed, now.day()).min(observed_until(feed, now))
}

/// Whether a feed was observed up to now for so long that what it says to have seen later, a clock said that was ahead: for
/// as many days as the window has, after which everything that it still does was seen by the clock of now.
fn is_sure_of_now(feed: &FeedBaseline, window_days: u8, now: Timestamp) -> bool {
    let hours = &feed.hours.recent;
    let window = (i64::from(window_days) * DAY).min(i64::from(HISTORY_HOURS) - 1);
    hours.newest().is_some_and(|newest| {
        let before = Hour(newest.0.saturating_sub(window));
        newest <= now.hour() && hours.newest_until(before).is_some()
    })
}

impl ContainerBaseline {
    /// Takes whatever is said to have been seen after now as seen now, once that is sure. `ahead` is whether any entry says so.
    /// Returns whether anything differs.
    pub(super) fn hold_to(&mut self, now: Timestamp, window_days: u8, ahead: bool) -> bool {
        let (mut sure, mut held) = (false, false);
        let feeds = self.feeds.values_mut();
        for feed in feeds.filter(|feed| is_sure_of_now(feed, window_days, now)) {
            sure = true;
            held |= feed.hold_remembered_to(now) | (ahead && feed.hold_entries_to(now));
        }
        if sure && self.started > Some(now) {
            self.started = Some(now.whole_second());
            held = true;
        }
        held
    }
}

impl FeedBaseline {
    fn hold_entries_to(&mut self, now: Timestamp) -> bool {
        let (time, day) = (now.whole_second(), now.day());
        let mut held = false;
        for entry in self.entries.values_mut() {
            if entry.days.hold_to(day.0) {
                entry.first_seen = entry.first_seen.min(time);
                entry.last_seen = entry.last_seen.min(time);
                held = true;
            }
        }
        held
    }

    /// The same of what is dormant, and of candidates: there are few.
    fn hold_remembered_to(&mut self, now: Timestamp) -> bool {
        let (time, day) = (now.whole_second(), now.day());
        let mut held = false;
        for dormant in self.dormant.values_mut().filter(|dormant| dormant.last_day > day) {
            dormant.last_day = day;
            held = true;
        }
        for candidate in self.candidates.values_mut().flat_map(BTreeMap::values_mut) {
            if candidate.days.hold_to(day.0) {
                candidate.first_seen = candidate.first_seen.min(time);
                candidate.last_seen = candidate.last_seen.min(time);
                held = true;
            }
        }
        held
    }
}

/// The newest day on which a feed saw anything, and at most today.
fn last_day(feed: &FeedBaseline, today: Day) -> Day {
    let mut newest = None;
    for entry in feed.entries.values() {
        let day = entry.days.newest_until(today.0);
        if day == Some(today.0) {
            return today;
        }
        newest = newest.max(day);
    }
    newest.map_or(today, Day)
}

/// The last day that counts by the hours in which the feed was observed. One of which no hour is known is no younger than it
/// says.
fn observed_until(feed: &FeedBaseline, now: Timestamp) -> Day {
    let hours = &feed.hours.recent;
    if hours.newest().is_none() {
        return now.day();
    }
    let before = |hour: Hour| hours.newest_until(Hour(hour.0.checked_sub(1)?));
    let Some(last) = hours.newest_until(now.hour()) else {
        return Day(i64::MIN);
    };
    let mut first = last;
    while last.0.saturating_sub(first.0) < DAY {
        match before(first) {
            Some(earlier) if first.0.saturating_sub(earlier.0) <= DAY => first = earlier,
            Some(rested_since) => return rested_since.begins().day(),
            // It begins here, or rested for longer than its history reaches.
            None => return Day(i64::MIN),
        }
    }
    now.day()
}
