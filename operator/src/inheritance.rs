//! From whom a workload is to take over what was learned, and whether that can be done.

use std::collections::{BTreeMap, BTreeSet};

use anchorwatch_core::{
    baseline::{Baseline, Maturity},
    id::{ContainerName, ImageDigest, WorkloadKey},
    rollout::Evidence,
};
use anchorwatch_crds::v1alpha1::BehaviorApproval;

use crate::{baselines, convert::baseline_from_crd, world::World};

/// What another workload has to give.
#[derive(Clone, Debug)]
pub struct Source {
    /// The workload.
    pub from: WorkloadKey,
    /// What it learned.
    pub learned: Baseline,
    /// The containers that run an image which this workload's container of that name runs, too.
    pub containers: BTreeSet<ContainerName>,
}

/// Why nothing can be taken over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Obstacle {
    /// The other workload has no baseline in this namespace, or one that can't be read.
    Missing,
    /// It still learns.
    Learning,
    /// No container of both is known to have run the same image.
    NothingShared,
}

/// The workload that an approval names to inherit from: one of its own namespace.
pub fn named_by(approval: &BehaviorApproval) -> Option<WorkloadKey> {
    let other = approval.spec.inherit_from.as_ref()?;
    let namespace = approval.metadata.namespace.as_deref().unwrap_or_default();
    Some(WorkloadKey::new(namespace, &other.kind, &other.name))
}

/// What a workload can take over from another one.
pub fn source(world: &World, workload: &WorkloadKey, from: &WorkloadKey) -> Result<Source, Obstacle> {
    let object = world
        .baselines
        .get(&baselines::reference(from))
        .ok_or(Obstacle::Missing)?;
    let object = object.0.as_ref().map_err(|_| Obstacle::Missing)?;
    let learned = baseline_from_crd(object.status.clone().ok_or(Obstacle::Missing)?);
    if learned.maturity() == Maturity::Learning {
        return Err(Obstacle::Learning);
    }
    let containers = shared(&world.evidence(workload), &world.evidence(from));
    if containers.is_empty() {
        return Err(Obstacle::NothingShared);
    }
    Ok(Source {
        from: from.clone(),
        learned,
        containers,
    })
}

/// The containers of which a running pod of one workload runs an image that the other one runs, or is recorded to have
/// rolled out.
fn shared(own: &Evidence, other: &Evidence) -> BTreeSet<ContainerName> {
    let mut theirs: BTreeMap<&ContainerName, BTreeSet<&ImageDigest>> = BTreeMap::new();
    let run = other.pods.values().flat_map(|pod| &pod.digests);
    for (name, digest) in run {
        theirs.entry(name).or_default().insert(digest);
    }
    for record in other.records.iter().filter(|record| record.sealed) {
        for (name, recorded) in &record.containers {
            theirs.entry(name).or_default().insert(&recorded.digest);
        }
    }
    let running = own.pods.values().filter(|pod| pod.running).flat_map(|pod| &pod.digests);
    running
        .filter(|(name, digest)| theirs.get(name).is_some_and(|held| held.contains(digest)))
        .map(|(name, _)| name.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::{rollout::Pod, time::Timestamp};

    fn runs(container: &str, digit: char, running: bool) -> Evidence {
        let digest = ImageDigest::from_image_id(&format!("sha256:{}", digit.to_string().repeat(64))).unwrap();
        let pod = Pod {
            name: "pod".into(),
            node: "n1".into(),
            template_hash: None,
            running,
            succeeded: false,
            created: Timestamp::from_secs(0),
            digests: [(container.into(), digest)].into(),
            images: BTreeMap::new(),
        };
        Evidence {
            pods: [("uid".into(), pod)].into(),
            ..Evidence::default()
        }
    }

    #[test]
    fn a_container_is_shared_where_both_run_the_same_image_under_its_name() {
        let blue = runs("app", '1', false);
        assert_eq!(shared(&runs("app", '1', true), &blue), BTreeSet::from(["app".into()]));
        assert!(shared(&runs("app", '2', true), &blue).is_empty(), "another image");
        assert!(shared(&runs("web", '1', true), &blue).is_empty(), "another container");
        assert!(
            shared(&runs("app", '1', false), &blue).is_empty(),
            "nothing runs it here"
        );
        assert!(shared(&runs("app", '1', true), &Evidence::default()).is_empty());
    }
}
