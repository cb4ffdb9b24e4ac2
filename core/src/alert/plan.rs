//! The plan: which alerts to make and to change, out of what is quarantined.

mod planning;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use self::planning::{Planning, open_findings};
use super::{
    Alert,
    losses::copy_losses,
    room::{Crowd, LeftOutAlerts, Without, leave_out, sum},
    ruling::Denial,
};
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
    /// What else there is in its namespace.
    pub crowd: Crowd<'a>,
    /// Denials that could not be made, by the names of their objects, and why.
    pub refused: &'a BTreeMap<String, String>,
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
    /// Names of the alerts to be deleted: closed for longer than they are kept, or without room beside graver ones.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub delete: Vec<String>,
    /// What found no room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOutAlerts>,
    /// Names of alerts of other workloads that lost their room to these: their own plans let go of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub crowded_out: Vec<String>,
    /// Denials to be made before the alerts can say that they hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub denials: Vec<Denial>,
    /// When to plan again, although nothing may have happened until then.
    pub requeue_after: Option<Duration>,
    /// Why, a line a decision: the state that each finding got and the evidence for it.
    pub reasons: Vec<String>,
}

/// Plans the alerts of a workload: every quarantined entry of the baseline is a finding of exactly one alert, or is counted
/// among what found no room.
///
/// The plan is a function of what is there, never of what changed, so that an event missed, a crash before writing or a
/// second run do no harm: counts are copied from the baseline, and an alert's name follows from its first finding. An
/// entry that an alert has already stays there; another joins an open alert near in time, or opens one. A finding whose
/// entry was learned meanwhile is resolved, one whose entry is gone stays as it was: evidence is not taken back. A finding
/// that is closed accounts for what was seen until then; what is seen later is a finding of another alert, which names it.
pub fn plan_alerts(input: &AlertInput<'_>) -> AlertPlan {
    let mut plan = Planning::of(input);
    let mut alerts: Vec<Alert> = input.alerts.to_vec();
    alerts.sort_by(|a, b| a.name.cmp(&b.name));
    let mut held = BTreeSet::new();
    let open = open_findings(&alerts);
    for alert in &mut alerts {
        plan.bring_up(alert, &open, &mut held);
    }
    for alert in &alerts {
        plan.account_for(alert, &mut held);
    }
    plan.place(&mut alerts, &held);
    let mut delete = plan.let_go(&mut alerts);
    let Without { own: left_out, others } = leave_out(&mut alerts, input);
    let before = |alert: &Alert| input.alerts.iter().find(|before| before.name == alert.name);
    for alert in &mut alerts {
        let before = before(alert);
        copy_losses(alert, input.baseline, before);
    }
    let evicted = left_out.iter().filter(|alert| before(alert).is_some());
    delete.extend(evicted.map(|alert| alert.name.clone()));
    let (existing, create): (Vec<Alert>, Vec<Alert>) = alerts.into_iter().partition(|alert| before(alert).is_some());
    let (unchanged, update): (Vec<Alert>, Vec<Alert>) =
        existing.into_iter().partition(|alert| input.alerts.contains(alert));
    AlertPlan {
        create,
        update,
        unchanged: unchanged.into_iter().map(|alert| alert.name).collect(),
        delete,
        left_out: sum(&left_out),
        crowded_out: others,
        denials: plan.denials,
        requeue_after: plan.retry_after,
        reasons: plan.reasons,
    }
}
