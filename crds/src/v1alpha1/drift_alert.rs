//! A drift: what deviated, what explains it, and what a person decided.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Behavior, BehaviorAttributes, CommandScore, FeedName, Loss, PodSighting, WorkloadReference};

/// A drift of one workload, whatever the number of events and replicas. People write `spec.dispositions`, the operator
/// the rest.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[kube(
    group = "anchorwatch.dev",
    version = "v1alpha1",
    kind = "DriftAlert",
    plural = "driftalerts",
    namespaced,
    status = "DriftAlertStatus",
    derive = "PartialEq",
    shortname = "da",
    category = "drift",
    printcolumn(name = "Severity", type_ = "string", json_path = ".status.severity"),
    printcolumn(name = "State", type_ = "string", json_path = ".status.state"),
    printcolumn(name = "Workload", type_ = "string", json_path = ".status.workloadName"),
    printcolumn(name = "Finding", type_ = "string", json_path = ".status.summary"),
    printcolumn(name = "Rollout", type_ = "string", json_path = ".status.rollout"),
    printcolumn(name = "Count", type_ = "integer", json_path = ".status.count"),
    printcolumn(name = "Pods", type_ = "integer", json_path = ".status.pods", priority = 1),
    printcolumn(name = "Last seen", type_ = "date", json_path = ".status.lastSeen"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DriftAlertSpec {
    /// What people decided, by the id of the finding (`status.findings[].id`).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 64))]
    pub dispositions: BTreeMap<String, Disposition>,
}

/// What somebody decided about a finding. What came of it is said under `status.findings[].decision`.
///
/// A decision covers what was there: what is accepted is known from then on in this container of this workload, in every
/// pod, until a graver rule raises it; what is dismissed or denied is closed as it was, and seen again it is a new finding.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Disposition {
    /// The decision.
    pub decision: Decision,
    /// Why.
    #[serde(default)]
    #[schemars(length(max = 1024))]
    pub reason: String,
    /// Who decided: the requester's user name.
    #[schemars(length(min = 1, max = 253))]
    pub decided_by: String,
    /// What you had seen of the finding. The decision covers no more than that: it is refused where a graver rule raised the
    /// finding since, and what was seen later is a finding of its own. Without it, what is there when it is taken note of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<DecidedOn>,
}

/// What somebody had seen of a finding who decided about it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecidedOn {
    /// The rule that had raised it.
    #[schemars(length(min = 1, max = 63))]
    pub rule: String,
    /// How often it was seen by then.
    #[schemars(range(min = 0))]
    pub count: i64,
    /// When it was last seen by then.
    pub last_seen: Time,
}

/// A decision about a finding.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Decision {
    /// It is normal from now on.
    Accept,
    /// It was harmless this time.
    Dismiss,
    /// It can never be normal.
    Deny,
    /// Somebody has to look at it now.
    Escalate,
}

/// How grave a finding is, the least first.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Severity {
    /// Worth a line in a report.
    #[default]
    Info,
    /// Look when there is time.
    Low,
    /// Look today.
    Medium,
    /// Look now.
    High,
    /// Wake somebody.
    Critical,
}

/// Where an alert or a finding stands.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
pub enum AlertState {
    /// Waits, up to a minute, for the digests of the pods that show it.
    #[default]
    Correlating,
    /// Recorded by a policy that only observes.
    Observed,
    /// Open, and not explained by a rollout.
    Open,
    /// Explained by a rollout.
    Suppressed,
    /// Waits for review.
    PendingReview,
    /// Escalated.
    Escalated,
    /// Somebody accepted it.
    Accepted,
    /// Somebody dismissed it.
    Dismissed,
    /// Somebody denied it.
    Denied,
    /// It no longer happens.
    Resolved,
}

