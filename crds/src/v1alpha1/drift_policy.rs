//! What people ask for: which workloads are watched, what "normal" needs, and what a deviation leads to.

mod alerts;
mod baseline;
mod rollout;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Duration, FeedPolicies};

pub use alerts::AlertsPolicy;
pub use baseline::{AbsorbPolicy, AbsorbSeverity, BaselinePolicy, MaturityMethod, MaturityPolicy};
pub use rollout::{OnMatch, OnUnmatched, RolloutPolicy};

/// Asks for the workloads of its namespace that the selector matches to be watched, and says what a deviation from
/// their baseline leads to. Where several policies match a workload, the one with the highest priority holds, then the
/// older one, then the first by name; the others say so in a condition.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[kube(
    group = "anchorwatch.dev",
    version = "v1alpha1",
    kind = "DriftPolicy",
    plural = "driftpolicies",
    namespaced,
    status = "DriftPolicyStatus",
    derive = "PartialEq",
    derive = "Default",
    shortname = "dp",
    category = "drift",
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Priority", type_ = "integer", json_path = ".spec.priority"),
    printcolumn(name = "Workloads", type_ = "integer", json_path = ".status.workloads"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].status"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("(has(self.selector.matchLabels) && size(self.selector.matchLabels) > 0) || (has(self.selector.matchExpressions) && size(self.selector.matchExpressions) > 0)").message("spec.selector must not be empty: name at least one label under matchLabels or one expression under matchExpressions"))]
#[x_kube(validation = Rule::new("!has(self.rollout) || !has(self.rollout.retention) || !has(self.baseline) || !has(self.baseline.window) || int(self.rollout.retention.split('d')[0]) >= int(self.baseline.window.split('d')[0])").message("spec.rollout.retention must be at least spec.baseline.window: what a baseline remembers must not outlive the evidence of its rollouts"))]
pub struct DriftPolicySpec {
    /// Which workloads, by the labels of their pods. Must not be empty.
    pub selector: LabelSelector,
    /// The policy with the highest priority holds where several match a workload. Default 0.
    #[serde(default)]
    pub priority: i32,
    /// `Observe` records what it would have said; `Alert` opens alerts. Default `Observe`.
    #[serde(default)]
    pub mode: Mode,
    /// How long behaviour is remembered, and when a baseline is complete enough to judge by.
    #[serde(default)]
    pub baseline: BaselinePolicy,
    /// What is watched, feed by feed.
    #[serde(default)]
    pub feeds: FeedPolicies,
    /// How many alerts chance may raise.
    #[serde(default)]
    pub tolerance: TolerancePolicy,
    /// Which findings belong together.
    #[serde(default)]
    pub correlation: CorrelationPolicy,
    /// What a rollout explains.
    #[serde(default)]
    pub rollout: RolloutPolicy,
    /// How many alerts are kept, and for how long.
    #[serde(default)]
    pub alerts: AlertsPolicy,
}

