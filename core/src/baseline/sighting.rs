//! Pods that showed a quarantined behaviour: the evidence that a rollout is matched with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    id::{ImageDigest, NodeName, PodUid, TemplateHash},
    seen::Seen,
    time::Timestamp,
};

/// Most pods that are kept of an entry.
pub const MAX_SIGHTINGS: usize = 32;
/// Fewest pods that are kept of an entry, however many entries there are.
const MIN_SIGHTINGS: usize = 2;
/// Pods that are kept of all entries of a baseline together (of 300 bytes each: 57 KiB of the object).
const BUDGET: usize = 192;

/// A pod that showed a behaviour.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Sighting {
    /// Name of the pod.
    pub pod: String,
    /// Node that reported it.
    pub node: NodeName,
    /// Digest that the container ran, as its pod's status told whenever it showed the behaviour.
    pub digest: Seen<ImageDigest>,
    /// Hash of the pod's template, where it has one.
    pub template_hash: Seen<TemplateHash>,
    /// When the pod first showed it.
    pub first_seen: Timestamp,
}

impl Sighting {
    /// Takes in what else was told of the pod.
    pub(crate) fn recall(&mut self, digest: Seen<ImageDigest>, template_hash: Seen<TemplateHash>) {
        self.digest = std::mem::take(&mut self.digest).join(digest);
        self.template_hash = std::mem::take(&mut self.template_hash).join(template_hash);
    }

    /// What two reports of one pod say together.
    pub(super) fn join(&mut self, other: Self) {
        self.recall(other.digest.clone(), other.template_hash.clone());
        let earlier = |sighting: &Self| (sighting.first_seen, sighting.node.clone(), sighting.pod.clone());
        if earlier(&other) < earlier(self) {
            self.pod = other.pod;
            self.node = other.node;
            self.first_seen = other.first_seen;
        }
    }
}

/// How many pods an entry may keep where so many entries are quarantined.
pub(crate) fn limit(quarantined: usize) -> usize {
    (BUDGET / quarantined.max(1)).clamp(MIN_SIGHTINGS, MAX_SIGHTINGS)
}

/// Keeps `limit` pods, and of every revision and digest one before a second of any: a crowd of pods of one revision
/// must not hide the single pod of another. Which pods are kept does not depend on the order in which they were seen.
pub(crate) fn sample(sightings: &BTreeMap<PodUid, Sighting>, limit: usize) -> BTreeMap<PodUid, Sighting> {
    let mut by_revision: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (uid, sighting) in sightings {
        by_revision
            .entry((&sighting.template_hash, &sighting.digest))
            .or_default()
            .push((sighting.first_seen, uid, sighting));
    }
    let mut ranked: Vec<_> = Vec::with_capacity(sightings.len());
    for mut pods in by_revision.into_values() {
        pods.sort_unstable_by_key(|(first_seen, uid, _)| (*first_seen, *uid));
        ranked.extend(
            pods.into_iter()
                .enumerate()
                .map(|(rank, (first_seen, uid, sighting))| ((rank, first_seen, uid), sighting)),
        );
    }
    ranked.sort_unstable_by_key(|(rank, _)| *rank);
    ranked
        .into_iter()
        .take(limit)
        .map(|((_, _, uid), sighting)| (uid.clone(), sighting.clone()))
        .collect()
}
