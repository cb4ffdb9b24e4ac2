//! What people decided about behaviour, apart from what was learned, so that neither can destroy the other.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NamedBehaviors, WorkloadReference};

/// Behaviour that people approve, or deny for ever. Kept in Git, it reads well in a pull request. It may exist before its
/// workload does, and it outlives it. Nothing is learned from it: where it is taken away, what was learned is as it was.
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
    printcolumn(name = "Freeze", type_ = "boolean", json_path = ".spec.freeze"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].status"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("has(self.workload) != has(self.selector)").message("name either spec.workload, for one workload, or spec.selector, for every workload of the namespace whose pods have its labels, and not both"))]
#[x_kube(validation = Rule::new("!has(self.selector) || (has(self.selector.matchLabels) && size(self.selector.matchLabels) > 0) || (has(self.selector.matchExpressions) && size(self.selector.matchExpressions) > 0)").message("spec.selector must not be empty: name at least one label under matchLabels or one expression under matchExpressions"))]
#[x_kube(validation = Rule::new("has(self.approve) || has(self.deny) || has(self.inheritFrom) || (has(self.freeze) && self.freeze)").message("say something: list behaviour under spec.approve or spec.deny, set spec.freeze, or name a workload under spec.inheritFrom"))]
#[x_kube(validation = Rule::new("!has(self.inheritFrom) || (has(self.workload) && (self.inheritFrom.kind != self.workload.kind || self.inheritFrom.name != self.workload.name))").message("spec.inheritFrom needs spec.workload, and must name another workload than that"))]
#[x_kube(validation = Rule::new("!has(self.approve) || !has(self.approve.modules) || self.approve.modules.all(module, has(module.sha256))").message("spec.approve.modules: each needs sha256, the hash of the file in 64 hexadecimal digits: a path says nothing of what lies there"))]
pub struct BehaviorApprovalSpec {
    /// The workload, in the approval's namespace. It need not exist yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadReference>,
    /// Instead of one workload: all of the namespace whose pods have these labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// Nothing is learned and nothing forgotten: what is not known is raised, however young the baseline is. Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub freeze: bool,
    /// A workload of the same namespace whose denials hold here, too, as those of the blue one of a blue-green pair; and, once,
    /// whose learned behaviour is taken over, where containers of both run the same image digest. What was taken over lapses
    /// after the window unless it is seen here, and does not make this baseline mature. What was approved or accepted there
    /// is not taken over. The condition `Inherited` says what became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherit_from: Option<WorkloadReference>,
    /// Behaviour that is normal. It is not learned by that: without the approval it is as new as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approve: Option<NamedBehaviors>,
    /// Behaviour that is raised from the first moment on and never learned. A denial goes before an approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deny: Option<NamedBehaviors>,
}

/// What the operator says of an approval.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BehaviorApprovalStatus {
    /// The generation that this status speaks of.
    #[serde(default)]
    pub observed_generation: i64,
    /// Number of workloads that it holds for, of those that have a baseline.
    #[serde(default)]
    pub workloads: i32,
    /// `Accepted`: the approval takes part in decisions. `Inherited`: what the workload under `inheritFrom` learned was taken
    /// over.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}
