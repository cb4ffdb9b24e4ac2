//! A search for behaviour: asked by a person, answered by the operator, gone after minutes.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Asks which workloads run a command line like this one. Only who may list BehaviorBaselines in this namespace may ask,
/// and everywhere for `allNamespaces`. The operator answers in `status` and deletes the query some minutes later.
#[derive(CustomResource, KubeSchema, Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[kube(
    group = "anchorwatch.dev",
    version = "v1alpha1",
    kind = "BehaviorQuery",
    plural = "behaviorqueries",
    namespaced,
    status = "BehaviorQueryStatus",
    derive = "PartialEq",
    shortname = "bq",
    category = "drift",
    validation = Rule::new("self.spec == oldSelf.spec").message("spec can't be changed: ask anew, under another name"),
    printcolumn(name = "Phase", type_ = "string", json_path = ".status.phase"),
    printcolumn(name = "Searched", type_ = "integer", json_path = ".status.searched"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BehaviorQuerySpec {
    /// The command line, without secrets and templated, as `kubectl drift search` writes it: it is readable by whoever may
    /// read this query.
    #[schemars(length(min = 1, max = 1024))]
    pub command: String,
    /// Workloads of every namespace, not of this one alone. Default false.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all_namespaces: bool,
    /// How many answers are wanted at the most. Default 10.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 50))]
    pub limit: i32,
}

/// What was found.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BehaviorQueryStatus {
    /// Whether it is answered: absent until it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<QueryPhase>,
    /// The moment that is answered for: what was learned later is not in the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_of: Option<Time>,
    /// Number of different command lines that were known then, of what was searched: this namespace, or all.
    #[serde(default)]
    pub searched: i64,
    /// Number of command lines, of what was searched, that found no room in the index: what is rare may be missing.
    #[serde(default)]
    pub left_out: i64,
    /// What was found, the most alike first.
    #[serde(default)]
    #[schemars(length(max = 50))]
    pub answers: Vec<QueryAnswer>,
}

/// How far a query is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum QueryPhase {
    /// The answer is in the status.
    Answered,
}

/// A command line that is like the one that was asked for, at one workload.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryAnswer {
    /// Namespace of the workload.
    #[schemars(length(max = 63))]
    pub namespace: String,
    /// Kind of the workload.
    #[schemars(length(max = 63))]
    pub kind: String,
    /// Name of the workload.
    #[schemars(length(max = 253))]
    pub name: String,
    /// Container in it.
    #[schemars(length(max = 63))]
    pub container: String,
    /// Executable of the process.
    pub executable: String,
    /// The command line, redacted on the node and templated; the executable where there is none.
    pub command: String,
    /// How alike it is, from 0 to 1: the features that both have, of those that either has, compared exactly.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub similarity: f64,
    /// When its process was first seen there.
    pub first_seen: Time,
    /// When its process was last seen there.
    pub last_seen: Time,
}

const fn default_limit() -> i32 {
    10
}