/// As a DriftPolicy, for the workloads of every namespace. A DriftPolicy of the same priority goes before it.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[kube(
    group = "anchorwatch.dev",
    version = "v1alpha1",
    kind = "ClusterDriftPolicy",
    plural = "clusterdriftpolicies",
    status = "DriftPolicyStatus",
    derive = "PartialEq",
    derive = "Default",
    shortname = "cdp",
    category = "drift",
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode"),
    printcolumn(name = "Priority", type_ = "integer", json_path = ".spec.priority"),
    printcolumn(name = "Workloads", type_ = "integer", json_path = ".status.workloads"),
    printcolumn(
        name = "Accepted",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Accepted')].status"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.rollout) || !has(self.rollout.retention) || !has(self.baseline) || !has(self.baseline.window) || int(self.rollout.retention.split('d')[0]) >= int(self.baseline.window.split('d')[0])").message("spec.rollout.retention must be at least spec.baseline.window: what a baseline remembers must not outlive the evidence of its rollouts"))]
#[x_kube(validation = Rule::new("!has(self.feeds) || !has(self.feeds.process) || !has(self.feeds.process.arguments) || self.feeds.process.arguments != 'Full'").message("spec.feeds.process.arguments must be Redacted or None here: whose secrets they are says so in a DriftPolicy of that namespace"))]
pub struct ClusterDriftPolicySpec {
    /// Which workloads, by the labels of their pods. An empty selector matches every workload outside the namespace
    /// `kube-system`.
    pub selector: LabelSelector,
    /// The policy with the highest priority holds where several match a workload. Default 0.
    #[serde(default)]
    pub priority: i32,
    /// `Observe` records what it would have said; `Alert` opens alerts. Default `Observe`.
    #[serde(default)]
    pub mode: Mode,
    /// How long behaviour is remembered, and when a baseline is complete enough to judge by.
    #[serde(default)]
    pub baseline: BaselinePolicy,
    /// What is watched, feed by feed.
    #[serde(default)]
    pub feeds: FeedPolicies,
    /// How many alerts chance may raise.
    #[serde(default)]
    pub tolerance: TolerancePolicy,
    /// Which findings belong together.
    #[serde(default)]
    pub correlation: CorrelationPolicy,
    /// What a rollout explains.
    #[serde(default)]
    pub rollout: RolloutPolicy,
    /// How many alerts are kept, and for how long.
    #[serde(default)]
    pub alerts: AlertsPolicy,
}

impl From<ClusterDriftPolicySpec> for DriftPolicySpec {
    fn from(spec: ClusterDriftPolicySpec) -> Self {
        let ClusterDriftPolicySpec {
            selector,
            priority,
            mode,
            baseline,
            feeds,
            tolerance,
            correlation,
            rollout,
            alerts,
        } = spec;
        Self {
            selector,
            priority,
            mode,
            baseline,
            feeds,
            tolerance,
            correlation,
            rollout,
            alerts,
        }
    }
}

/// Whether a deviation is only recorded or opens an alert.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Mode {
    /// Alerts are recorded as `Observed`.
    #[default]
    Observe,
    /// Alerts are opened.
    Alert,
}

/// How many alerts chance may raise.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TolerancePolicy {
    /// Alerts for unusual commands that each workload may raise by chance in a week, between 0 and 100. The threshold is
    /// set so that normal work raises about so many: the less, the stranger a command has to be. Where too little was
    /// learned to tell anything as improbable, the finding is Info. To the thousandth. Default `0.1`, one in ten weeks.
    #[serde(default = "default_alerts")]
    #[schemars(range(min = 0.0, max = 100.0))]
    pub alerts_per_workload_per_week: f64,
}

/// Which findings belong together.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CorrelationPolicy {
    /// Findings of one workload and container within this time of each other join one alert, which takes findings for
    /// an hour at most. Default `10m`.
    #[serde(default = "default_correlation_window")]
    pub window: Duration,
}

/// What the operator says of a policy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftPolicyStatus {
    /// The generation that this status speaks of.
    #[serde(default)]
    pub observed_generation: i64,
    /// Number of workloads for which this policy holds.
    #[serde(default)]
    pub workloads: i32,
    /// `Accepted`: the specification makes sense. `Overridden`: another policy goes before it for some workload.
    /// `ReferencesResolved`: every ConfigMap that it refers to can be read and makes sense; what does not is left out of
    /// decisions.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

impl Default for TolerancePolicy {
    fn default() -> Self {
        Self {
            alerts_per_workload_per_week: default_alerts(),
        }
    }
}

impl Default for CorrelationPolicy {
    fn default() -> Self {
        Self {
            window: default_correlation_window(),
        }
    }
}

const fn default_alerts() -> f64 {
    0.1
}

const fn default_correlation_window() -> Duration {
    Duration::from_secs(600)
}
