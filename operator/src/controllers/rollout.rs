//! Rollouts: the evidence of each revision of a Deployment, written once and never changed.

mod apply;
mod fetch;
mod plan;

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use kube::runtime::{controller::Action, reflector::ObjectRef};

use super::driver::{Driver, queue};
use crate::{
    context::Context,
    world::{World, changes::Change, evidence::DEPLOYMENT},
};

const NAME: &str = "rollout";

/// Runs the controller.
pub async fn run(context: &Context) {
    let world = Arc::clone(&context.world);
    let queue = queue(context.world.subscribe(), move |change| concerned(&world, change));
    Driver::new(context, NAME, 4)
        .run(context.world.deployments.clone(), queue, |deployment| {
            reconcile(context, deployment)
        })
        .await;
}

async fn reconcile(context: &Context, deployment: Arc<Deployment>) -> Result<Action, kube::Error> {
    if let Some(known) = fetch::fetch(&context.world, &deployment) {
        let plan = plan::plan(&known, Timestamp::now());
        apply::apply(context, plan).await?;
    }
    Ok(Action::await_change())
}

/// The Deployments whose revision may have to be recorded.
fn concerned(world: &World, change: Change) -> Vec<ObjectRef<Deployment>> {
    let named = |namespace: &str, name: &str| vec![ObjectRef::new(name).within(namespace)];
    match change {
        Change::Deployment(deployment) => vec![deployment],
        Change::ReplicaSet(set) => match &set.controller {
            Some(controller) if controller.kind == DEPLOYMENT => named(&set.namespace, &controller.name),
            Some(_) | None => Vec::new(),
        },
        Change::Pod(pod) => match world.workload(&pod) {
            Some(workload) if workload.kind == DEPLOYMENT => named(&workload.namespace, &workload.name),
            Some(_) | None => Vec::new(),
        },
        Change::Policy | Change::ClusterPolicy => {
            let all = world.deployments.state();
            all.iter()
                .map(|deployment| ObjectRef::from_obj(deployment.as_ref()))
                .collect()
        }
        Change::Report(_) | Change::Baseline(_) | Change::Alert(_) | Change::Record(_) | Change::Approval(_) => {
            Vec::new()
        }
    }
}
