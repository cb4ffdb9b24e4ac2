//! What a workload's alerts follow from.

use std::{collections::BTreeMap, sync::Arc};

use anchorwatch_core::{alert::Alert, baseline::Baseline, id::WorkloadKey, policy::Policy, rollout::Evidence};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, DriftAlert};

use crate::{
    convert::{alert_from_crd, baseline_from_crd},
    policies::Policies,
    test_switch::TestSwitches,
    world::{Guarded, World, readable, resolve::Workload},
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
    /// The objects of those, by name.
    pub objects: BTreeMap<String, Arc<Guarded<DriftAlert>>>,
}

/// Gathers it; none where nothing is quarantined, nothing was, and no pod ran what was not rolled out, or no policy holds any
/// more: what was raised then stays as it is.
pub fn fetch(
    world: &World,
    workload: &WorkloadKey,
    baseline: &BehaviorBaseline,
    switches: &TestSwitches,
) -> Option<Known> {
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
    let evidence = if switches.no_rollout_match {
        Evidence::default()
    } else {
        world.evidence(workload)
    };
    let alerts = objects
        .values()
        .filter_map(|guarded| alert_from_crd(guarded.0.as_ref().ok()?));
    Some(Known {
        workload: located,
        baseline: baseline_from_crd(baseline.status.clone().unwrap_or_default()),
        policy,
        evidence,
        alerts: alerts.collect(),
        objects,
    })
}

/// The alerts of a workload that have a status, by name.
pub fn alerts_of(world: &World, workload: &WorkloadKey) -> BTreeMap<String, Arc<Guarded<DriftAlert>>> {
    let is_about = |alert: &DriftAlert| {
        let about = alert.status.as_ref().map(|status| &status.workload);
        alert.metadata.namespace.as_deref() == Some(workload.namespace.as_str())
            && about.is_some_and(|about| about.kind == workload.kind && about.name == workload.name)
    };
    let mut alerts = readable(&world.alerts);
    alerts.retain(|guarded| guarded.0.as_ref().is_ok_and(is_about));
    let named = alerts.into_iter().map(|guarded| {
        let name = guarded.0.as_ref().ok().and_then(|alert| alert.metadata.name.clone());
        (name.unwrap_or_default(), guarded)
    });
    named.collect()
}
