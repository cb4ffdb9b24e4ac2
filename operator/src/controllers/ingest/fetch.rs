//! What a batch is merged with: the pods that it names, as the API server knows them, and their workloads' baselines.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use anchorwatch_core::{
    id::{ContainerName, WorkloadKey},
    policy::Policy,
};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, PodReference, SensorReport};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt};
use tracing::error;

use super::IngestError;
use crate::{
    baselines,
    context::Context,
    convert::policy_from_crd,
    policies::Policies,
    reports,
    world::{
        World,
        facts::PodFacts,
        readable,
        resolve::{Resolution, workload_by_name},
    },
};

/// How long after a pod's creation its ReplicaSet or Job may still be on its way to us.
const OWNER_GRACE: Duration = Duration::from_secs(30);

/// A pod that a report names.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// The API server knows it, or did within the last hour.
    Confirmed {
        /// The pod.
        pod: Arc<PodFacts>,
        /// Its workload.
        workload: WorkloadKey,
        /// The policy that holds for it.
        policy: Option<Policy>,
    },
    /// The API server does not know it.
    Unknown {
        /// The workload that its name speaks of, and the policy that holds for it.
        workload: Option<(WorkloadKey, Option<Policy>)>,
    },
    /// It is not what the report says: another node's, or of another name.
    Foreign,
    /// Its controller is gone.
    Orphan,
}

/// A pod on the node of a report, with the containers that its workload's baseline knows.
#[derive(Clone, Debug)]
pub struct Neighbour {
    /// The pod.
    pub pod: Arc<PodFacts>,
    /// Its workload.
    pub workload: WorkloadKey,
    /// The policy that holds for it.
    pub policy: Policy,
    /// The containers.
    pub containers: Vec<ContainerName>,
}

/// A baseline as the API server holds it.
#[derive(Clone, Debug)]
pub enum Stored {
    /// None yet.
    Missing,
    /// This one.
    Found(Box<BehaviorBaseline>),
    /// One that can't be read.
    Malformed,
}

/// Each pod that a report names, by its UID.
pub async fn pods(context: &Context, report: &SensorReport) -> Result<HashMap<String, Lookup>, IngestError> {
    let policies = Policies::of(&context.world);
    let named: BTreeSet<&PodReference> = report.spec.containers.iter().map(|container| &container.pod).collect();
    let mut found = HashMap::new();
    for reference in named {
        let lookup = look_up(context, &policies, &report.name_any(), reference).await?;
        let previous = found.insert(reference.uid.clone(), lookup);
        if previous.is_some() {
            // Two names for one pod: at least one of them is wrong, and which can't be told.
            found.insert(reference.uid.clone(), Lookup::Foreign);
        }
    }
    Ok(found)
}

async fn look_up(
    context: &Context,
    policies: &Policies,
    node: &str,
    reference: &PodReference,
) -> Result<Lookup, IngestError> {
    let world = &context.world;
    let known = match world.pod(&reference.uid) {
        Some(pod) => Some(pod),
        None => ask_for(context, reference).await?,
    };
    let Some(pod) = known else {
        return Ok(Lookup::Unknown {
            workload: by_name(world, policies, reference),
        });
    };
    if pod.node != node || pod.namespace != reference.namespace || pod.name != reference.name {
        return Ok(Lookup::Foreign);
    }
    match world.resolve(&pod) {
        Resolution::Workload(workload) => Ok(Lookup::Confirmed {
            policy: holding(policies, &pod),
            workload: workload.key,
            pod,
        }),
        Resolution::OwnerUnknown if is_young(&pod) => Err(IngestError::OwnerPending {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
        }),
        Resolution::OwnerUnknown => Ok(Lookup::Orphan),
    }
}

fn is_young(pod: &PodFacts) -> bool {
    let age = Timestamp::now().duration_since(pod.created);
    age.unsigned_abs() < OWNER_GRACE
}

