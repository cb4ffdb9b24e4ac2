//! Rollouts: the evidence of each revision of a workload, written once, as a link of a signed chain, and never changed.

mod announced;
mod apply;
mod argo;
mod fetch;
mod gone;
mod images;
mod plan;
mod revision;
mod who;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use anchorwatch_core::id::WorkloadKey;

use super::keyed;
use crate::{
    clock,
    context::Context,
    world::{World, changes::Change, evidence::DEPLOYMENT, facts::PodFacts},
};

const NAME: &str = "rollout";

/// Runs the controller.
pub async fn run(context: &Context) {
    let world = Arc::clone(&context.world);
    let changes = context.world.subscribe();
    let concerned = move |change| concerned(&world, change);
    keyed::run(context, NAME, changes, concerned, async |workload| {
        reconcile(context, &workload).await
    })
    .await;
}

async fn reconcile(context: &Context, workload: &WorkloadKey) -> kube::Result<Option<Duration>> {
    let Some(mut known) = fetch::fetch(&context.world, workload) else {
        if context.world.youngest_pod_of(workload).is_none() {
            return gone::prune(context, workload).await;
        }
        return Ok(None);
    };
    let facts = if plan::wants_facts(&known) {
        revision::ask(context, &known).await?
    } else {
        None
    };
    let mut ask_again = None;
    if argo::wants_progress(&known)
        && let Some(progress) = argo::progress(&context.client, &known.workload).await?
    {
        known.progress = progress;
        ask_again = argo::ask_again(progress);
    }
    let further = match plan::further(&known, clock::now()) {
        Some((new, pod)) if facts.is_none() => Some((new, pod, images::ask(&context.client, pod).await?)),
        Some(_) | None => None,
    };
    let plan = plan::plan(&known, facts.as_ref(), further, &context.world.signing, clock::now());
    let again = plan.again.into_iter().chain(ask_again).min();
    apply::apply(context, &known.workload, plan).await?;
    Ok(again)
}

/// The workloads whose revision may have to be recorded.
fn concerned(world: &World, change: Change) -> Vec<WorkloadKey> {
    match change {
        Change::Deployment(deployment) => {
            let namespace = deployment.namespace.unwrap_or_default();
            vec![WorkloadKey::new(namespace, DEPLOYMENT, deployment.name)]
        }
        Change::ReplicaSet(set) => {
            let controller = set.controller.as_ref();
            let owner = controller.map(|owner| WorkloadKey::new(&set.namespace, &owner.kind, &owner.name));
            owner.into_iter().collect()
        }
        Change::Pod(pod) => world.workload(&pod).into_iter().collect(),
        Change::Record(record) => {
            let namespace = record.metadata.namespace.clone().unwrap_or_default();
            let about = &record.spec.workload;
            vec![WorkloadKey::new(namespace, &about.kind, &about.name)]
        }
        Change::Policy | Change::ClusterPolicy => workloads_of(world, |_| true),
        Change::Intent(intent) => {
            let namespace = intent.metadata.namespace.clone().unwrap_or_default();
            match &intent.spec.workload {
                Some(named) => vec![WorkloadKey::new(namespace, &named.kind, &named.name)],
                None => workloads_of(world, |pod| pod.namespace == namespace),
            }
        }
        // What a rollout brought is compared with what was announced of it.
        Change::Alert(alert) => {
            let namespace = alert.metadata.namespace.clone().unwrap_or_default();
            let about = alert.status.as_ref().map(|status| &status.workload);
            let about = about.filter(|_| world.has_intents(&namespace));
            about
                .map(|about| WorkloadKey::new(namespace, &about.kind, &about.name))
                .into_iter()
                .collect()
        }
        Change::Report(_) | Change::Baseline(_) | Change::Approval(_) | Change::Crowding(_) => Vec::new(),
    }
}

/// The workloads of these pods.
fn workloads_of(world: &World, wanted: impl Fn(&PodFacts) -> bool) -> Vec<WorkloadKey> {
    let pods = world.pods_where(wanted);
    let workloads: BTreeSet<WorkloadKey> = pods.iter().filter_map(|pod| world.workload(pod)).collect();
    workloads.into_iter().collect()
}

#[cfg(test)]
mod tests;
