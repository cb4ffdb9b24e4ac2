//! What a policy's status is made from.

use std::{collections::BTreeMap, fmt::Debug, sync::Arc};

use anchorwatch_convert::Violation;
use anchorwatch_core::id::WorkloadKey;
use anchorwatch_crds::v1alpha1::{ClusterDriftPolicy, DriftPolicy, DriftPolicyStatus};
use kube::{Api, Client, Resource, ResourceExt};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    policies::{Policies, Policy, every},
    world::World,
};

/// What both kinds of policy have in common.
pub trait PolicyObject: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize + 'static {
    /// The policy, whichever its kind.
    fn policy(&self) -> Policy;
    /// Its status.
    fn status(&self) -> Option<&DriftPolicyStatus>;
    /// The same object with another status.
    #[must_use]
    fn with_status(&self, status: DriftPolicyStatus) -> Self;
    /// Where it is written to.
    fn api(&self, client: Client) -> Api<Self>;
}

impl PolicyObject for DriftPolicy {
    fn policy(&self) -> Policy {
        self.into()
    }

    fn status(&self) -> Option<&DriftPolicyStatus> {
        self.status.as_ref()
    }

    fn with_status(&self, status: DriftPolicyStatus) -> Self {
        Self {
            status: Some(status),
            ..self.clone()
        }
    }

    fn api(&self, client: Client) -> Api<Self> {
        Api::namespaced(client, &self.namespace().unwrap_or_default())
    }
}

impl PolicyObject for ClusterDriftPolicy {
    fn policy(&self) -> Policy {
        self.into()
    }

    fn status(&self) -> Option<&DriftPolicyStatus> {
        self.status.as_ref()
    }

    fn with_status(&self, status: DriftPolicyStatus) -> Self {
        Self {
            status: Some(status),
            ..self.clone()
        }
    }

    fn api(&self, client: Client) -> Api<Self> {
        Api::all(client)
    }
}

/// What is known of policies and of those whom they concern.
#[derive(Debug, Default)]
pub struct Known {
    /// The accepted policies.
    pub policies: Policies,
    /// What policies refer to and can't be read, by title.
    pub unresolved: BTreeMap<String, Arc<Vec<Violation>>>,
    /// Workloads, each with the labels of one of its pods: the youngest's.
    pub workloads: BTreeMap<WorkloadKey, BTreeMap<String, String>>,
}

/// Gathers it.
pub fn fetch(world: &World) -> Known {
    let mut pods = world.pods_where(|_| true);
    pods.sort_by(|a, b| (a.created, &a.uid).cmp(&(b.created, &b.uid)));
    let located = pods
        .iter()
        .filter_map(|pod| Some((world.workload(pod)?, pod.labels.clone())));
    let unresolved = every(world).map(|policy| {
        let title = policy.title();
        let found = world.referred(policy.namespace.as_deref(), &title, &policy.spec.feeds);
        (title, found.violations)
    });
    Known {
        unresolved: unresolved.collect(),
        policies: Policies::of(world),
        workloads: located.collect(),
    }
}
