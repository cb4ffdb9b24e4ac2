//! What people ask for: which workloads are watched, what "normal" needs, and what a deviation leads to.

mod alerts;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, LabelSelector};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Days, Duration, FeedPolicies};

pub use alerts::AlertsPolicy;

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

/// How long behaviour is remembered, and when a baseline is complete enough to judge by.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaselinePolicy {
    /// The sliding window, in whole days: what was not seen for so long is no longer known. Default `7d`.
    #[serde(default = "default_window")]
    pub window: Days,
    /// When a baseline is complete enough to judge by.
    #[serde(default)]
    pub maturity: MaturityPolicy,
    /// What is learned although it was raised, because it repeats harmlessly.
    #[serde(default)]
    pub absorb: AbsorbPolicy,
}

/// What is learned although it was raised, because it repeats harmlessly: findings that nobody decided about, on enough
/// days and in enough of the running pods. Never what is no part of the image, destination groups, libraries, what is
/// started from outside, what can never be suppressed, or what only one node tells of where the workload runs on several.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AbsorbPolicy {
    /// Whether anything is. Default true.
    #[serde(default = "absorbs")]
    pub enabled: bool,
    /// The gravest severity that is. Default `Low`.
    #[serde(default)]
    pub severity: AbsorbSeverity,
    /// On how many different days it has to be seen. Default 5.
    #[serde(default = "default_days")]
    #[schemars(range(min = 1, max = 64))]
    pub days: i32,
    /// How many of a hundred running pods have to show it; of up to two pods, all. Default 50.
    #[serde(default = "default_percent")]
    #[schemars(range(min = 1, max = 100))]
    pub pods_percent: i32,
}

/// The gravest severity that is absorbed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum AbsorbSeverity {
    /// Low and below.
    #[default]
    Low,
    /// Medium and below.
    Medium,
}

/// When a baseline is complete enough to judge by.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MaturityPolicy {
    /// `Measured`: by how many new behaviours a week are still expected. After `minimum` and with 7 at most a baseline is
    /// Provisional, after 168 hours without a loss and with 2 at most it is Enforcing. `Elapsed`: Enforcing after `minimum`.
    /// Default `Measured`.
    #[serde(default)]
    pub method: MaturityMethod,
    /// Shortest time of observation: with `Measured` in hours in which a pod ran, with `Elapsed` since the first.
    /// Default `72h`.
    #[serde(default = "default_minimum")]
    pub minimum: Duration,
    /// Longest time since the first observation, after which a baseline is Enforcing whatever was measured, so that a
    /// restless workload is not watched with half an eye for ever. Default `14d`.
    #[serde(default = "default_maximum")]
    pub maximum: Duration,
}

/// How it is decided that a baseline is complete enough.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum MaturityMethod {
    /// By what was measured of the workload's novelty.
    #[default]
    Measured,
    /// By time alone.
    Elapsed,
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

/// What a rollout explains.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RolloutPolicy {
    /// What happens to a finding that a rollout explains. Default `Suppress`.
    #[serde(default)]
    pub on_match: OnMatch,
    /// What happens to a finding that none explains. `Queue`: its state becomes `PendingReview`. `Escalate`: Escalated.
    /// Without it: Open below High, and Escalated from High on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_unmatched: Option<OnUnmatched>,
    /// How long after its start a rollout explains anything. Default `1h`.
    #[serde(default = "default_rollout_window")]
    pub window: Duration,
    /// Field managers, as `metadata.managedFields` names them, whose rollouts explain anything: `argocd-controller`,
    /// `kustomize-controller`, `helm`. Others' are tagged and explain nothing. Empty, which is the default: anybody's. The
    /// name is what the client claims.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub trusted_managers: Vec<String>,
    /// Whether a rollout explains anything only where admission ties its manager's name to its users (`evidence.managers` in
    /// the chart's values; `who.verified` on the record). Others' are tagged and explain nothing. Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_verified: bool,
    /// Users, by the name that the API server knows them by, one of whom has to have announced a rollout by a RolloutIntent
    /// before it started. Others' are tagged and explain nothing, and so is what an intent that lists its `expect` did not
    /// expect. Empty, which is the default: no announcement is needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub require_intent_from: Vec<String>,
    /// Annotations, or labels, of the workload or its template that tell the revision of the sources, for the record: the
    /// first that is there.
    #[serde(default = "default_git_revision_annotations")]
    #[schemars(length(max = 16))]
    pub git_revision_annotations: Vec<String>,
    /// How long RolloutRecords are kept, in whole days: at least `baseline.window`. Default `90d`.
    #[serde(default = "default_retention")]
    pub retention: Days,
}

/// What happens to a finding that a rollout explains.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum OnMatch {
    /// It is tagged with the record and suppressed, never deleted.
    #[default]
    Suppress,
    /// It is tagged with the record and stays open.
    Tag,
}

/// What happens to a finding that no rollout explains. `Queue`: its state becomes `PendingReview`. `Escalate`: Escalated.
/// Without it: Open below High, and Escalated from High on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum OnUnmatched {
    /// It waits for review: `PendingReview`.
    Queue,
    /// It escalates: Escalated.
    Escalate,
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

impl Default for BaselinePolicy {
    fn default() -> Self {
        Self {
            window: default_window(),
            maturity: MaturityPolicy::default(),
            absorb: AbsorbPolicy::default(),
        }
    }
}

impl Default for AbsorbPolicy {
    fn default() -> Self {
        Self {
            enabled: absorbs(),
            severity: AbsorbSeverity::default(),
            days: default_days(),
            pods_percent: default_percent(),
        }
    }
}

impl Default for MaturityPolicy {
    fn default() -> Self {
        Self {
            method: MaturityMethod::default(),
            minimum: default_minimum(),
            maximum: default_maximum(),
        }
    }
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

impl Default for RolloutPolicy {
    fn default() -> Self {
        Self {
            on_match: OnMatch::default(),
            on_unmatched: None,
            window: default_rollout_window(),
            trusted_managers: Vec::new(),
            require_verified: false,
            require_intent_from: Vec::new(),
            git_revision_annotations: default_git_revision_annotations(),
            retention: default_retention(),
        }
    }
}

const fn default_window() -> Days {
    match Days::new(7) {
        Some(days) => days,
        None => unreachable!(),
    }
}

const fn absorbs() -> bool {
    true
}

const fn default_days() -> i32 {
    5
}

const fn default_percent() -> i32 {
    50
}

const fn default_minimum() -> Duration {
    Duration::from_secs(72 * 3_600)
}

const fn default_maximum() -> Duration {
    Duration::from_secs(14 * 86_400)
}

const fn default_alerts() -> f64 {
    0.1
}

const fn default_correlation_window() -> Duration {
    Duration::from_secs(600)
}

const fn default_rollout_window() -> Duration {
    Duration::from_secs(3_600)
}

const fn default_retention() -> Days {
    match Days::new(90) {
        Some(days) => days,
        None => unreachable!(),
    }
}

fn default_git_revision_annotations() -> Vec<String> {
    [
        "anchorwatch.dev/git-revision",
        "argocd.argoproj.io/revision",
        "kustomize.toolkit.fluxcd.io/revision",
        "org.opencontainers.image.revision",
        "app.kubernetes.io/version",
    ]
    .map(str::to_owned)
    .into()
}
