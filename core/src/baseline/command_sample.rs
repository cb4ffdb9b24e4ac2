//! How often a container runs a command line that it never ran before, by a sample of those that it ran: what is tolerated
//! of unusual commands is shared among these.
//!
//! The sample is of lines with the least hashes (a bottom-k sketch; Bar-Yossef, Jayram, Kumar, Sivakumar, Trevisan 2002), so
//! that it is fair, takes the same room whatever runs, and does not depend on who reports what first.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::{Deserialize, Serialize};

use super::{DORMANT_DAYS, FeedBaseline};
use crate::{
    id::BehaviourId,
    policy::Policy,
    time::{Day, Timestamp},
};

/// Most lines of a sample: a count that is estimated by them is wrong by an eighth or so.
pub const MAX_SAMPLED: usize = 64;
/// Digits of a line as it is written: its hash, the first and the last day.
const DIGITS: (usize, usize) = (8, 5);
/// Days before something is judged that it can't have made restless itself: the day before is the last that may count half.
const EXCUSED: i64 = 2;
/// Days of a change that has just begun, and how many there must be before them to compare with.
const RECENT: i64 = 3;
const COMPARED: i64 = 7;

/// When the command lines of a sample were first and last run, by their hashes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(into = "Written", from = "Written")]
pub struct CommandSample {
    /// Lines with greater hashes are not sampled. Means nothing while there are no lines.
    bound: u32,
    lines: BTreeMap<u32, (Day, Day)>,
}

/// As it is written: the bound, and the lines as one hexadecimal number.
#[derive(Deserialize, Serialize)]
struct Written {
    bound: u32,
    lines: String,
}

impl CommandSample {
    /// Nothing sampled.
    pub const NONE: Self = Self {
        bound: u32::MAX,
        lines: BTreeMap::new(),
    };

    /// Whether nothing was sampled.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Lines with greater hashes are not sampled.
    pub const fn bound(&self) -> u32 {
        self.bound
    }

    /// From the bound and the lines as they are written: of each the hash, the first and the last day, in 8, 5 and 5
    /// hexadecimal digits. What nobody can read is nothing sampled.
    pub fn from_hex(bound: u32, lines: &str) -> Self {
        let number = |digits: Option<&str>| u32::from_str_radix(digits?, 16).ok();
        let (hash, day) = DIGITS;
        let mut sample = Self { bound, ..Self::NONE };
        for line in lines.as_bytes().chunks(hash + 2 * day).take(MAX_SAMPLED) {
            let line = std::str::from_utf8(line).unwrap_or_default();
            let (Some(hash), Some(first), Some(last)) = (
                number(line.get(..hash)),
                number(line.get(hash..hash + day)),
                number(line.get(hash + day..hash + 2 * day)),
            ) else {
                return Self::NONE;
            };
            sample.join(hash, Day(first.min(last).into()), Day(last.into()));
        }
        sample
    }

    /// The lines as they are written.
    pub fn to_hex(&self) -> String {
        let mut text = String::new();
        for (hash, (first, last)) in &self.lines {
            // Days of five digits last until the year 4840; writing to a string can't fail.
            let day = |day: &Day| day.0.clamp(0, 0xf_ffff);
            let _infallible = write!(text, "{hash:08x}{:05x}{:05x}", day(first), day(last));
        }
        text
    }

    /// Takes note of a line of a program that ran on a day.
    pub fn see(&mut self, of: BehaviourId, line: &str, day: Day) {
        let bytes = [of.as_bytes().as_slice(), line.as_bytes()].concat();
        // The upper half: any bits of it are well mixed.
        let hash = u32::try_from(twox_hash::XxHash3_64::oneshot(&bytes) >> 32).unwrap_or(u32::MAX);
        self.join(hash, day, day);
    }

    fn join(&mut self, hash: u32, first: Day, last: Day) {
        if hash > self.bound {
            return;
        }
        let held = self.lines.entry(hash).or_insert((first, last));
        *held = (held.0.min(first), held.1.max(last));
        while self.lines.len() > MAX_SAMPLED {
            if let Some((greatest, _)) = self.lines.pop_last() {
                self.bound = greatest.saturating_sub(1);
            }
        }
    }

    /// Forgets the lines that were last run before a day. Where few are left, more are sampled from now on.
    fn forget_before(&mut self, oldest: Day) {
        let before = self.lines.len();
        self.lines.retain(|_, (_, last)| *last >= oldest);
        if self.lines.len() < before && self.lines.len() < MAX_SAMPLED / 4 {
            self.bound = self.bound.saturating_mul(2).saturating_add(1);
        }
    }

    /// New lines a week, by what was first run from one day to another, both among them: seven times what was run on exactly
    /// one of them by their number (Good, Turing), or by the last three of them alone, whichever is more, once a week lies
    /// before these. Half a line more than were counted: to have seen none is no certainty. `None` where there is no day.
    #[expect(clippy::cast_precision_loss, reason = "days and counts are far below 2^52")]
    pub fn new_a_week(&self, from: Day, to: Day) -> Option<f64> {
        let days = to.0.checked_sub(from.0)?.checked_add(1).filter(|days| *days > 0)?;
        let share = (f64::from(self.bound) + 1.0) / (f64::from(u32::MAX) + 1.0);
        let (mut once, mut recent) = (0, 0);
        for (first, last) in self.lines.values() {
            if (from..=to).contains(first) {
                once += u32::from(first == last);
                recent += u32::from(first.0 > to.0.saturating_sub(RECENT));
            }
        }
        let a_week = |count: u32, days: i64| 7.0 * (f64::from(count) + 0.5) / share / days as f64;
        let changing = (days >= RECENT + COMPARED).then(|| a_week(recent, RECENT));
        Some(a_week(once, days).max(changing.unwrap_or(0.0)))
    }
}

