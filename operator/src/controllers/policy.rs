//! Policies: tells the people who wrote them whether they make sense, for how many workloads they hold, and which other
//! policy goes before them.

mod apply;
mod fetch;
mod plan;

use std::{sync::Arc, time::Duration};

use anchorwatch_crds::v1alpha1::{ClusterDriftPolicy, DriftPolicy};
use futures::{Stream, StreamExt};
use kube::runtime::{
    controller::Action,
    reflector::{ObjectRef, Store},
};
use tokio::{sync::mpsc, time::sleep};

use self::fetch::PolicyObject;
use super::driver::Driver;
use crate::{
    clock,
    context::Context,
    world::{Guarded, changes::Change},
};

const NAME: &str = "policy";
/// How long changes are gathered. A rollout changes each of many pods several times, and the answer concerns people.
const GATHER: Duration = Duration::from_millis(500);

/// Runs the controller for both kinds.
pub async fn run(context: &Context) {
    let driver = Driver::new(context, NAME, 1);
    let namespaced = context.world.policies.clone();
    let cluster = context.world.cluster_policies.clone();
    let changes = || context.world.subscribe();
    tokio::join!(
        driver.run(namespaced.clone(), all_on_change(changes(), namespaced), |policy| {
            reconcile::<DriftPolicy>(context, policy)
        }),
        driver.run(cluster.clone(), all_on_change(changes(), cluster), |policy| {
            reconcile::<ClusterDriftPolicy>(context, policy)
        }),
    );
}

async fn reconcile<K: PolicyObject>(context: &Context, policy: Arc<Guarded<K>>) -> Result<Action, kube::Error> {
    let Ok(policy) = &policy.0 else {
        return Ok(Action::await_change());
    };
    let known = fetch::fetch(&context.world);
    if let Some(status) = plan::plan(policy, &known, clock::now()) {
        apply::apply(context, policy, status).await?;
    }
    Ok(Action::await_change())
}

/// Every policy of a kind whenever a policy or a pod changed: each may have come before another.
fn all_on_change<K: PolicyObject>(
    changes: mpsc::UnboundedReceiver<Change>,
    store: Store<Guarded<K>>,
) -> impl Stream<Item = ObjectRef<Guarded<K>>> {
    let gathered = futures::stream::unfold(changes, async |mut changes| {
        let mut concerns = concerns_policies(&changes.recv().await?);
        if concerns {
            sleep(GATHER).await;
        }
        while let Ok(change) = changes.try_recv() {
            concerns |= concerns_policies(&change);
        }
        Some((concerns, changes))
    });
    gathered.flat_map(move |concerns| {
        let policies = if concerns { store.state() } else { Vec::new() };
        futures::stream::iter(policies).map(|policy| ObjectRef::from_obj(policy.as_ref()))
    })
}

fn concerns_policies(change: &Change) -> bool {
    match change {
        Change::Policy | Change::ClusterPolicy | Change::Pod(_) | Change::ReplicaSet(_) => true,
        Change::Report(_)
        | Change::Baseline(_)
        | Change::Alert(_)
        | Change::Record(_)
        | Change::Intent(_)
        | Change::Approval(_)
        | Change::Deployment(_)
        | Change::Crowding(_) => false,
    }
}
