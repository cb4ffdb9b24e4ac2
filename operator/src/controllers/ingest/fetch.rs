//! What a batch is merged with: the pods that it names, as the API server knows them, and their workloads' baselines.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use anchorwatch_core::{
    baseline::Outbox,
    id::{ContainerName, NodeName, WorkloadKey, is_label, is_object_name},
    policy::Policy,
};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, PodReference, SensorReport};
use k8s_openapi::api::core::v1::Pod;
use kube::{Api, ResourceExt};
use tracing::error;

use super::{IngestError, outboxes, owner};
use crate::{
    baselines,
    context::Context,
    policies::Policies,
    reports,
    world::{
        World,
        facts::PodFacts,
        readable,
        resolve::{Resolution, workload_by_name},
    },
};

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
        /// The workload that its name speaks of, where there is one.
        workload: Option<Remembered>,
    },
    /// It is not what the report says: another node's, or of another name.
    Foreign,
    /// Its controller is gone.
    Orphan,
}

/// A workload that is known by its baseline.
#[derive(Clone, Debug)]
pub struct Remembered {
    /// The workload.
    pub workload: WorkloadKey,
    /// The policy that holds for it.
    pub policy: Option<Policy>,
    /// The containers that its baseline knows or a pod of it declares.
    pub containers: BTreeSet<ContainerName>,
}

/// What a workload's part of a batch is merged with.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The baselines.
    pub baselines: BTreeMap<WorkloadKey, Stored>,
    /// The containers that pods of each workload declare.
    pub declared: BTreeMap<WorkloadKey, BTreeSet<ContainerName>>,
    /// The repositories of the images of each workload's containers.
    pub repositories: BTreeMap<WorkloadKey, BTreeMap<ContainerName, String>>,
    /// The workloads of which pods run on other nodes as well.
    pub run_elsewhere: BTreeSet<WorkloadKey>,
    /// The outboxes of other nodes whose batches the baselines remember.
    pub outboxes: BTreeMap<NodeName, Outbox>,
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
    let mut named: BTreeMap<&PodReference, Vec<&str>> = BTreeMap::new();
    for container in &report.spec.containers {
        named.entry(&container.pod).or_default().push(&container.container);
    }
    for lost in &report.spec.container_losses {
        let containers = named.entry(&lost.pod).or_default();
        containers.extend((!lost.container.is_empty()).then_some(lost.container.as_str()));
    }
    let mut found = HashMap::new();
    for (reference, containers) in named {
        let lookup = look_up(context, &policies, &report.name_any(), reference, &containers).await?;
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
    containers: &[&str],
) -> Result<Lookup, IngestError> {
    // They go into URLs as they are.
    if !is_label(&reference.namespace) || !is_object_name(&reference.name) {
        return Ok(Lookup::Foreign);
    }
    let world = &context.world;
    let pod = match find(context, reference, containers).await? {
        Found::It(pod) => pod,
        // No incarnation of it is remembered: a name that lives elsewhere proves nothing but that somebody read it.
        Found::Namesake(other) if !other.node.is_empty() && other.node != node => return Ok(Lookup::Foreign),
        Found::Namesake(_) | Found::Nothing => {
            return Ok(Lookup::Unknown {
                workload: by_name(world, policies, reference),
            });
        }
    };
    if pod.node != node || pod.namespace != reference.namespace || pod.name != reference.name {
        return Ok(Lookup::Foreign);
    }
    match world.resolve(&pod) {
        Resolution::Workload(workload) => Ok(Lookup::Confirmed {
            policy: policies.resolved(&workload.key, &pod.labels),
            workload: workload.key,
            pod,
        }),
        Resolution::OwnerUnknown if owner::is_on_its_way(context, &pod).await? => Err(IngestError::OwnerPending {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
        }),
        Resolution::OwnerUnknown => Ok(Lookup::Orphan),
    }
}

/// What there is under a pod's name.
enum Found {
    /// The pod itself.
    It(Arc<PodFacts>),
    /// Another of the same name.
    Namesake(Arc<PodFacts>),
    Nothing,
}

/// A pod that exists, or did within the last hour. The API server is asked where no watch has told of it, or not yet of
/// one of its containers: the sensor's own watch may be ahead of ours.
async fn find(context: &Context, reference: &PodReference, containers: &[&str]) -> Result<Found, IngestError> {
    let known = context.world.pod(&reference.uid);
    if let Some(pod) = &known
        && containers.iter().all(|container| pod.declares(container))
    {
        return Ok(Found::It(Arc::clone(pod)));
    }
    let api: Api<Pod> = Api::namespaced(context.client.clone(), &reference.namespace);
    let there = api.get_opt(&reference.name).await?.map(PodFacts::from);
    Ok(match (known, there) {
        (_, Some(pod)) if pod.uid == reference.uid => Found::It(Arc::new(pod)),
        (Some(pod), _) => Found::It(pod),
        (None, Some(other)) => Found::Namesake(Arc::new(other)),
        (None, None) => Found::Nothing,
    })
}

