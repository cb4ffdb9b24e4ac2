//! What a rollout explains.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::v1alpha1::{Days, Duration};

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
