//! Wall-clock hours: those in which a workload was observed, and those in which something of it was lost.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::time::Hour;

/// Hours that are remembered one by one: 42 days, the default window of a week and the 35 days of dormancy after it.
pub const HISTORY_HOURS: u32 = 42 * 24;
const WORD_BITS: u32 = u64::BITS;
const WORDS: usize = (HISTORY_HOURS / WORD_BITS) as usize + 1;

/// A set of hours: the newest, and one bit each for it and the [`HISTORY_HOURS`] − 1 before it. Whatever is older is not in
/// it. What it holds does not depend on the order in which hours were added, and adding one again changes nothing.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(into = "Written", from = "Written")]
pub struct HourSet {
    newest: i64,
    /// Bit 0 of the first word is the newest, the next one the hour before, and so on. All zero: nothing is in it.
    words: [u64; WORDS],
}

/// As it is written: the bits as one hexadecimal number.
#[derive(Deserialize, Serialize)]
struct Written {
    newest: i64,
    bits: String,
}

impl HourSet {
    /// No hour.
    pub const NONE: Self = Self {
        newest: 0,
        words: [0; WORDS],
    };

    /// From the newest hour and the bits as a hexadecimal number, whose least bit is the newest hour. Digits beyond the
    /// history are left out, and so is everything where there are others than hexadecimal ones: a set that nobody can read
    /// is an empty one.
    pub fn from_hex(newest: i64, bits: &str) -> Self {
        let mut words = [0; WORDS];
        for (place, digit) in bits.chars().rev().enumerate() {
            let Some(digit) = digit.to_digit(16) else {
                return Self::NONE;
            };
            let bit = u32::try_from(place).unwrap_or(u32::MAX).saturating_mul(4);
            if let Some(word) = words.get_mut((bit / WORD_BITS) as usize) {
                *word |= u64::from(digit) << (bit % WORD_BITS);
            }
        }
        let mut set = Self { newest, words };
        set.trim();
        set
    }

    /// The bits as a hexadecimal number without leading zeros, whose least bit is the newest hour; empty for none.
    pub fn to_hex(&self) -> String {
        let mut text = String::new();
        for word in self.words.iter().rev() {
            // Writing to a string can't fail.
            let _infallible = write!(text, "{word:016x}");
        }
        let digits = text.trim_start_matches('0');
        digits.to_owned()
    }

    /// The newest hour; `None` where there is none.
    pub fn newest(&self) -> Option<Hour> {
        (self.words != [0; WORDS]).then_some(Hour(self.newest))
    }

    /// The oldest hour of the set.
    pub fn oldest(&self) -> Option<Hour> {
        let (index, word) = self.words.iter().enumerate().rev().find(|(_, word)| **word != 0)?;
        let bit = i64::try_from(index).ok()? * i64::from(WORD_BITS) + i64::from(WORD_BITS - 1 - word.leading_zeros());
        Some(Hour(self.newest.saturating_sub(bit)))
    }

    /// The newest hour of the set that is not after another.
    pub fn newest_until(&self, last: Hour) -> Option<Hour> {
        let (oldest, newest) = (self.oldest()?, self.newest()?);
        let hours = oldest.0..=newest.0.min(last.0);
        hours.rev().map(Hour).find(|hour| self.contains(*hour))
    }

    /// Adds an hour. Returns whether that made a difference; one that is older than the history makes none.
    pub fn insert(&mut self, hour: Hour) -> bool {
        let before = *self;
        if self.newest().is_none() {
            self.newest = hour.0;
        } else if hour.0 > self.newest {
            self.shift(hour.0.abs_diff(self.newest));
            self.newest = hour.0;
        }
        let distance = self.newest.abs_diff(hour.0);
        if distance < u64::from(HISTORY_HOURS) {
            let distance = usize::try_from(distance).unwrap_or(usize::MAX);
            self.words[distance / WORD_BITS as usize] |= 1 << (distance % WORD_BITS as usize);
        }
        *self != before
    }

    /// Forgets all where the newest hour is so far ahead of the present one that nothing that comes would find room: a clock
    /// was ahead.
    pub fn return_to(&mut self, present: Hour) {
        if self.newest.saturating_sub(present.0) >= i64::from(HISTORY_HOURS) {
            *self = Self::NONE;
        }
    }

    /// Whether an hour is in it.
    pub fn contains(&self, hour: Hour) -> bool {
        let distance = usize::try_from(self.newest.abs_diff(hour.0)).unwrap_or(usize::MAX);
        let word = self.words.get(distance / WORD_BITS as usize).copied().unwrap_or(0);
        hour.0 <= self.newest && word >> (distance % WORD_BITS as usize) & 1 == 1
    }

    /// How many hours from one to another, both among them, are in it and not in `others`.
    pub fn count_without(&self, others: &Self, first: Hour, last: Hour) -> u32 {
        let (Some(oldest), Some(newest)) = (self.oldest(), self.newest()) else {
            return 0;
        };
        let hours = first.0.max(oldest.0)..=last.0.min(newest.0);
        let counts = hours.filter(|hour| self.contains(Hour(*hour)) && !others.contains(Hour(*hour)));
        u32::try_from(counts.count()).unwrap_or(u32::MAX)
    }