impl FeedBaseline {
    /// Takes note of command lines that the workload itself ran on a day.
    pub(super) fn sample_commands<'a>(
        &mut self,
        of: BehaviourId,
        lines: impl IntoIterator<Item = &'a String>,
        day: Day,
        policy: &Policy,
    ) {
        for line in lines {
            self.sampled.see(of, line, day);
        }
        let history = i64::from(policy.window_days) + i64::from(DORMANT_DAYS);
        let newest = self.sampled.lines.values().map(|(_, last)| last.0).max();
        if let Some(newest) = newest {
            self.sampled.forget_before(Day(newest.saturating_sub(history)));
        }
    }

    /// How many command lines a week are expected to be new, as it was two days before `at`: whoever is about to be raised
    /// must not raise the bar for himself. The first day is left out: what starts a container is no sign of what comes. `None`
    /// while too little was observed to tell.
    pub fn new_commands_a_week(&self, policy: &Policy, at: Timestamp) -> Option<f64> {
        if self.sampled.is_empty() {
            return None;
        }
        let observed = (self.hours.recent.oldest()?, self.hours.recent.newest()?);
        let days = |hour: crate::time::Hour| hour.begins().day().0;
        let to = at.day().0.min(days(observed.1)).saturating_sub(EXCUSED);
        let history = i64::from(policy.window_days) + i64::from(DORMANT_DAYS);
        let from = days(observed.0).max(to.saturating_sub(history)).saturating_add(1);
        self.sampled.new_a_week(Day(from), Day(to))
    }
}

impl Default for CommandSample {
    fn default() -> Self {
        Self::NONE
    }
}

impl From<Written> for CommandSample {
    fn from(written: Written) -> Self {
        Self::from_hex(written.bound, &written.lines)
    }
}

impl From<CommandSample> for Written {
    fn from(sample: CommandSample) -> Self {
        Self {
            bound: sample.bound,
            lines: sample.to_hex(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OF: BehaviourId = BehaviourId::from_bytes([7; 16]);

    /// So many new lines on each of so many days, and some that run each day.
    fn sample(new: usize, days: i64) -> CommandSample {
        let mut sample = CommandSample::NONE;
        for day in 0..days {
            for line in 0..new {
                sample.see(OF, &format!("new {day} {line}"), Day(day));
            }
            for line in 0..20 {
                sample.see(OF, &format!("always {line}"), Day(day));
            }
        }
        sample
    }

    #[test]
    fn as_many_new_lines_are_expected_as_come() {
        // Few are counted; of many, those in the sample are.
        for (new, days, least, most) in [
            (0, 14, 0.0, 1.2),
            (2, 14, 13.9, 15.5),
            (40, 14, 220.0, 340.0),
            (40, 3, 180.0, 400.0),
        ] {
            let sample = sample(new, days);
            assert!(sample.lines.len() <= MAX_SAMPLED);
            let expected = sample.new_a_week(Day(1), Day(days - 1)).expect("days");
            assert!(
                (least..=most).contains(&expected),
                "{new} a day for {days} days: {expected}"
            );
        }
    }

    #[test]
    fn a_change_that_has_just_begun_shows() {
        let mut sample = sample(0, 20);
        for day in 20..23 {
            for line in 0..3 {
                sample.see(OF, &format!("new {day} {line}"), Day(day));
            }
        }
        let expected = sample.new_a_week(Day(1), Day(22)).expect("days");
        assert!((21.0..24.0).contains(&expected), "{expected}");
    }

    #[test]
    fn before_there_is_a_day_nothing_is_told() {
        assert_eq!(sample(1, 1).new_a_week(Day(1), Day(0)), None);
        assert_eq!(sample(1, 1).new_a_week(Day(i64::MAX), Day(i64::MIN)), None);
    }

    #[test]
    fn what_was_not_run_for_long_is_forgotten_and_more_is_sampled_then() {
        let mut sample = sample(40, 14);
        let bound = sample.bound;
        sample.forget_before(Day(20));
        assert!(sample.is_empty() && sample.bound > bound);
    }

    #[test]
    fn what_nobody_can_read_is_nothing_sampled() {
        for text in ["x", "0000000100002", "größegrößegröße", "00000001000020000g"] {
            assert!(CommandSample::from_hex(u32::MAX, text).is_empty(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_sample_does_not_depend_on_the_order_and_is_read_as_it_was_written(
            seen in prop::collection::vec((0_u32..200, 0_i64..40), 0..300).prop_shuffle(),
        ) {
            let of = |seen: &[(u32, i64)]| {
                let mut sample = CommandSample::NONE;
                for (line, day) in seen {
                    sample.see(OF, &line.to_string(), Day(*day));
                }
                sample
            };
            let mut sorted = seen.clone();
            sorted.sort_unstable();
            sorted.extend(sorted.clone());
            let sample = of(&seen);
            prop_assert_eq!(&sample, &of(&sorted));
            prop_assert_eq!(CommandSample::from_hex(sample.bound(), &sample.to_hex()), sample);
        }
    }
}