/// Asks the API server for a pod that no watch has told of: the sensor's own watch may be ahead of ours.
async fn ask_for(context: &Context, reference: &PodReference) -> Result<Option<Arc<PodFacts>>, IngestError> {
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &reference.namespace);
    let pod = api.get_opt(&reference.name).await?.map(PodFacts::from);
    Ok(pod.filter(|pod| pod.uid == reference.uid).map(Arc::new))
}

/// The workload that a vanished pod's name speaks of: one that has a baseline already.
fn by_name(world: &World, policies: &Policies, reference: &PodReference) -> Option<(WorkloadKey, Option<Policy>)> {
    let known = readable(&world.baselines);
    let known: Vec<_> = known
        .iter()
        .filter_map(|guarded| guarded.0.as_ref().ok())
        .map(baselines::workload_of)
        .filter(|workload| workload.namespace == reference.namespace)
        .collect();
    let workload = workload_by_name(&reference.name, known.iter())?;
    let policy = world
        .youngest_pod_of(workload)
        .and_then(|(pod, _)| holding(policies, &pod));
    Some((workload.clone(), policy))
}

fn holding(policies: &Policies, pod: &PodFacts) -> Option<Policy> {
    let policy = policies.holding(&pod.namespace, &pod.labels)?;
    Some(policy_from_crd(policy.title(), &policy.spec))
}

/// Where the sensor lost something: every pod on its node whose workload has a baseline.
pub fn neighbours(world: &World, report: &SensorReport) -> Vec<Neighbour> {
    if report.spec.losses.is_empty() && !reports::is_renewed(report) {
        return Vec::new();
    }
    let policies = Policies::of(world);
    let node = report.name_any();
    let known: HashMap<WorkloadKey, Vec<ContainerName>> = readable(&world.baselines)
        .iter()
        .filter_map(|guarded| guarded.0.as_ref().ok())
        .map(|baseline| {
            let containers = baseline.status.iter().flat_map(|status| &status.containers);
            let names = containers
                .map(|container| ContainerName::new(&container.name))
                .collect();
            (baselines::workload_of(baseline), names)
        })
        .collect();
    let pods = world.pods_where(|pod| pod.node == node);
    let neighbours = pods.into_iter().filter_map(|pod| {
        let workload = world.workload(&pod)?;
        Some(Neighbour {
            containers: known.get(&workload)?.clone(),
            policy: holding(&policies, &pod)?,
            workload,
            pod,
        })
    });
    neighbours.collect()
}

/// The baselines of these workloads, as the API server holds them now.
pub async fn baselines<'a>(
    context: &Context,
    workloads: impl Iterator<Item = &'a WorkloadKey>,
) -> Result<BTreeMap<WorkloadKey, Stored>, IngestError> {
    let reads = workloads.map(|workload| async move {
        let api: Api<BehaviorBaseline> = Api::namespaced(context.client.clone(), &workload.namespace);
        let stored = match api.get_opt(&baselines::name_of(workload)).await {
            Ok(Some(baseline)) => Stored::Found(Box::new(baseline)),
            Ok(None) => Stored::Missing,
            Err(kube::Error::SerdeError(reason)) => {
                let error = &reason as &dyn std::error::Error;
                error!(%workload, error, "a baseline can't be read: nothing is learned for it");
                Stored::Malformed
            }
            Err(other) => return Err(other),
        };
        Ok((workload.clone(), stored))
    });
    Ok(futures::future::try_join_all(reads).await?.into_iter().collect())
}

/// The report as the API server holds it now; none if it holds another batch or none, or this one is acknowledged.
pub async fn report(context: &Context, report: &SensorReport) -> Result<Option<SensorReport>, IngestError> {
    let api: Api<SensorReport> = Api::all(context.client.clone());
    let current = api.get_opt(&report.name_any()).await?;
    Ok(current.filter(|current| {
        let same = current.spec.epoch == report.spec.epoch && current.spec.seq == report.spec.seq;
        same && !reports::is_acknowledged(current)
    }))
}
