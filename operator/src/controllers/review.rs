//! Review: what people decided about findings goes into the baselines that they were raised from.
//!
//! Level-triggered, as alerts are: what is written follows from the alerts and the baseline as they are. A decision that
//! was made while no operator ran, or was half carried out by one that died, is carried out by the next.

use std::{sync::Arc, time::Duration};

use anchorwatch_core::{
    alert::Alert,
    id::WorkloadKey,
    policy::Policy,
    review::{ReviewOutcome, review},
    rollout::Evidence,
};
use anchorwatch_crds::v1alpha1::BehaviorBaseline;
use jiff::Timestamp;
use kube::{Api, ResourceExt, runtime::controller::Action};
use tracing::info;

use super::{
    alert::alerts_of,
    driver::{Driver, queue},
};
use crate::{
    baselines, clock,
    context::Context,
    convert::{alert_from_crd, baseline_from_crd, from_clock},
    policies::Policies,
    world::{Guarded, changes::Change},
    writes::{Writes, unless_outdated},
};

const NAME: &str = "review";
/// How soon what is raised is looked at again: time alone makes it a habit, or a part of a rollout.
const LOOK_AGAIN: Duration = Duration::from_hours(1);

/// Runs the controller.
pub async fn run(context: &Context) {
    let concerned = |change| match change {
        Change::Baseline(baseline) => vec![baseline],
        Change::Alert(alert) => alert.status.as_ref().map_or_else(Vec::new, |status| {
            let namespace = alert.metadata.namespace.clone().unwrap_or_default();
            let about = WorkloadKey::new(&namespace, &status.workload.kind, &status.workload.name);
            vec![baselines::reference(&about)]
        }),
        Change::Report(_)
        | Change::Record(_)
        | Change::Intent(_)
        | Change::Policy
        | Change::ClusterPolicy
        | Change::Approval(_)
        | Change::Deployment(_)
        | Change::ReplicaSet(_)
        | Change::Pod(_) => Vec::new(),
    };
    let queue = queue(context.world.subscribe(), concerned);
    Driver::new(context, NAME, 2)
        .run(context.world.baselines.clone(), queue, |baseline| {
            reconcile(context, baseline)
        })
        .await;
}

async fn reconcile(context: &Context, baseline: Arc<Guarded<BehaviorBaseline>>) -> Result<Action, kube::Error> {
    let Ok(baseline) = &baseline.0 else {
        return Ok(Action::await_change());
    };
    let Some(known) = fetch(context, baseline) else {
        return Ok(Action::await_change());
    };
    let Some((next, outcome)) = plan(baseline, &known, clock::now()) else {
        return Ok(Action::requeue(LOOK_AGAIN));
    };
    let api = Api::namespaced(context.client.clone(), &next.namespace().unwrap_or_default());
    let written = Writes::new(&context.metrics, NAME).replace_status(&api, &next).await;
    if unless_outdated(written)?.is_some() {
        info!(
            namespace = next.namespace().unwrap_or_default(),
            name = next.name_any(),
            ?outcome,
            "decisions were carried out"
        );
    }
    Ok(Action::await_change())
}

/// What decisions are carried out with.
#[derive(Debug)]
struct Known {
    alerts: Vec<Alert>,
    policy: Policy,
    evidence: Evidence,
}

/// Gathers it; none where nobody decided anything.
fn fetch(context: &Context, baseline: &BehaviorBaseline) -> Option<Known> {
    let workload = baselines::workload_of(baseline);
    let objects = alerts_of(&context.world, &workload);
    let alerts: Vec<_> = objects
        .values()
        .filter_map(|guarded| alert_from_crd(guarded.0.as_ref().ok()?))
        .collect();
    if alerts.is_empty() {
        return None;
    }
    let policy = Policies::of(&context.world).holding_for(&context.world, &workload, baseline)?;
    Some(Known {
        alerts,
        policy,
        evidence: context.world.evidence(&workload),
    })
}

/// The baseline as decisions have it, where they change it.
fn plan(object: &BehaviorBaseline, known: &Known, now: Timestamp) -> Option<(BehaviorBaseline, ReviewOutcome)> {
    let mut baseline = baseline_from_crd(object.status.clone()?);
    let outcome = review(
        &mut baseline,
        &known.alerts,
        &known.policy,
        &known.evidence,
        from_clock(now),
    );
    outcome.changed().then(|| {
        let next = BehaviorBaseline {
            status: Some(baselines::status_of(object, &baseline, &known.policy, now)),
            ..object.clone()
        };
        (next, outcome)
    })
}

#[cfg(test)]
mod tests;
