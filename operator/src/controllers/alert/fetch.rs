//! What a workload's alerts follow from.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use anchorwatch_core::{
    alert::{Alert, Place},
    baseline::Baseline,
    id::WorkloadKey,
    policy::Policy,
    rollout::Evidence,
};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, DriftAlert};
use kube::{ResourceExt, runtime::reflector::ObjectRef};

use crate::{
    context::Context,
    convert::{alert_from_crd, baseline_from_crd, place_of},
    policies::Policies,
    world::{Guarded, World, resolve::Workload},
};

/// All that a workload's alerts follow from.
#[derive(Clone, Debug)]
pub struct Known {
    /// The workload, and its object.
    pub workload: Workload,
    /// What was learned and quarantined.
    pub baseline: Baseline,
    /// The policy that holds.
    pub policy: Policy,
    /// Its rollouts and pods.
    pub evidence: Evidence,
    /// Its alerts.
    pub alerts: Vec<Alert>,
    /// The objects of those.
    pub objects: Objects,
    /// Denials that the API server would not take, by name, and why.
    pub refused: BTreeMap<String, String>,
    /// The room that the alerts of the namespace's other workloads take.
    pub others: Vec<Place>,
    /// Whether anything of it had no room when it was last planned: what has an alert now may have waited for it.
    pub waited: bool,
}

/// Alerts by name.
pub type Objects = BTreeMap<String, Arc<Guarded<DriftAlert>>>;

/// Gathers it; none where nothing is quarantined, nothing was, and no pod ran what was not rolled out, or no policy holds any
/// more: what was raised then stays as it is.
pub fn fetch(context: &Context, workload: &WorkloadKey, baseline: &BehaviorBaseline) -> Option<Known> {
    let world: &World = &context.world;
    let objects = alerts_of(world, workload);
    let quarantined = baseline.status.as_ref().map_or(0, |status| status.quarantined);
    if quarantined == 0 && objects.is_empty() && !world.has_further_digests(workload) {
        return None;
    }
    let policies = Policies::of(world);
    let policy = policies.holding_for(world, workload, baseline)?;
    // What is quarantined is raised although its pods ended: it may be all that is left of a Job.
    let located = world
        .youngest_pod_of(workload)
        .map_or_else(|| Workload::of_the_past(workload.clone()), |(_, located)| located);
    let evidence = if context.switches.no_rollout_match {
        Evidence::default()
    } else {
        world.evidence(workload)
    };
    Some(Known {
        workload: located,
        baseline: baseline_from_crd(baseline.status.clone().unwrap_or_default()),
        policy,
        evidence,
        alerts: readable_of(&objects),
        refused: context.refusals.of(&workload.namespace),
        others: places_beside(world, workload),
        waited: context.crowding.waits(workload),
        objects,
    })
}

/// The alerts of a workload that have a status, by name.
pub fn alerts_of(world: &World, workload: &WorkloadKey) -> Objects {
    let wanted = |guarded: &Guarded<DriftAlert>| guarded.0.as_ref().is_ok_and(|alert| is_about(alert, workload));
    let alerts = world.alerts.state_filter(wanted);
    let named = alerts.into_iter().map(|guarded| {
        let name = guarded.0.as_ref().ok().and_then(|alert| alert.metadata.name.clone());
        (name.unwrap_or_default(), guarded)
    });
    named.collect()
}

/// Those of them that can be read, as decisions have them.
pub fn readable_of(objects: &Objects) -> Vec<Alert> {
    let alerts = objects
        .values()
        .filter_map(|guarded| alert_from_crd(guarded.0.as_ref().ok()?));
    alerts.collect()
}

fn is_about(alert: &DriftAlert, workload: &WorkloadKey) -> bool {
    let about = alert.status.as_ref().map(|status| &status.workload);
    alert.metadata.namespace.as_deref() == Some(workload.namespace.as_str())
        && about.is_some_and(|about| about.kind == workload.kind && about.name == workload.name)
}

/// The workload that an alert is about, where it says: the namespace's own, too.
pub fn workload_of(alert: &DriftAlert) -> Option<WorkloadKey> {
    let about = &alert.status.as_ref()?.workload;
    Some(WorkloadKey::new(alert.namespace()?, &about.kind, &about.name))
}

/// The workloads that alerts of these names are about.
pub fn workloads_of(world: &World, namespace: &str, alerts: &[String]) -> Vec<WorkloadKey> {
    let about = alerts.iter().filter_map(|name| {
        let held = world.alerts.get(&ObjectRef::new(name).within(namespace))?;
        workload_of(held.0.as_ref().ok()?)
    });
    let about: BTreeSet<WorkloadKey> = about.collect();
    about.into_iter().collect()
}

/// The room that the alerts of a namespace's other workloads take.
fn places_beside(world: &World, workload: &WorkloadKey) -> Vec<Place> {
    let beside = |guarded: &Guarded<DriftAlert>| {
        guarded.0.as_ref().is_ok_and(|alert| {
            let within = alert.metadata.namespace.as_deref() == Some(workload.namespace.as_str());
            within && !is_about(alert, workload)
        })
    };
    let alerts = world.alerts.state_filter(beside);
    alerts
        .iter()
        .filter_map(|guarded| place_of(guarded.0.as_ref().ok()?))
        .collect()
}
