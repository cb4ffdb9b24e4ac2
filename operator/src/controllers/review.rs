//! Review: what people decided about findings goes into the baselines that they were raised from; and with it what may be
//! learned without them, having been seen often and widely enough or by another workload of the same image.
//!
//! Level-triggered, as alerts are: what is written follows from the alerts and the baseline as they are. A decision that
//! was made while no operator ran, or was half carried out by one that died, is carried out by the next.

use std::{sync::Arc, time::Duration};

use anchorwatch_core::{
    alert::Alert,
    baseline::{Inheritance, inherit},
    id::WorkloadKey,
    policy::Policy,
    review::{ReviewOutcome, review},
    rollout::Evidence,
};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, BehaviorBaselineStatus};
use jiff::Timestamp;
use kube::{Api, ResourceExt, runtime::controller::Action};
use tracing::info;

use super::{
    alert::{alerts_of, readable_of, workload_of},
    driver::{Driver, queue},
};
use crate::{
    approvals::Accepted,
    baselines, clock,
    context::Context,
    convert::{baseline_from_crd, from_clock},
    inheritance::{self, Source},
    policies::Policies,
    world::{Guarded, World, changes::Change},
    writes::{Writes, unless_outdated},
};

const NAME: &str = "review";
/// How soon what is raised is looked at again: time alone makes it a habit, or a part of a rollout.
const LOOK_AGAIN: Duration = Duration::from_hours(1);
/// How soon it is looked again whether a workload has something to give: digests come late, and it may still learn.
const LOOK_FOR_SOURCE: Duration = Duration::from_secs(30);

/// Runs the controller.
pub async fn run(context: &Context) {
    let world = Arc::clone(&context.world);
    let concerned = move |change| match change {
        Change::Baseline(baseline) => vec![baseline],
        // It may name a workload to inherit from.
        Change::Approval(approval) => baselines::all(&world, approval.namespace.as_deref()),
        Change::Alert(alert) => workload_of(&alert).iter().map(baselines::reference).collect(),
        Change::Report(_)
        | Change::Record(_)
        | Change::Intent(_)
        | Change::Policy
        | Change::ClusterPolicy
        | Change::Deployment(_)
        | Change::ReplicaSet(_)
        | Change::Pod(_)
        | Change::Crowding(_) => Vec::new(),
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
    let Some((next, outcome, inherited)) = plan(baseline, &known, clock::now()) else {
        return Ok(Action::requeue(known.look_again()));
    };
    let api = Api::namespaced(context.client.clone(), &next.namespace().unwrap_or_default());
    let written = Writes::new(&context.metrics, NAME).replace_status(&api, &next).await;
    if unless_outdated(written)?.is_some() {
        info!(
            namespace = next.namespace().unwrap_or_default(),
            name = next.name_any(),
            ?outcome,
            inherited,
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
    /// Whom it is to take over from, and has not yet.
    sources: Vec<Source>,
    /// Whether it is to take over from somebody from whom it can't yet.
    waits: bool,
}

impl Known {
    const fn look_again(&self) -> Duration {
        if self.waits { LOOK_FOR_SOURCE } else { LOOK_AGAIN }
    }
}

/// Gathers it; none where nothing was raised or silenced, and nothing is to be taken over.
fn fetch(context: &Context, baseline: &BehaviorBaseline) -> Option<Known> {
    let workload = baselines::workload_of(baseline);
    let objects = alerts_of(&context.world, &workload);
    let alerts = readable_of(&objects);
    let status = baseline.status.as_ref()?;
    let wanted = wanted(&context.world, &workload, status);
    if alerts.is_empty() && status.candidates == 0 && wanted.is_empty() {
        return None;
    }
    let policy = Policies::of(&context.world).holding_for(&context.world, &workload, baseline)?;
    let found = wanted
        .iter()
        .map(|from| inheritance::source(&context.world, &workload, from));
    let (sources, obstacles): (Vec<_>, Vec<_>) = found.partition(Result::is_ok);
    Some(Known {
        alerts,
        policy,
        evidence: context.world.evidence(&workload),
        sources: sources.into_iter().flatten().collect(),
        waits: !obstacles.is_empty(),
    })
}

/// Whom a workload is to take over from, and has not yet.
fn wanted(world: &World, workload: &WorkloadKey, status: &BehaviorBaselineStatus) -> Vec<WorkloadKey> {
    let accepted = Accepted::of(world);
    let named = accepted.holding(workload, &status.pod_labels);
    let named = named.filter_map(inheritance::named_by);
    let has = |from: &WorkloadKey| {
        let source = format!("{}/{}", from.kind, from.name);
        status.inherited.iter().any(|held| held.workload == source)
    };
    named.filter(|from| !has(from)).collect()
}

/// The baseline as decisions have it, where they change it.
fn plan(object: &BehaviorBaseline, known: &Known, now: Timestamp) -> Option<(BehaviorBaseline, ReviewOutcome, usize)> {
    let mut baseline = baseline_from_crd(object.status.clone()?);
    let before = baseline.inherited.len();
    let mut inherited = 0;
    for Source {
        from,
        learned,
        containers,
    } in &known.sources
    {
        let inheritance = Inheritance {
            from,
            learned,
            containers,
        };
        inherited += inherit(&mut baseline, inheritance, &known.policy, from_clock(now));
    }
    let outcome = review(
        &mut baseline,
        &known.alerts,
        &known.policy,
        &known.evidence,
        from_clock(now),
    );
    (outcome.changed() || baseline.inherited.len() > before).then(|| {
        let next = BehaviorBaseline {
            status: Some(baselines::status_of(object, &baseline, &known.policy, now)),
            ..object.clone()
        };
        (next, outcome, inherited)
    })
}

#[cfg(test)]
mod tests;
