//! What a baseline, an alert or a record is about.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The top controller of a pod, in the namespace of the object that names it.
#[derive(Clone, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadReference {
    /// Kind of the top controller: Deployment, StatefulSet, DaemonSet, CronJob, Job, ReplicaSet or Pod. `Node` for what a
    /// node itself does, in the operator's namespace.
    #[schemars(length(min = 1, max = 63))]
    pub kind: String,
    /// Name of the top controller.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}
