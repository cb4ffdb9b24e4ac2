//! What the operator knows of the cluster: one watch a kind, shared by every controller, in caches that keep no more
//! than decisions need.

use std::{
    sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard},
    time::Instant,
};

use anchorwatch_core::id::WorkloadKey;
use anchorwatch_crds::v1alpha1::{
    BehaviorApproval, BehaviorBaseline, ClusterDriftPolicy, DriftAlert, DriftPolicy, RolloutIntent, RolloutRecord,
    SensorReport,
};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{core::DeserializeGuard, runtime::reflector::Store};
use tokio::sync::{mpsc, watch};

pub mod changes;
pub mod config_maps;
pub mod evidence;
pub mod facts;
pub mod feeds;
pub mod index;
pub mod intents;
pub mod resolve;
pub mod series;
mod show;

use crate::signing::Signing;

use self::{
    changes::{Change, Subscribers},
    config_maps::ConfigMaps,
    facts::{OwnerFacts, PodFacts},
    index::Index,
    resolve::{Resolution, Workload, workload_of},
};

/// An object of ours, or the news that it could not be read: one malformed object must not hide the others.
pub type Guarded<K> = DeserializeGuard<K>;

/// The world, once the operator leads; nothing is watched before.
pub type SharedWorld = Arc<OnceLock<Arc<World>>>;

/// The caches.
#[derive(Debug)]
pub struct World {
    /// The sensors' outboxes.
    pub reports: Store<Guarded<SensorReport>>,
    /// What was learned.
    pub baselines: Store<Guarded<BehaviorBaseline>>,
    /// What deviated.
    pub alerts: Store<Guarded<DriftAlert>>,
    /// What was rolled out.
    pub records: Store<Guarded<RolloutRecord>>,
    /// What pipelines announced.
    pub intents: Store<Guarded<RolloutIntent>>,
    /// What people ask for in a namespace.
    pub policies: Store<Guarded<DriftPolicy>>,
    /// What people ask for everywhere.
    pub cluster_policies: Store<Guarded<ClusterDriftPolicy>>,
    /// What people decided.
    pub approvals: Store<Guarded<BehaviorApproval>>,
    /// Deployments, reduced.
    pub deployments: Store<Deployment>,
    config_maps: ConfigMaps,
    pods: RwLock<Index<PodFacts>>,
    replica_sets: RwLock<Index<OwnerFacts>>,
    controller_revisions: RwLock<Index<OwnerFacts>>,
    jobs: RwLock<Index<OwnerFacts>>,
    /// The key that signs evidence, and all that ever did.
    pub signing: Arc<Signing>,
    subscribers: Subscribers,
    complete: watch::Sender<usize>,
}

impl World {
    /// What changes from now on.
    pub fn subscribe(&self) -> mpsc::UnboundedReceiver<Change> {
        self.subscribers.subscribe()
    }

    /// Tells whoever subscribed of what this operator itself found.
    pub fn tell(&self, change: &Change) {
        self.subscribers.publish(change);
    }

    /// The pod of this UID, if it exists or did within the last hour.
    pub fn pod(&self, uid: &str) -> Option<Arc<PodFacts>> {
        let known = read(&self.pods).get(uid, Instant::now())?;
        Some(Arc::clone(known.get()))
    }

    /// What a pod belongs to.
    pub fn resolve(&self, pod: &PodFacts) -> Resolution {
        let owner = pod
            .controller
            .as_ref()
            .and_then(|controller| self.owner(&controller.uid));
        workload_of(pod, owner.as_deref())
    }

    /// The workload of a pod, where it is known.
    pub fn workload(&self, pod: &PodFacts) -> Option<WorkloadKey> {
        match self.resolve(pod) {
            Resolution::Workload(workload) => Some(workload.key),
            Resolution::OwnerUnknown => None,
        }
    }

    /// Every pod that exists and that `wanted` holds for.
    pub fn pods_where(&self, wanted: impl Fn(&PodFacts) -> bool) -> Vec<Arc<PodFacts>> {
        read(&self.pods).live().filter(|pod| wanted(pod)).cloned().collect()
    }

