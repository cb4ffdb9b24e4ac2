//! What people decided about behaviour, apart from what was learned, so that neither can destroy the other.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::WorkloadReference;

/// Behaviour of one workload that people approve, or deny for ever. Kept in Git, it reads well in a pull request.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[kube(
    group = "anchorwatch.dev",
    version = "v1alpha1",
    kind = "BehaviorApproval",
    plural = "behaviorapprovals",
    namespaced,
    status = "BehaviorApprovalStatus",
    derive = "PartialEq",
    shortname = "ba",
    category = "drift",
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.workload.kind"),
    printcolumn(name = "Workload", type_ = "string", json_path = ".spec.workload.name"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].status"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("size(self.approve) + size(self.deny) > 0").message("name at least one behaviour under spec.approve or spec.deny"))]
pub struct BehaviorApprovalSpec {
    /// The workload, in the approval's namespace.
    pub workload: WorkloadReference,
    /// Processes that are normal. They match exactly.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub approve: Vec<ApprovedProcess>,
    /// Processes that can never be learned. A denial goes before an approval.
    #[serde(default)]
    #[schemars(length(max = 256))]
    pub deny: Vec<ApprovedProcess>,
}

/// A process as people name it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApprovedProcess {
    /// Path of the executable inside the container.
    #[schemars(length(min = 1))]
    pub executable: String,
    /// Path of the parent executable; any, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The container; any, where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub container: Option<String>,
}

/// What the operator says of an approval.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BehaviorApprovalStatus {
    /// The generation that this status speaks of.
    #[serde(default)]
    pub observed_generation: i64,
    /// `Accepted`: the approval takes part in decisions.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}
