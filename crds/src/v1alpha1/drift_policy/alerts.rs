//! How many alerts are kept, and for how long.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::v1alpha1::Days;

/// How many alerts are kept, and for how long.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AlertsPolicy {
    /// Most alerts below High of a workload that nobody decided about; as many again that are only observed. The graver go
    /// before the less grave, and of equals what is there; an eighth of the room is each severity's own. What finds no room is
    /// counted by an alert of the workload `Namespace/<namespace>`, itself High. What is High or above, decided or suppressed
    /// takes none. Default 50.
    #[serde(default = "default_per_workload")]
    #[schemars(range(min = 1, max = 500))]
    pub per_workload: i32,
    /// The same for all workloads of a namespace together, as the policy of the workload has it that needs room. Default 500.
    #[serde(default = "default_per_namespace")]
    #[schemars(range(min = 1, max = 5000))]
    pub per_namespace: i32,
    /// How long an alert is kept that is closed, in whole days after the last of it was seen and decided about. What is open
    /// is kept, unless its workload is gone for longer than that. Default `30d`.
    #[serde(default = "default_retention")]
    pub retention: Days,
}

impl Default for AlertsPolicy {
    fn default() -> Self {
        Self {
            per_workload: default_per_workload(),
            per_namespace: default_per_namespace(),
            retention: default_retention(),
        }
    }
}

const fn default_per_workload() -> i32 {
    50
}

const fn default_per_namespace() -> i32 {
    500
}

const fn default_retention() -> Days {
    match Days::new(30) {
        Some(days) => days,
        None => unreachable!(),
    }
}
