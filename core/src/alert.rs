//! Alerts: what is quarantined in a baseline, grouped, matched with rollouts, and given a state.

mod burst;
mod companion;
mod disposition;
mod finding;
mod group;
mod losses;
mod mismatch;
mod namespace;
mod orphans;
mod overflow;
mod plan;
mod retention;
mod room;
mod ruling;
mod settle;
mod state;
#[cfg(test)]
mod tests;
pub mod transition;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    behaviour::Feed,
    id::{ContainerName, FindingId, WorkloadKey},
    severity::Severity,
    time::Timestamp,
};

pub use disposition::{Decided, DecidedOn, Decision, Disposition, Outcome};
pub use finding::{Finding, MAX_SHOWN_BY};
pub use group::{MAX_AGE, MAX_FINDINGS};
pub use namespace::{KIND as NAMESPACE_KIND, plan_namespace, workload as namespace_workload};
pub use orphans::plan_orphans;
pub use plan::{AlertInput, AlertPlan, plan_alerts};
pub use room::{Crowd, LeftOutAlerts, Place};
pub use ruling::Denial;
pub(crate) use ruling::is_decided;
pub use state::AlertState;

/// A DriftAlert as far as decisions need it: its status, and which of its findings people have decided about.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Alert {
    /// Name of the object.
    pub name: String,
    /// The workload.
    pub workload: WorkloadKey,
    /// The container.
    pub container: ContainerName,
    /// The policy that asked for it.
    pub policy: String,
    /// What deviated, oldest first.
    pub findings: Vec<Finding>,
    /// What the sensors lost meanwhile, by feed and reason.
    pub evidence: BTreeMap<Feed, BTreeMap<String, u64>>,
    /// What people decided about its findings (`spec.dispositions`). An input: never planned.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dispositions: BTreeMap<FindingId, Disposition>,
    /// Whether somebody decided about something that is no finding's id, as a slip of the pen has it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mistyped: bool,
    /// Whether it holds findings that this version can't read: a newer one wrote it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// The gravest of its findings' severities.
    pub severity: Severity,
    /// The most urgent of its findings' states.
    pub state: AlertState,
    /// The gravest of its most urgent findings, in words.
    pub summary: String,
    /// Name of the RolloutRecord that explains the finding which speaks for it.
    pub rollout: Option<String>,
    /// How often its findings were seen.
    pub count: u64,
    /// Number of different pods that show it, at least.
    pub pods: u32,
    /// When its first finding was first seen.
    pub first_seen: Timestamp,
    /// When its last finding was last seen.
    pub last_seen: Timestamp,
}

impl Alert {
    /// Whether nobody decided about anything in it. Somebody's slip of the pen is a decision, too: what it is about must not
    /// go while they think that it was taken note of.
    pub(crate) fn is_untouched(&self) -> bool {
        self.dispositions.is_empty() && !self.mistyped
    }
}