/// What the operator knows of a drift.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftAlertStatus {
    /// The gravest of its findings' severities.
    #[serde(default)]
    pub severity: Severity,
    /// The most urgent of its findings' states.
    #[serde(default)]
    pub state: AlertState,
    /// The workload.
    pub workload: WorkloadReference,
    /// `<kind>/<name>` of the workload, for the column.
    #[serde(default)]
    pub workload_name: String,
    /// The container.
    #[serde(default)]
    #[schemars(length(max = 63))]
    pub container: String,
    /// The gravest finding in words, for the column.
    #[serde(default)]
    pub summary: String,
    /// Name of the RolloutRecord that explains it, for the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<String>,
    /// How often its findings were seen.
    #[serde(default)]
    pub count: i64,
    /// Number of different pods that show it.
    #[serde(default)]
    pub pods: i32,
    /// When its first finding was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_seen: Option<Time>,
    /// When its last finding was last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<Time>,
    /// What deviated.
    #[serde(default)]
    #[schemars(length(max = 64))]
    pub findings: Vec<Finding>,
    /// What the sensors on nodes of its pods lost from an hour before its first finding on, by feed: the picture may lack
    /// something. Counts are those of the baseline.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 96))]
    pub evidence: Vec<Loss>,
    /// The policy that asked for it, `<namespace>/<name>` or, for a ClusterDriftPolicy, `<name>`.
    #[serde(default)]
    pub policy: String,
    /// Conditions of the alert.
    #[serde(default)]
    pub conditions: Vec<Condition>,
}

/// One thing that deviated.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// Identity, 32 hexadecimal digits: the same behaviour of the same container always has the same.
    #[schemars(length(max = 32))]
    pub id: String,
    /// The rule that raised it.
    #[schemars(length(max = 63))]
    pub rule: String,
    /// The feed that saw it.
    pub feed: FeedName,
    /// It in words.
    pub summary: String,
    /// How grave it is.
    pub severity: Severity,
    /// The terms that its severity adds up from.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub severity_terms: Vec<String>,
    /// Where it stands.
    pub state: AlertState,
    /// Executables that led to it, outermost first, its own last.
    #[serde(default)]
    #[schemars(length(max = 8))]
    pub lineage: Vec<String>,
    /// The behaviour, under the name of its feed.
    #[serde(flatten)]
    pub behavior: Behavior,
    /// What else was seen of it.
    #[serde(default, skip_serializing_if = "BehaviorAttributes::is_empty")]
    pub attributes: BehaviorAttributes,
    /// How often it was seen.
    pub count: i64,
    /// Number of different pods that showed it, at least: as many as are kept, or as one report named.
    pub pods: i32,
    /// Pods that showed it, sampled.
    #[serde(default)]
    #[schemars(length(max = 32))]
    pub shown_by: Vec<PodSighting>,
    /// When it was first seen.
    pub first_seen: Time,
    /// When it was last seen.
    pub last_seen: Time,
    /// What the deployment evidence says of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutMatch>,
    /// True where the API server did not know the pod any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unverified: bool,
    /// True while it was only found (running, mapped or open) when a sensor started, and never seen to happen:
    /// `firstSeen` is when it was found.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub snapshot: bool,
    /// Of an unusual command: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<CommandScore>,
    /// What somebody decided about it, and what came of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<FindingDecision>,
    /// Name of the alert in which the same finding was closed before, where it came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 253))]
    pub recurs: Option<String>,
    /// Why it is resolved, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
}

/// A decision about a finding as the operator took note of it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FindingDecision {
    /// The decision.
    pub decision: Decision,
    /// Who decided.
    #[schemars(length(max = 253))]
    pub decided_by: String,
    /// When the operator took note of it.
    pub decided_at: Time,
    /// What came of it.
    pub outcome: DecisionOutcome,
    /// What is awaited, or why it is refused and what helps.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// What came of a decision.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub enum DecisionOutcome {
    /// It holds.
    Done,
    /// It is being carried out.
    #[default]
    Pending,
    /// It can't be carried out.
    Refused,
}

/// What the deployment evidence says of a finding.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutMatch {
    /// Name of the RolloutRecord.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
    /// Whether it explains the finding.
    #[serde(rename = "match")]
    pub verdict: RolloutVerdict,
    /// Why, in a sentence with the evidence.
    pub reason: String,
}

/// Whether a rollout explains a finding.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, JsonSchema, PartialEq, Serialize)]
pub enum RolloutVerdict {
    /// Digests or records are still awaited.
    Pending,
    /// A rollout explains it.
    Matched,
    /// A rollout is near, but does not explain all of it: tagged, and still open.
    Partial,
    /// No rollout explains it.
    Unmatched,
    /// No rollout could: findings of this kind are never suppressed.
    Never,
}
