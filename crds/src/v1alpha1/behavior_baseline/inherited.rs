//! From whom learned behaviour was taken over.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A workload whose learned behaviour was taken over.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InheritedFrom {
    /// Kind and name of the workload, of the same namespace: `Deployment/blue`.
    #[schemars(length(max = 317))]
    pub workload: String,
    /// When it was.
    pub at: Time,
}
