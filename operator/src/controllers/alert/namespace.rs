//! The alert of a namespace in which more is undecided than there is room for.

use std::time::Duration;

use anchorwatch_core::alert::{NAMESPACE_KIND, namespace_workload, plan_namespace};
use tracing::warn;

use super::{
    apply,
    expect::Expected,
    fetch::{alerts_of, readable_of},
    plan::{LOOK_FOR_ROOM, as_objects},
};
use crate::{
    baselines, clock,
    context::Context,
    controllers::keyed,
    convert::from_clock,
    world::{World, changes::Change, readable, resolve::Workload},
};

const NAME: &str = "alert-overflow";
/// How soon it is looked again while not all that is known of the namespace counts yet.
const CATCH_UP: Duration = Duration::from_secs(1);

/// Runs the controller.
pub async fn run(context: &Context) {
    let expected = Expected::default();
    let changes = context.world.subscribe();
    keyed::run(context, NAME, changes, concerned, |namespace| {
        reconcile(context, &expected, namespace)
    })
    .await;
}

/// The namespaces whose alert may follow otherwise from now on.
fn concerned(change: Change) -> Vec<String> {
    match change {
        Change::Crowding(crowding) => vec![crowding.namespace],
        Change::Alert(alert) => {
            let about = alert.status.as_ref().map(|status| status.workload.kind.as_str());
            let namespace = alert.metadata.namespace.clone();
            namespace
                .filter(|_| about == Some(NAMESPACE_KIND))
                .into_iter()
                .collect()
        }
        Change::Report(_)
        | Change::Baseline(_)
        | Change::Record(_)
        | Change::Intent(_)
        | Change::Policy
        | Change::ClusterPolicy
        | Change::Approval(_)
        | Change::Deployment(_)
        | Change::ReplicaSet(_)
        | Change::Pod(_) => Vec::new(),
    }
}

async fn reconcile(context: &Context, expected: &Expected, namespace: String) -> kube::Result<Option<Duration>> {
    let workload = namespace_workload(&namespace);
    let world = &context.world;
    if !expected.arrived(&workload, &world.alerts) || !is_planned(context, world, &namespace) {
        return Ok(Some(CATCH_UP));
    }
    let objects = alerts_of(world, &workload);
    let alerts = readable_of(&objects);
    let now = clock::now();
    context.crowding.keep(&namespace, |workload| {
        world.baselines.get(&baselines::reference(workload)).is_some()
    });
    let left_out = context.crowding.of(&namespace);
    let decided = plan_namespace(&namespace, left_out, &alerts, from_clock(now));
    // It stands for what waits: nothing of it was just seen.
    let plan = as_objects(&workload, decided, &objects, |_| None);
    if !plan.create.is_empty() {
        warn!(
            namespace,
            findings = left_out.map(|it| it.findings),
            "not every finding has an alert"
        );
    }
    // A baseline that is deleted takes what it counts with it, and nobody tells.
    let waits = left_out.map(|_| LOOK_FOR_ROOM);
    let requeue_after = plan.requeue_after.into_iter().chain(waits).min();
    apply::apply(context, expected, &Workload::of_the_past(workload), &objects, plan).await?;
    Ok(requeue_after)
}

/// Whether all that may have left something out was planned since this operator leads: a count of half of it would take an
/// alert away that is needed again a moment later.
fn is_planned(context: &Context, world: &World, namespace: &str) -> bool {
    let baselines = readable(&world.baselines);
    let mut raised = baselines
        .iter()
        .filter_map(|guarded| guarded.0.as_ref().ok())
        .filter(|baseline| {
            let quarantined = baseline.status.as_ref().map_or(0, |status| status.quarantined);
            baseline.metadata.namespace.as_deref() == Some(namespace) && quarantined > 0
        });
    raised.all(|baseline| context.crowding.knows(&baselines::workload_of(baseline)))
}