    /// The pods of a workload that exist.
    pub fn pods_of(&self, workload: &WorkloadKey) -> Vec<Arc<PodFacts>> {
        let mut pods = self.pods_where(|pod| pod.namespace == workload.namespace);
        pods.retain(|pod| self.workload(pod).as_ref() == Some(workload));
        pods
    }

    /// Whether a pod of a workload exists.
    pub fn has_pods(&self, workload: &WorkloadKey) -> bool {
        let pods = read(&self.pods);
        let mut in_namespace = pods.live().filter(|pod| pod.namespace == workload.namespace);
        in_namespace.any(|pod| self.workload(pod).as_ref() == Some(workload))
    }

    /// The youngest pod of a workload, of those that exist or did within the last hour, and the workload's object.
    pub fn youngest_pod_of(&self, workload: &WorkloadKey) -> Option<(Arc<PodFacts>, Workload)> {
        let pods = read(&self.pods);
        let in_namespace = pods
            .recent(Instant::now())
            .filter(|pod| pod.namespace == workload.namespace);
        let located = in_namespace.filter_map(|pod| match self.resolve(pod) {
            Resolution::Workload(found) if found.key == *workload => Some((Arc::clone(pod), found)),
            Resolution::Workload(_) | Resolution::OwnerUnknown => None,
        });
        located.max_by(|(a, _), (b, _)| (a.created, &a.uid).cmp(&(b.created, &b.uid)))
    }

    /// The objects that hold the revisions of a workload of this kind and UID: ReplicaSets, ControllerRevisions or Jobs.
    pub fn holders_of(&self, kind: &str, uid: &str) -> Vec<Arc<OwnerFacts>> {
        let belongs = |owner: &&Arc<OwnerFacts>| {
            let controller = owner.controller.as_ref();
            controller.is_some_and(|controller| controller.uid == uid)
        };
        let index = match kind {
            "StatefulSet" | "DaemonSet" => &self.controller_revisions,
            "CronJob" | "Job" => &self.jobs,
            _ => &self.replica_sets,
        };
        match kind {
            "Job" | "ReplicaSet" => read(index).live().filter(|owner| owner.uid == uid).cloned().collect(),
            _ => read(index).live().filter(belongs).cloned().collect(),
        }
    }

    /// The ReplicaSet or Job of this UID, if it exists or did within the last hour.
    fn owner(&self, uid: &str) -> Option<Arc<OwnerFacts>> {
        let now = Instant::now();
        let known = read(&self.replica_sets).get(uid, now);
        let known = known.or_else(|| read(&self.jobs).get(uid, now))?;
        Some(Arc::clone(known.get()))
    }
}

#[cfg(test)]
impl World {
    /// How many listen.
    pub fn subscribed(&self) -> usize {
        self.subscribers.len()
    }

    /// Takes in what a watch of pods would say.
    pub fn tell_of_pod(&self, event: kube::runtime::watcher::Event<PodFacts>) {
        self.pods.write().unwrap().apply(event, Instant::now());
    }

    /// Takes in what a watch of ControllerRevisions would say.
    pub fn tell_of_controller_revision(&self, event: kube::runtime::watcher::Event<OwnerFacts>) {
        self.controller_revisions.write().unwrap().apply(event, Instant::now());
    }

    /// Takes in what a watch of ReplicaSets would say.
    pub fn tell_of_replica_set(&self, event: kube::runtime::watcher::Event<OwnerFacts>) {
        self.replica_sets.write().unwrap().apply(event, Instant::now());
    }
}

fn read<T>(index: &RwLock<Index<T>>) -> RwLockReadGuard<'_, Index<T>> {
    index.read().unwrap_or_else(PoisonError::into_inner)
}

/// The readable objects of a cache.
pub fn readable<K>(store: &Store<Guarded<K>>) -> Vec<Arc<Guarded<K>>>
where
    K: kube::Resource<DynamicType = ()> + Clone + 'static,
{
    store.state_filter(|guarded| guarded.0.is_ok())
}
