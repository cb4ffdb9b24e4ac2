//! What was judged usual and is not learned yet.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A command line that was judged usual, and is not learned yet.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CandidateCommand {
    /// Identity of the program's behaviour, 32 hexadecimal digits.
    #[schemars(length(max = 32))]
    pub program: String,
    /// The line, redacted and templated.
    #[schemars(length(max = 1024))]
    pub command: String,
    /// When it was first seen.
    pub first_seen: Time,
    /// When it was last seen.
    pub last_seen: Time,
    /// The day of the newest bit in `days`, in days since 1970-01-01.
    pub last_day: i64,
    /// One bit a day on which it was seen: bit 0 is `lastDay`, bit 1 the day before, and so on.
    pub days: i64,
    /// UIDs of pods that ran it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 12), inner(length(max = 36)))]
    pub pods: Vec<String>,
}
