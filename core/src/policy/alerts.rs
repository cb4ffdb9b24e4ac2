//! How many alerts are kept, and for how long.

use serde::Serialize;

/// How many alerts are kept, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct AlertsPolicy {
    /// Most undecided alerts below High of a workload; as many again that are observed alone. What is suppressed takes no room.
    pub per_workload: u32,
    /// The same for a namespace.
    pub per_namespace: u32,
    /// How long a closed alert is kept, in days, after it was last seen and decided about.
    pub retention_days: u8,
}

impl AlertsPolicy {
    /// For who keeps alerts where nobody decides about them: what a baseline has room for bounds them.
    #[must_use]
    pub const fn without_bounds(self) -> Self {
        Self {
            per_workload: u32::MAX,
            per_namespace: u32::MAX,
            ..self
        }
    }
}

impl Default for AlertsPolicy {
    fn default() -> Self {
        Self {
            per_workload: 50,
            per_namespace: 500,
            retention_days: 30,
        }
    }
}
