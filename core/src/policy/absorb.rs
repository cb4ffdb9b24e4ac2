//! What is learned although it was raised, because it repeats harmlessly.

use serde::Serialize;

use crate::severity::Severity;

/// What is learned although it was raised, because it repeats harmlessly.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct AbsorbPolicy {
    /// Whether anything is.
    pub enabled: bool,
    /// The gravest severity that is.
    pub severity: Severity,
    /// On how many different days it has to be seen: 1 to 64.
    pub days: u32,
    /// How many of a hundred running pods have to show it: 1 to 100.
    pub pods_percent: u8,
}

impl Default for AbsorbPolicy {
    /// Low findings, seen on five days in at least half of the pods.
    fn default() -> Self {
        Self {
            enabled: true,
            severity: Severity::Low,
            days: 5,
            pods_percent: 50,
        }
    }
}
