//! What a pipeline says before a deploy that it is going to be.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, NamedBehaviors, WorkloadReference};

/// Announces a rollout before it starts: which digests will run, of which sources, and what they will newly do. The rollout's
/// record names it then, and alerts say so. Under a policy with `rollout.requireIntentFrom`, only what was announced by one
/// of those users is explained by a rollout. It can't be changed: write another one. What can never be suppressed, no
/// announcement excuses.
#[derive(CustomResource, KubeSchema, Clone, Debug, Deserialize, PartialEq, Serialize)]
#[kube(
    group = "anchorwatch.dev",
    version = "v1alpha1",
    kind = "RolloutIntent",
    plural = "rolloutintents",
    namespaced,
    status = "RolloutIntentStatus",
    derive = "PartialEq",
    shortname = "ri",
    category = "drift",
    validation = Rule::new("self.spec == oldSelf.spec").message("a RolloutIntent is what somebody said before a rollout: its spec can't be changed; write another one"),
    printcolumn(name = "Kind", type_ = "string", json_path = ".spec.workload.kind"),
    printcolumn(name = "Workload", type_ = "string", json_path = ".spec.workload.name"),
    printcolumn(name = "By", type_ = "string", json_path = ".spec.by"),
    printcolumn(name = "Git", type_ = "string", json_path = ".spec.gitRevision"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Record", type_ = "string", json_path = ".status.record"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("has(self.workload) != has(self.selector)").message("name either spec.workload, for one workload, or spec.selector, for every workload of the namespace whose pods have its labels, and not both"))]
#[x_kube(validation = Rule::new("!has(self.selector) || (has(self.selector.matchLabels) && size(self.selector.matchLabels) > 0) || (has(self.selector.matchExpressions) && size(self.selector.matchExpressions) > 0)").message("spec.selector must not be empty: name at least one label under matchLabels or one expression under matchExpressions"))]
pub struct RolloutIntentSpec {
    /// The workload, in the intent's namespace. It need not exist yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<WorkloadReference>,
    /// Instead of one workload: all of the namespace whose pods have these labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
    /// What will run: at least one container. What a container that is not named newly does is not announced.
    #[schemars(length(min = 1, max = 64))]
    pub containers: Vec<IntendedContainer>,
    /// The revision of the sources. Where the workload tells one, too, by an annotation that the policy names, both have to be
    /// the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub git_revision: Option<String>,
    /// What the new revision will newly do. The record's status says which of it was seen, and what else was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<NamedBehaviors>,
    /// Who announces it: the requester's user name, to which admission holds it.
    #[schemars(length(min = 1, max = 253))]
    pub by: String,
    /// How long after the intent was written the rollout has to start, at most `7d`: more counts as that. Default `1h`.
    #[serde(default = "default_valid_for")]
    pub valid_for: Duration,
}

/// What a container will run.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IntendedContainer {
    /// Name of the container.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// The digest that will run, or the digest that the template's image will name: `sha256:` and 64 hexadecimal digits.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"), length(max = 71))]
    pub digest: String,
}

/// What the operator says of an intent.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutIntentStatus {
    /// What became of it.
    #[serde(default)]
    pub state: IntentState,
    /// Name of the RolloutRecord of the rollout that it announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub record: Option<String>,
    /// Why it announced none, or what of it can't be taken as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// What became of an intent.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub enum IntentState {
    /// No rollout that it announces started yet.
    #[default]
    Waiting,
    /// A rollout is recorded as announced by it.
    Announced,
    /// No rollout that it announced started in time.
    Missed,
}

const fn default_valid_for() -> Duration {
    Duration::from_secs(3_600)
}
