//! What a sensor reports of one workload, joined with what the operator knows of the pods.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    behaviour::{Attributes, Behaviour, Feed},
    id::{BatchId, ContainerName, ImageDigest, PodUid, TemplateHash},
    time::{Hour, Timestamp},
};

/// The part of a sensor's batch that is about one workload.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Batch {
    /// Its identity.
    pub id: BatchId,
    /// Feeds that the sensor could watch while the batch was gathered: only they were observed in its hours.
    pub watched: BTreeSet<Feed>,
    /// Whether pods of the workload run on other nodes as well, as the API server has it: what only this node tells is
    /// known there alone then, since another one could have told the same.
    pub runs_elsewhere: bool,
    /// What its containers did.
    pub containers: Vec<ContainerReport>,
    /// What the sensor lost and may be anybody's on its node, by feed and reason.
    pub losses: Losses,
}

/// Lost events by feed and reason.
pub type Losses = BTreeMap<Feed, BTreeMap<String, u64>>;

/// What one container of one pod did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ContainerReport {
    /// The container.
    pub container: ContainerName,
    /// Its pod.
    pub pod: ReportingPod,
    /// Wall-clock hours in which it was observed.
    pub hours: BTreeSet<Hour>,
    /// What it did.
    pub behaviours: Vec<BehaviourReport>,
    /// What is known to be lost of this container's events: no other's are among it.
    pub losses: Losses,
}

impl ContainerReport {
    /// Nothing yet, of a container of a pod.
    pub fn nothing(container: ContainerName, pod: ReportingPod) -> Self {
        Self {
            container,
            pod,
            hours: BTreeSet::new(),
            behaviours: Vec::new(),
            losses: Losses::new(),
        }
    }
}

/// A pod as the operator knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ReportingPod {
    /// UID of the pod.
    pub uid: PodUid,
    /// Name of the pod.
    pub name: String,
    /// Digest that the container runs, from the pod's status.
    pub digest: Option<ImageDigest>,
    /// Hash of the pod's template, where it has one.
    pub template_hash: Option<TemplateHash>,
    /// False where the API server does not know the pod: it never teaches.
    pub verified: bool,
}

/// A behaviour, and how often it was seen since it was last reported.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BehaviourReport {
    /// The behaviour.
    pub behaviour: Behaviour,
    /// What else was seen of it.
    pub attributes: Attributes,
    /// Executables that led to it, outermost first, its own last.
    pub lineage: Vec<String>,
    /// How often it was seen.
    pub count: u64,
    /// When it was first seen in this batch.
    pub first_seen: Timestamp,
    /// When it was last seen in this batch.
    pub last_seen: Timestamp,
    /// True where it was only found, running, mapped or open, when the sensor started: nobody saw it happen.
    pub snapshot: bool,
    /// True where its pod was only ever seen to do it in the first minute of the container; false also where that is not
    /// known.
    pub startup: bool,
}
