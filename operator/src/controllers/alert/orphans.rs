//! The alerts of workloads that have no baseline any more, because they were gone for long or somebody deleted it.

use std::{collections::BTreeSet, time::Duration};

use anchorwatch_core::{
    alert::{NAMESPACE_KIND, plan_orphans},
    id::WorkloadKey,
    policy::{AlertsPolicy, Policy},
};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, DriftAlert};
use kube::runtime::reflector::ObjectRef;

use super::{
    CATCH_UP, apply,
    expect::Expected,
    fetch::{self, alerts_of, readable_of},
    plan::as_objects,
};
use crate::{
    approvals::Accepted,
    baselines, clock,
    context::Context,
    controllers::keyed,
    convert::from_clock,
    policies::longest_keeping,
    refusals::BELIEVED,
    world::{Guarded, World, changes::Change, readable, resolve::Workload},
};

const NAME: &str = "alert-orphans";

/// Runs the controller.
pub async fn run(context: &Context) {
    let expected = Expected::default();
    let changes = context.world.subscribe();
    let concerned = |change| concerned(&context.world, change);
    keyed::run(context, NAME, changes, concerned, |workload| {
        reconcile(context, &expected, workload)
    })
    .await;
}

/// The workloads without a baseline whose alerts may follow otherwise from now on.
fn concerned(world: &World, change: Change) -> Vec<WorkloadKey> {
    match change {
        Change::Alert(alert) => workload_of(&alert)
            .filter(|workload| has_none(world, workload))
            .into_iter()
            .collect(),
        Change::Baseline(baseline) => without_baseline(world, &baseline),
        // A denial may have become one.
        Change::Approval(approval) => {
            let alerts = readable(&world.alerts);
            let alerts = alerts.iter().filter_map(|guarded| guarded.0.as_ref().ok());
            let within = alerts.filter(|alert| alert.metadata.namespace == approval.namespace);
            let about: BTreeSet<_> = within.filter_map(workload_of).collect();
            about.into_iter().filter(|workload| has_none(world, workload)).collect()
        }
        Change::Report(_)
        | Change::Record(_)
        | Change::Intent(_)
        | Change::Policy
        | Change::ClusterPolicy
        | Change::Deployment(_)
        | Change::ReplicaSet(_)
        | Change::Pod(_)
        | Change::Crowding(_) => Vec::new(),
    }
}

/// The workloads with alerts whose baseline this was, where it is gone.
fn without_baseline(world: &World, baseline: &ObjectRef<Guarded<BehaviorBaseline>>) -> Vec<WorkloadKey> {
    if world.baselines.get(baseline).is_some() {
        return Vec::new();
    }
    let alerts = readable(&world.alerts);
    let about = alerts
        .iter()
        .filter_map(|guarded| workload_of(guarded.0.as_ref().ok()?))
        .filter(|workload| baselines::reference(workload) == *baseline);
    about.collect::<BTreeSet<_>>().into_iter().collect()
}

/// What an alert is about, unless that is a namespace: no baseline belongs to one.
fn workload_of(alert: &DriftAlert) -> Option<WorkloadKey> {
    fetch::workload_of(alert).filter(|workload| workload.kind != NAMESPACE_KIND)
}

fn has_none(world: &World, workload: &WorkloadKey) -> bool {
    world.baselines.get(&baselines::reference(workload)).is_none()
}

async fn reconcile(context: &Context, expected: &Expected, workload: WorkloadKey) -> kube::Result<Option<Duration>> {
    let world = &context.world;
    if !has_none(world, &workload) {
        return Ok(None);
    }
    if !expected.arrived(&workload, &world.alerts) {
        return Ok(Some(CATCH_UP));
    }
    let objects = alerts_of(world, &workload);
    let refused = context.refusals.of(&workload.namespace);
    let policy = policy(world, &workload);
    let now = clock::now();
    let decided = plan_orphans(&workload, &readable_of(&objects), &policy, &refused, from_clock(now));
    let plan = as_objects(&workload, decided, &objects, |_| None);
    let waits = (!refused.is_empty()).then_some(BELIEVED);
    let requeue_after = plan.requeue_after.into_iter().chain(waits).min();
    let outdated = apply::apply(context, expected, &Workload::of_the_past(workload), &objects, plan).await?;
    Ok(requeue_after.into_iter().chain(outdated.then_some(CATCH_UP)).min())
}

/// What holds for a workload of which nothing but its name is left: what was denied of it by name, and the longest time for
/// which anybody wants alerts kept.
fn policy(world: &World, workload: &WorkloadKey) -> Policy {
    Policy {
        approvals: Accepted::of(world).resolved(workload, &[].into()),
        alerts: AlertsPolicy {
            retention_days: longest_keeping(world).raised_days,
            ..AlertsPolicy::default()
        },
        ..Policy::default()
    }
}

#[cfg(test)]
mod tests;
