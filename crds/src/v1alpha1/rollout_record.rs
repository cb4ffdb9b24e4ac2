//! Deployment evidence: what was rolled out, when, and which digests really run.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::WorkloadReference;

/// Evidence of one revision of a workload, written once all template containers of a first pod report their digests.
/// It can't be changed.
#[derive(CustomResource, KubeSchema, Clone, Debug, Deserialize, PartialEq, Serialize)]
#[kube(
    group = "anchorwatch.dev",
    version = "v1alpha1",
    kind = "RolloutRecord",
    plural = "rolloutrecords",
    namespaced,
    status = "RolloutRecordStatus",
    derive = "PartialEq",
    shortname = "rr",
    category = "drift",
    validation = Rule::new("self.spec == oldSelf.spec").message("a RolloutRecord is evidence: its spec can't be changed"),
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.workload.kind"),
    printcolumn(name = "Workload", type_ = "string", json_path = ".spec.workload.name"),
    printcolumn(name = "Revision", type_ = "integer", json_path = ".spec.revision"),
    printcolumn(name = "Digest", type_ = "string", json_path = ".spec.containers[0].digest"),
    printcolumn(name = "Started", type_ = "date", json_path = ".spec.startedAt"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct RolloutRecordSpec {
    /// The workload, in the record's namespace.
    pub workload: WorkloadReference,
    /// UID of the workload.
    #[schemars(length(min = 1, max = 36))]
    pub workload_uid: String,
    /// Revision number: it rises with each rollout, rollbacks included.
    #[schemars(range(min = 1))]
    pub revision: i64,
    /// Hash of the pod template.
    #[schemars(length(min = 1, max = 63))]
    pub template_hash: String,
    /// What the containers of the template run.
    #[schemars(length(min = 1, max = 64))]
    pub containers: Vec<RecordedContainer>,
    /// The pod whose status the digests were read from.
    #[schemars(length(max = 253))]
    pub witness: String,
    /// When the rollout started: when the revision's ReplicaSet was made or, for a rollback to an older one, when this
    /// revision was first seen.
    pub started_at: Time,
    /// When the record was written.
    pub recorded_at: Time,
    /// What the annotation `kubernetes.io/change-cause` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub change_cause: Option<String>,
}

/// What a container of a revision runs.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RecordedContainer {
    /// Name of the container.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// True for an init container.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub init: bool,
    /// The image that the template names.
    pub image: String,
    /// The digest that runs, `sha256:…`, from the pod's status.
    #[schemars(length(min = 1, max = 128))]
    pub digest: String,
}

/// What the operator says of a record.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutRecordStatus {
    /// When the rollout was complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<Time>,
    /// Conditions of the record.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}
