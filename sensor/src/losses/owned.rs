//! What is known to be one container's, or one of a pod's containers'.

use anchorwatch_core::behaviour::Feed;
use anchorwatch_crds::v1alpha1::{ContainerLosses, Loss, PodReference};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, VecDeque};

use super::{ByFeed, add, to_crd};
use crate::attribute::cgroup::ContainerId;
use crate::attribute::pod::{Container, PodIdentity};

/// Containers that are told apart: as many as a node may run, and again as many that are gone.
const MOST: usize = 1024;

/// Bytes of a batch that losses of containers may take as JSON, a quarter of it; one container's, with every reason that
/// there is, take an eighth of that at most.
const BATCH_BYTES: usize = 32 << 10;

/// As the resource's schema has it.
const MOST_OF_A_BATCH: usize = 256;

/// Whose an event was that was lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// Nobody can tell: anybody's on the node.
    Unknown,
    /// A container's that may have no name yet.
    Container(ContainerId),
    Owner(Owner),
}

/// A container by its names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    pub namespace: String,
    pub pod: String,
    pub pod_uid: String,
    /// Empty where it was one of the pod's, and which is not known.
    pub container: String,
}

impl From<&Container> for Owner {
    fn from(container: &Container) -> Self {
        Self {
            container: container.name.clone(),
            ..Self::from(&*container.pod)
        }
    }
}

/// One of the pod's containers.
impl From<&PodIdentity> for Owner {
    fn from(pod: &PodIdentity) -> Self {
        Self {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            pod_uid: pod.uid.clone(),
            container: String::new(),
        }
    }
}

/// What one of them lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerLosses {
    pub owner: Owner,
    pub losses: ByFeed,
}

/// What all of them lost, in the order in which they began to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Owned {
    losses: HashMap<Owner, ByFeed>,
    order: VecDeque<Owner>,
}

impl Owned {
    /// Whether there was room to tell its owner apart.
    #[must_use]
    pub fn add(&mut self, owner: Owner, feed: Feed, reason: &str, count: u64) -> bool {
        if let Some(losses) = self.losses.get_mut(&owner) {
            add(losses, feed, reason, count);
            return true;
        }
        if self.losses.len() >= MOST {
            return false;
        }
        let mut losses = ByFeed::new();
        add(&mut losses, feed, reason, count);
        self.order.push_back(owner.clone());
        self.losses.insert(owner, losses);
        true
    }

    pub fn is_empty(&self) -> bool {
        self.losses.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = OwnerLosses> {
        self.order.iter().filter_map(|owner| {
            Some(OwnerLosses {
                owner: owner.clone(),
                losses: self.losses.get(owner)?.clone(),
            })
        })
    }

    /// All of it.
    pub fn take_all(&mut self) -> Vec<OwnerLosses> {
        let all = self.iter().collect();
        *self = Self::default();
        all
    }

    /// As much as a batch holds; the others come with the next ones.
    pub fn take(&mut self) -> Vec<ContainerLosses> {
        let mut taken = Vec::new();
        let mut space = BATCH_BYTES;
        while taken.len() < MOST_OF_A_BATCH
            && let Some(owner) = self.order.front()
        {
            let losses = self.losses.get(owner).map(to_crd).unwrap_or_default();
            let told = told(owner, losses);
            let size = serde_json::to_vec(&told).map_or(0, |json| json.len() + 1);
            if size > space {
                break;
            }
            space -= size;
            self.losses.remove(owner);
            self.order.pop_front();
            taken.push(told);
        }
        taken
    }
}

fn told(owner: &Owner, losses: Vec<Loss>) -> ContainerLosses {
    let Owner {
        namespace,
        pod,
        pod_uid,
        container,
    } = owner.clone();
    ContainerLosses {
        pod: PodReference {
            namespace,
            name: pod,
            uid: pod_uid,
        },
        container,
        losses,
    }
}

impl FromIterator<OwnerLosses> for Owned {
    fn from_iter<I: IntoIterator<Item = OwnerLosses>>(stored: I) -> Self {
        let mut owned = Self::default();
        for OwnerLosses { owner, losses } in stored.into_iter().take(MOST) {
            owned.order.push_back(owner.clone());
            owned.losses.insert(owner, losses);
        }
        owned
    }
}
