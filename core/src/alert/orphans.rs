//! The alerts of a workload that has no baseline any more: it was gone for longer than what was raised in it is kept.

use std::collections::BTreeMap;

use super::{Alert, AlertInput, AlertPlan, Decision, Finding, Outcome, plan_alerts, retention, room::Crowd};
use crate::{
    baseline::Baseline,
    id::WorkloadKey,
    policy::Policy,
    rollout::Evidence,
    time::{Duration, Timestamp},
};

/// Plans them: people's decisions are carried out as far as that goes without a baseline. Each alert goes so long after it was
/// last seen and decided about, whether anybody closed it or not: nothing is left that could be seen again.
///
/// `policy` says for how long, and what is denied. Its bounds do not hold: what has no room beside graver alerts waits in the
/// baseline elsewhere, and here there is none.
pub fn plan_orphans(
    workload: &WorkloadKey,
    alerts: &[Alert],
    policy: &Policy,
    refused: &BTreeMap<String, String>,
    now: Timestamp,
) -> AlertPlan {
    let policy = Policy {
        alerts: policy.alerts.without_bounds(),
        ..policy.clone()
    };
    let mut plan = plan_alerts(&AlertInput {
        workload,
        baseline: &Baseline::default(),
        alerts,
        policy: &policy,
        evidence: &Evidence::default(),
        crowd: Crowd::default(),
        refused,
        now,
    });
    for finding in plan.update.iter_mut().flat_map(|alert| &mut alert.findings) {
        refuse_to_accept(finding);
    }
    plan.unchanged.extend(
        plan.update
            .extract_if(.., |alert| alerts.contains(alert))
            .map(|alert| alert.name),
    );
    let as_planned = plan.update.iter().cloned();
    let as_before = alerts.iter().filter(|alert| plan.unchanged.contains(&alert.name));
    for alert in as_planned.chain(as_before.cloned()).collect::<Vec<_>>() {
        let ends = retention::after_last(&alert, policy.alerts);
        if ends <= now {
            plan.reasons.push(format!(
                "{}: workload and baseline are gone, and it was kept for as long",
                alert.name
            ));
            plan.update.retain(|update| update.name != alert.name);
            plan.unchanged.retain(|name| *name != alert.name);
            plan.delete.push(alert.name);
        } else {
            let left: Duration = ends.since(now);
            plan.requeue_after = Some(plan.requeue_after.map_or(left, |sooner| sooner.min(left)));
        }
    }
    plan
}

/// An acceptance waits for the baseline, and here there is none that could take anything in.
fn refuse_to_accept(finding: &mut Finding) {
    let Some(decided) = &mut finding.decided else { return };
    if decided.decision == Decision::Accept && matches!(decided.outcome, Outcome::Awaits(_)) {
        let why = "the workload is gone, and its baseline with it: approve it in a BehaviorApproval instead";
        decided.outcome = Outcome::Refused(why.to_owned());
    }
}
