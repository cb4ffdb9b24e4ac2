//! Points in time, days and hours. All arithmetic is total: it saturates, it never wraps and never panics.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

pub use std::time::Duration;

const MILLIS_A_SECOND: i64 = 1_000;
const MILLIS_AN_HOUR: i64 = 3_600 * MILLIS_A_SECOND;
const MILLIS_A_DAY: i64 = 24 * MILLIS_AN_HOUR;

/// Milliseconds since 1970-01-01T00:00:00Z. Written as RFC 3339.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(i64);

/// Why a text is no point in time.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} is no RFC 3339 time such as 2026-01-01T00:00:00Z")]
pub struct TimestampError {
    text: String,
}

impl Timestamp {
    /// So many milliseconds after the epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// So many seconds after the epoch.
    pub const fn from_secs(seconds: i64) -> Self {
        Self(seconds.saturating_mul(MILLIS_A_SECOND))
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(MILLIS_A_SECOND)
    }

    /// The beginning of its second: what an object of the API keeps of a time.
    #[must_use]
    pub const fn whole_second(self) -> Self {
        Self::from_secs(self.as_secs())
    }

    /// The point in time so much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(millis(duration)))
    }

    /// The point in time so much earlier.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(millis(duration)))
    }

    /// How long after `earlier` this is; zero where it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// How far the two are apart, whichever is the later.
    pub fn distance(self, other: Self) -> Duration {
        self.since(other).max(other.since(self))
    }

    /// The UTC day that it falls on.
    pub const fn day(self) -> Day {
        Day(self.0.div_euclid(MILLIS_A_DAY))
    }

    /// The UTC hour that it falls into.
    pub const fn hour(self) -> Hour {
        Hour(self.0.div_euclid(MILLIS_AN_HOUR))
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What lies outside the years that RFC 3339 knows is shown as the nearest that it does.
        let nearest = if self.0 < 0 {
            jiff::Timestamp::MIN
        } else {
            jiff::Timestamp::MAX
        };
        write!(f, "{}", jiff::Timestamp::from_millisecond(self.0).unwrap_or(nearest))
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<jiff::Timestamp>() {
            Ok(time) => Ok(Self(time.as_millisecond())),
            Err(_) => Err(TimestampError { text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimestampError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> Self {
        time.to_string()
    }
}

/// A UTC day: days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Day(pub i64);

/// A UTC wall-clock hour: hours since 1970-01-01T00:00Z.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Hour(pub i64);

impl Hour {
    /// When it begins.
    pub const fn begins(self) -> Timestamp {
        Timestamp::from_millis(self.0.saturating_mul(MILLIS_AN_HOUR))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arithmetic_saturates() {
        let end = Timestamp::from_millis(i64::MAX);
        let start = Timestamp::from_millis(i64::MIN);
        assert_eq!(end.plus(Duration::MAX), end);
        assert_eq!(start.minus(Duration::MAX), start);
        assert_eq!(start.since(end), Duration::ZERO);
        assert_eq!(end.distance(start), start.distance(end));
        assert_eq!(Timestamp::from_secs(i64::MAX), end);
    }

    #[test]
    fn time_before_the_epoch_rounds_down() {
        let time = Timestamp::from_millis(-1);
        assert_eq!((time.as_secs(), time.day(), time.hour()), (-1, Day(-1), Hour(-1)));
    }

    proptest! {
        #[test]
        fn a_printed_time_reads_back_the_same(millis in -62_000_000_000_000_i64..253_000_000_000_000) {
            let time = Timestamp::from_millis(millis);
            prop_assert_eq!(time.to_string().parse(), Ok(time));
        }

        #[test]
        fn any_time_can_be_printed(millis: i64) {
            prop_assert!(!Timestamp::from_millis(millis).to_string().is_empty());
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            // The ISO 8601 forms that jiff also knows are welcome; a panic is not.
            let time = text.parse::<Timestamp>();
            prop_assert!(time.is_ok() || time.is_err_and(|error| error.text == text));
        }
    }
}
