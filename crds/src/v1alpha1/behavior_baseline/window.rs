//! The window that a baseline ages by.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The window that a baseline ages by.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LearningWindow {
    /// Its days, before today.
    #[schemars(range(min = 0, max = 255))]
    pub days: i32,
    /// Since when the policy asks for a shorter one. Once it has asked for a day, what the shorter one does not hold is
    /// forgotten; if it asks for the longer one again before, nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shorter_since: Option<Time>,
}