/// The workload that a vanished pod's name speaks of: one that has a baseline already.
fn by_name(world: &World, policies: &Policies, reference: &PodReference) -> Option<Remembered> {
    let known = readable(&world.baselines);
    let known: HashMap<WorkloadKey, &BehaviorBaseline> = known
        .iter()
        .filter_map(|guarded| guarded.0.as_ref().ok())
        .filter(|baseline| baseline.metadata.namespace.as_deref() == Some(reference.namespace.as_str()))
        .map(|baseline| (baselines::workload_of(baseline), baseline))
        .collect();
    let workload = workload_by_name(&reference.name, known.keys())?;
    let baseline = known.get(workload)?;
    let policy = policies.holding_for(world, workload, baseline);
    let mut containers = declared_by(world, workload);
    containers.extend(containers_of(baseline));
    Some(Remembered {
        workload: workload.clone(),
        policy,
        containers,
    })
}

fn containers_of(baseline: &BehaviorBaseline) -> impl Iterator<Item = ContainerName> {
    let containers = baseline.status.iter().flat_map(|status| &status.containers);
    containers.map(|container| ContainerName::new(&container.name))
}

/// The containers that pods of a workload declare.
pub fn declared_by(world: &World, workload: &WorkloadKey) -> BTreeSet<ContainerName> {
    let pods = world.pods_of(workload);
    let names = pods.iter().flat_map(|pod| &pod.declared);
    names.map(ContainerName::new).collect()
}

/// Whether pods of a workload run on other nodes than this one.
fn runs_elsewhere(world: &World, workload: &WorkloadKey, node: &str) -> bool {
    let pods = world.pods_of(workload);
    pods.iter()
        .any(|pod| pod.running && !pod.node.is_empty() && pod.node != node)
}

/// The repositories of the images of a workload's containers: of two, the youngest pod's.
fn repositories_of(world: &World, workload: &WorkloadKey) -> BTreeMap<ContainerName, String> {
    let mut pods = world.pods_of(workload);
    pods.sort_unstable_by_key(|pod| pod.created);
    let repositories = pods.iter().flat_map(|pod| pod.repositories());
    repositories
        .map(|(name, repository)| (ContainerName::new(name), repository.to_owned()))
        .collect()
}

/// Where the sensor lost something that may be anybody's: every pod on its node whose workload has a baseline.
pub fn neighbours(world: &World, report: &SensorReport) -> Vec<Neighbour> {
    if report.spec.losses.is_empty() && !reports::is_renewed(report) {
        return Vec::new();
    }
    let policies = Policies::of(world);
    let node = report.name_any();
    let known: HashMap<WorkloadKey, Vec<ContainerName>> = readable(&world.baselines)
        .iter()
        .filter_map(|guarded| guarded.0.as_ref().ok())
        .map(|baseline| (baselines::workload_of(baseline), containers_of(baseline).collect()))
        .collect();
    let pods = world.pods_where(|pod| pod.node == node);
    let neighbours = pods.into_iter().filter_map(|pod| {
        let workload = world.workload(&pod)?;
        Some(Neighbour {
            containers: known
                .get(&workload)?
                .iter()
                .filter(|name| pod.declares(name.as_str()))
                .cloned()
                .collect(),
            policy: policies.resolved(&workload, &pod.labels)?,
            workload,
            pod,
        })
    });
    neighbours.collect()
}

/// What the parts of a batch about these workloads are merged with.
pub async fn surroundings<'a>(
    context: &Context,
    node: &str,
    workloads: impl Iterator<Item = &'a WorkloadKey> + Clone,
) -> Result<Surroundings, IngestError> {
    let baselines = baselines(context, workloads.clone()).await?;
    let declared = workloads
        .clone()
        .map(|workload| (workload.clone(), declared_by(&context.world, workload)));
    let run_elsewhere = workloads
        .clone()
        .filter(|workload| runs_elsewhere(&context.world, workload, node));
    let repositories = workloads
        .clone()
        .map(|workload| (workload.clone(), repositories_of(&context.world, workload)));
    Ok(Surroundings {
        repositories: repositories.collect(),
        declared: declared.collect(),
        run_elsewhere: run_elsewhere.cloned().collect(),
        outboxes: outboxes::of_others(context, node, &baselines).await?,
        baselines,
    })
}

/// The baselines of these workloads, as the API server holds them now.
async fn baselines<'a>(
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
