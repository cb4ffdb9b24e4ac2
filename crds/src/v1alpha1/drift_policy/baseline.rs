//! How long behaviour is remembered, and when a baseline is complete enough to judge by.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::v1alpha1::{Days, Duration};

/// How long behaviour is remembered, and when a baseline is complete enough to judge by.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaselinePolicy {
    /// The sliding window, in whole days: what was not seen for so long is no longer known. Default `7d`.
    #[serde(default = "default_window")]
    pub window: Days,
    /// When a baseline is complete enough to judge by.
    #[serde(default)]
    pub maturity: MaturityPolicy,
    /// What is learned although it was raised, because it repeats harmlessly.
    #[serde(default)]
    pub absorb: AbsorbPolicy,
}

/// What is learned although it was raised, because it repeats harmlessly: findings that nobody decided about, on enough
/// days and in enough of the running pods. Never what is no part of the image, destination groups, libraries, what is
/// started from outside, what can never be suppressed, or what only one node tells of where the workload runs on several.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AbsorbPolicy {
    /// Whether anything is. Default true.
    #[serde(default = "absorbs")]
    pub enabled: bool,
    /// The gravest severity that is. Default `Low`.
    #[serde(default)]
    pub severity: AbsorbSeverity,
    /// On how many different days it has to be seen. Default 5.
    #[serde(default = "default_days")]
    #[schemars(range(min = 1, max = 64))]
    pub days: i32,
    /// How many of a hundred running pods have to show it; of up to two pods, all. Default 50.
    #[serde(default = "default_percent")]
    #[schemars(range(min = 1, max = 100))]
    pub pods_percent: i32,
}

/// The gravest severity that is absorbed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum AbsorbSeverity {
    /// Low and below.
    #[default]
    Low,
    /// Medium and below.
    Medium,
}

/// When a baseline is complete enough to judge by.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MaturityPolicy {
    /// `Measured`: by how many new behaviours a week are still expected. After `minimum` and with 7 at most a baseline is
    /// Provisional, after 168 hours without a loss and with 2 at most it is Enforcing. `Elapsed`: Enforcing after `minimum`.
    /// Default `Measured`.
    #[serde(default)]
    pub method: MaturityMethod,
    /// Shortest time of observation: with `Measured` in hours in which a pod ran, with `Elapsed` since the first.
    /// Default `72h`.
    #[serde(default = "default_minimum")]
    pub minimum: Duration,
    /// Longest time since the first observation, after which a baseline is Enforcing whatever was measured, so that a
    /// restless workload is not watched with half an eye for ever. Default `14d`.
    #[serde(default = "default_maximum")]
    pub maximum: Duration,
}

/// How it is decided that a baseline is complete enough.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum MaturityMethod {
    /// By what was measured of the workload's novelty.
    #[default]
    Measured,
    /// By time alone.
    Elapsed,
}

impl Default for BaselinePolicy {
    fn default() -> Self {
        Self {
            window: default_window(),
            maturity: MaturityPolicy::default(),
            absorb: AbsorbPolicy::default(),
        }
    }
}

impl Default for AbsorbPolicy {
    fn default() -> Self {
        Self {
            enabled: absorbs(),
            severity: AbsorbSeverity::default(),
            days: default_days(),
            pods_percent: default_percent(),
        }
    }
}

impl Default for MaturityPolicy {
    fn default() -> Self {
        Self {
            method: MaturityMethod::default(),
            minimum: default_minimum(),
            maximum: default_maximum(),
        }
    }
}

const fn default_window() -> Days {
    match Days::new(7) {
        Some(days) => days,
        None => unreachable!(),
    }
}

const fn absorbs() -> bool {
    true
}

const fn default_days() -> i32 {
    5
}

const fn default_percent() -> i32 {
    50
}

const fn default_minimum() -> Duration {
    Duration::from_secs(72 * 3_600)
}

const fn default_maximum() -> Duration {
    Duration::from_secs(14 * 86_400)
}
