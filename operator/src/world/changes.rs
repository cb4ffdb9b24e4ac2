//! What changed in the world, told to whoever subscribed.

use std::sync::{Arc, Mutex, PoisonError};

use anchorwatch_core::id::WorkloadKey;
use anchorwatch_crds::v1alpha1::{
    BehaviorApproval, BehaviorBaseline, DriftAlert, RolloutIntent, RolloutRecord, SensorReport,
};
use k8s_openapi::api::apps::v1::Deployment;
use kube::runtime::reflector::ObjectRef;
use tokio::sync::mpsc;

use super::{
    Guarded,
    facts::{OwnerFacts, PodFacts},
};

/// Something came, changed or went.
#[derive(Clone, Debug)]
pub enum Change {
    /// A sensor's outbox.
    Report(ObjectRef<Guarded<SensorReport>>),
    /// A baseline.
    Baseline(ObjectRef<Guarded<BehaviorBaseline>>),
    /// An alert.
    Alert(Arc<DriftAlert>),
    /// A record of a rollout.
    Record(Arc<RolloutRecord>),
    /// An announcement of a rollout.
    Intent(Arc<RolloutIntent>),
    /// A policy of a namespace, or a ConfigMap that a policy refers to.
    Policy,
    /// A policy of the cluster.
    ClusterPolicy,
    /// An approval.
    Approval(ObjectRef<Guarded<BehaviorApproval>>),
    /// A Deployment.
    Deployment(ObjectRef<Deployment>),
    /// A ReplicaSet.
    ReplicaSet(Arc<OwnerFacts>),
    /// A pod.
    Pod(Arc<PodFacts>),
    /// What found no room among the alerts of a namespace.
    Crowding(Crowding),
}

/// What found no room among the alerts of a namespace.
#[derive(Clone, Debug)]
pub struct Crowding {
    /// The namespace.
    pub namespace: String,
    /// Workloads of whose alerts some lost their room to graver ones of another workload.
    pub crowded_out: Vec<WorkloadKey>,
}

/// Whoever wants to hear of changes. Queues are unbounded, because a reader only sorts changes into a queue of its own
/// where equal ones fall together.
#[derive(Debug, Default)]
pub struct Subscribers(Mutex<Vec<mpsc::UnboundedSender<Change>>>);

impl Subscribers {
    /// A new subscriber.
    pub fn subscribe(&self) -> mpsc::UnboundedReceiver<Change> {
        let (sender, receiver) = mpsc::unbounded_channel();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        receiver
    }

    /// Tells every subscriber that is still there.
    pub fn publish(&self, change: &Change) {
        let mut senders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        senders.retain(|sender| sender.send(change.clone()).is_ok());
    }

    /// How many subscribed.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
