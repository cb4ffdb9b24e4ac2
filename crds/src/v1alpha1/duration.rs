//! Lengths of time as people write them in a policy.

use std::{borrow::Cow, fmt, str::FromStr, time};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// What a length of time must look like, as a regular expression that the API server checks.
const PATTERN: &str = "^([0-9]{1,6}(s|m|h|d))+$";
/// What a number of whole days must look like.
const DAYS_PATTERN: &str = "^[1-9][0-9]{0,1}d$";

/// A length of time such as `90s`, `1m`, `2h30m` or `14d`, in whole seconds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duration(time::Duration);

/// Why a text is no length of time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DurationError {
    text: String,
    expected: &'static str,
}

impl fmt::Display for DurationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no duration: expected {}", self.text, self.expected)
    }
}

impl std::error::Error for DurationError {}

impl Duration {
    /// A duration of so many seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(time::Duration::from_secs(seconds))
    }

    /// As the standard library's type.
    pub const fn get(self) -> time::Duration {
        self.0
    }
}

impl FromStr for Duration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || DurationError {
            text: text.to_owned(),
            expected: "numbers with units s, m, h or d, such as 2h30m",
        };
        let mut total: u64 = 0;
        let mut number = String::new();
        for character in text.chars() {
            if character.is_ascii_digit() {
                number.push(character);
                continue;
            }
            let unit = match character {
                's' => 1,
                'm' => 60,
                'h' => 3_600,
                'd' => 86_400,
                _ => return Err(error()),
            };
            let value: u64 = number.parse().map_err(|_| error())?;
            total = value
                .checked_mul(unit)
                .and_then(|part| total.checked_add(part))
                .ok_or_else(error)?;
            number.clear();
        }
        if text.is_empty() || !number.is_empty() {
            return Err(error());
        }
        Ok(Self::from_secs(total))
    }
}

impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_secs();
        if rest == 0 {
            return f.write_str("0s");
        }
        for (unit, seconds) in [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)] {
            if rest >= seconds {
                write!(f, "{}{unit}", rest / seconds)?;
                rest %= seconds;
            }
        }
        Ok(())
    }
}

impl TryFrom<String> for Duration {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Duration> for String {
    fn from(duration: Duration) -> Self {
        duration.to_string()
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": PATTERN, "maxLength": 32 })
    }
}

/// A number of whole days, 1 to 99, written `7d`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Days(u8);

impl Days {
    /// So many days; `None` outside 1 to 99.
    pub const fn new(days: u8) -> Option<Self> {
        if days >= 1 && days <= 99 {
            Some(Self(days))
        } else {
            None
        }
    }

    /// The number of days.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<String> for Days {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.strip_suffix('d')
            .filter(|number| !number.starts_with('+'))
            .and_then(|number| number.parse().ok())
            .and_then(Self::new)
            .ok_or(DurationError {
                text,
                expected: "whole days from 1d to 99d, such as 7d",
            })
    }
}

impl From<Days> for String {
    fn from(days: Days) -> Self {
        format!("{}d", days.0)
    }
}

impl JsonSchema for Days {
    fn schema_name() -> Cow<'static, str> {
        "Days".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": DAYS_PATTERN, "maxLength": 3 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_duration_is_read_as_people_write_it() {
        for (text, seconds) in [("1m", 60), ("2h30m", 9_000), ("14d", 1_209_600), ("0s", 0)] {
            assert_eq!(text.parse(), Ok(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "m", "1", "1 m", "-1m", "1w", "99999999999999999999d", "1m1"] {
            let error = text.parse::<Duration>().unwrap_err();
            assert!(error.to_string().contains("2h30m"), "{error}");
        }
    }

    #[test]
    fn days_are_whole_and_at_least_one() {
        assert_eq!(Days::try_from("7d".to_owned()).map(Days::get), Ok(7));
        for text in ["0d", "100d", "1.5d", "7", "+7d", "1h", ""] {
            assert!(Days::try_from(text.to_owned()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_duration_reads_back_the_same(seconds in 0_u64..100_000_000) {
            let duration = Duration::from_secs(seconds);
            prop_assert_eq!(duration.to_string().parse(), Ok(duration));
        }
    }
}
