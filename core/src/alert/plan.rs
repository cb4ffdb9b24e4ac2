//! The plan: which alerts to make and to change, out of what is quarantined.

use serde::Serialize;

use super::Alert;
use crate::{
    baseline::Baseline,
    id::WorkloadKey,
    policy::Policy,
    rollout::Evidence,
    time::{Duration, Timestamp},
};

/// All that alerts are a function of.
#[derive(Clone, Copy, Debug)]
pub struct AlertInput<'a> {
    /// The workload.
    pub workload: &'a WorkloadKey,
    /// What was learned and quarantined.
    pub baseline: &'a Baseline,
    /// The workload's alerts that exist.
    pub alerts: &'a [Alert],
    /// The policy that holds.
    pub policy: &'a Policy,
    /// Its rollouts and pods.
    pub evidence: &'a Evidence,
    /// The time.
    pub now: Timestamp,
}

/// What to do about a workload's alerts.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct AlertPlan {
    /// Alerts to make.
    pub create: Vec<Alert>,
    /// Alerts whose status differs.
    pub update: Vec<Alert>,
    /// Names of the alerts that stay as they are.
    pub unchanged: Vec<String>,
    /// When to plan again, although nothing may have happened until then.
    pub requeue_after: Option<Duration>,
    /// Why, a line a decision: the state that each finding got and the evidence for it.
    pub reasons: Vec<String>,
}

/// Plans the alerts of a workload.
pub fn plan_alerts(input: &AlertInput<'_>) -> AlertPlan {
    todo!("{input:?}")
}
