//! Alerts: what is quarantined in a workload's baseline becomes DriftAlerts, matched with its rollouts.
//!
//! Level-triggered: the plan is a function of what is there, whatever changed and however often it is computed.

mod apply;
mod denials;
mod expect;
mod fetch;
mod namespace;
mod orphans;
mod plan;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use anchorwatch_core::{alert::LeftOutAlerts, id::WorkloadKey};
use anchorwatch_crds::v1alpha1::BehaviorBaseline;
use kube::runtime::{controller::Action, reflector::ObjectRef};

use self::expect::Expected;
pub use self::{
    fetch::{alerts_of, readable_of, workload_of},
    namespace::run as run_namespaces,
    orphans::run as run_orphans,
};
use super::driver::{Driver, queue};
use crate::{
    baselines, clock,
    context::Context,
    refusals::BELIEVED,
    world::{
        Guarded, World,
        changes::{Change, Crowding},
        evidence::DEPLOYMENT,
    },
};

const NAME: &str = "alert";
/// Workloads planned at a time.
const CONCURRENCY: u16 = 8;
/// How soon a workload is looked at again while the cache lacks what was written.
const CATCH_UP: Duration = Duration::from_millis(50);

/// Runs the controller.
pub async fn run(context: &Context) {
    let world = Arc::clone(&context.world);
    let queue = queue(context.world.subscribe(), move |change| concerned(&world, change));
    let expected = Expected::default();
    Driver::new(context, NAME, CONCURRENCY)
        .run(context.world.baselines.clone(), queue, |baseline| {
            reconcile(context, &expected, baseline)
        })
        .await;
}

async fn reconcile(
    context: &Context,
    expected: &Expected,
    baseline: Arc<Guarded<BehaviorBaseline>>,
) -> Result<Action, kube::Error> {
    let Ok(baseline) = &baseline.0 else {
        return Ok(Action::await_change());
    };
    let workload = baselines::workload_of(baseline);
    if !expected.arrived(&workload, &context.world.alerts) {
        return Ok(Action::requeue(CATCH_UP));
    }
    let Some(known) = fetch::fetch(context, &workload, baseline) else {
        crowds(context, &workload, None, &[]);
        return Ok(Action::await_change());
    };
    let plan = plan::plan(&known, clock::now());
    let requeue_after = plan.requeue_after;
    crowds(context, &workload, plan.left_out, &plan.crowded_out);
    let outdated = apply::apply(context, expected, &known.workload, &known.objects, plan).await?;
    let refused = (!known.refused.is_empty()).then_some(BELIEVED);
    let requeue_after = requeue_after
        .into_iter()
        .chain(refused)
        .chain(outdated.then_some(CATCH_UP))
        .min();
    Ok(requeue_after.map_or_else(Action::await_change, Action::requeue))
}

/// Notes what found no room among a workload's alerts. Tells its namespace where that is news, and those workloads whose
/// alerts lost their room to this one's: what they lack is not in what they see. They are told for as long as they have not
/// let go, since a plan that comes before the cache has the graver alert changes nothing.
fn crowds(context: &Context, workload: &WorkloadKey, left_out: Option<LeftOutAlerts>, crowded_out: &[String]) {
    let world = &context.world;
    let is_news = context.crowding.note(workload, left_out);
    let crowded_out = fetch::workloads_of(world, &workload.namespace, crowded_out);
    if is_news || !crowded_out.is_empty() {
        world.tell(&Change::Crowding(Crowding {
            namespace: workload.namespace.clone(),
            crowded_out,
        }));
    }
}

type BaselineRef = ObjectRef<Guarded<BehaviorBaseline>>;

/// The baselines whose alerts may follow otherwise from now on.
fn concerned(world: &World, change: Change) -> Vec<BaselineRef> {
    let of_parts = |namespace: Option<&String>, kind: &str, name: &str| {
        let namespace = namespace.map_or("", String::as_str);
        vec![baselines::reference(&WorkloadKey::new(namespace, kind, name))]
    };
    match change {
        Change::Baseline(baseline) => vec![baseline],
        Change::Alert(alert) => workload_of(&alert).iter().map(baselines::reference).collect(),
        Change::Record(record) => {
            let about = &record.spec.workload;
            of_parts(record.metadata.namespace.as_ref(), &about.kind, &about.name)
        }
        Change::Deployment(deployment) => of_parts(deployment.namespace.as_ref(), DEPLOYMENT, &deployment.name),
        Change::ReplicaSet(set) => set.controller.as_ref().map_or_else(Vec::new, |controller| {
            of_parts(Some(&set.namespace), &controller.kind, &controller.name)
        }),
        Change::Pod(pod) => world.workload(&pod).iter().map(baselines::reference).collect(),
        Change::Policy | Change::ClusterPolicy => baselines::all(world, None),
        Change::Approval(approval) => baselines::all(world, approval.namespace.as_deref()),
        Change::Crowding(crowding) => crowding.crowded_out.iter().map(baselines::reference).collect(),
        Change::Report(_) | Change::Intent(_) => Vec::new(),
    }
}