    /// Makes every hour so many hours older.
    fn shift(&mut self, hours: u64) {
        let before = self.words;
        let whole = usize::try_from(hours / u64::from(WORD_BITS)).unwrap_or(usize::MAX);
        let rest = u32::try_from(hours % u64::from(WORD_BITS)).unwrap_or(0);
        let word = |index: Option<usize>| index.and_then(|index| before.get(index)).copied().unwrap_or(0);
        for (index, held) in self.words.iter_mut().enumerate() {
            let high = word(index.checked_sub(whole)) << rest;
            let low = word(index.checked_sub(whole.saturating_add(1)));
            *held = high | low.checked_shr(WORD_BITS - rest).unwrap_or(0);
        }
        self.cut();
    }

    /// Cuts off what is older than the history.
    fn cut(&mut self) {
        self.words[WORDS - 1] &= (1 << (HISTORY_HOURS % WORD_BITS)) - 1;
    }

    /// Makes bit 0 the newest hour again, whatever somebody wrote.
    fn trim(&mut self) {
        self.cut();
        let Some(index) = self.words.iter().position(|word| *word != 0) else {
            *self = Self::NONE;
            return;
        };
        let bits = index * WORD_BITS as usize + self.words[index].trailing_zeros() as usize;
        let before = self.words;
        let is_set = |bit: usize| {
            let word = before.get(bit / WORD_BITS as usize).copied().unwrap_or(0);
            word >> (bit % WORD_BITS as usize) & 1
        };
        for (index, held) in self.words.iter_mut().enumerate() {
            let first = index * WORD_BITS as usize + bits;
            *held = (0..WORD_BITS as usize).fold(0, |word, bit| word | is_set(first + bit) << bit);
        }
        self.newest = self.newest.saturating_sub(i64::try_from(bits).unwrap_or(0));
    }
}

impl From<HourSet> for Written {
    fn from(set: HourSet) -> Self {
        Self {
            newest: set.newest,
            bits: set.to_hex(),
        }
    }
}

impl From<Written> for HourSet {
    fn from(written: Written) -> Self {
        Self::from_hex(written.newest, &written.bits)
    }
}

/// Wall-clock hours in which at least one pod was observed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
pub struct Hours {
    /// How many, since the baseline began.
    pub total: u64,
    /// The newest of them. An hour that is reported later than they reach is not counted.
    pub recent: HourSet,
}

impl Hours {
    /// None yet.
    pub const NONE: Self = Self {
        total: 0,
        recent: HourSet::NONE,
    };

    /// Counts an hour, once. Returns whether it was new.
    pub fn observe(&mut self, hour: Hour) -> bool {
        let new = !self.recent.contains(hour) && self.recent.insert(hour);
        if new {
            self.total = self.total.saturating_add(1);
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn set_of(hours: &[i64]) -> HourSet {
        let mut set = HourSet::NONE;
        for hour in hours {
            set.insert(Hour(*hour));
        }
        set
    }

    proptest! {
        #[test]
        fn a_set_of_hours_holds_the_newest_in_whatever_order_they_came(
            hours in vec(-700_i64..700, 0..60).prop_shuffle(),
        ) {
            let set = set_of(&hours);
            let mut sorted = hours.clone();
            sorted.sort_unstable();
            prop_assert_eq!(set, set_of(&sorted));
            let newest = sorted.last().copied();
            let within = |hour: &&i64| newest.is_some_and(|newest| newest - **hour < i64::from(HISTORY_HOURS));
            let held: BTreeSet<i64> = sorted.iter().filter(within).copied().collect();
            prop_assert!((-800..800).all(|hour| set.contains(Hour(hour)) == held.contains(&hour)));
            prop_assert_eq!(set.newest().map(|hour| hour.0), newest);
            prop_assert_eq!(set.oldest().map(|hour| hour.0), held.first().copied());
            let counted = set.count_without(&HourSet::NONE, Hour(-5), Hour(300));
            prop_assert_eq!(counted as usize, held.range(-5..=300).count());
            prop_assert_eq!(set.count_without(&set, Hour(i64::MIN), Hour(i64::MAX)), 0);
        }

        #[test]
        fn a_set_of_hours_reads_back_as_it_was_written(hours in vec(-700_i64..700, 0..60)) {
            let set = set_of(&hours);
            prop_assert_eq!(HourSet::from_hex(set.newest, &set.to_hex()), set);
            let json = serde_json::to_string(&set).expect("JSON");
            prop_assert_eq!(serde_json::from_str::<HourSet>(&json).expect("a set"), set);
        }

        #[test]
        fn any_text_is_a_set_that_any_hour_can_be_added_to(newest: i64, text in "[0-9a-f]{0,300}|.{0,8}", hour: i64) {
            let mut set = HourSet::from_hex(newest, &text);
            prop_assert_eq!(HourSet::from_hex(set.newest, &set.to_hex()), set);
            prop_assert!(set.newest().is_none_or(|newest| set.contains(newest)));
            let newest = set.newest().map_or(hour, |newest| newest.0.max(hour));
            set.insert(Hour(hour));
            prop_assert_eq!(set.newest(), Some(Hour(newest)));
            prop_assert!(set.count_without(&HourSet::NONE, Hour(i64::MIN), Hour(i64::MAX)) <= HISTORY_HOURS);
        }
    }

    #[test]
    fn an_hour_counts_once_however_late_it_is_reported() {
        let mut hours = Hours::NONE;
        for hour in [0, 1_000, 3, 1_000, 3, 0, 1_007, -1] {
            hours.observe(Hour(hour));
        }
        // The one before the history is not counted.
        assert_eq!(hours.total, 4);
        assert_eq!(hours.recent.oldest(), Some(Hour(0)));
    }
}
