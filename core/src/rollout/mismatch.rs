//! Pods of the newest revision that run something else than what is recorded of it.

use super::{
    Evidence, Record,
    likeness::{Likeness, likeness},
};
use crate::{
    id::{ContainerName, ImageDigest, PodUid},
    time::Timestamp,
};

/// A digest that runs under the tag of another.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct DigestMismatch {
    /// The container.
    pub(crate) container: ContainerName,
    /// What runs.
    pub(crate) running: ImageDigest,
    /// What is recorded of the revision.
    pub(crate) recorded: ImageDigest,
    /// When that was recorded that it runs.
    pub(crate) noticed: Timestamp,
    /// Pods that run it now.
    pub(crate) pods: Vec<PodUid>,
}

/// Those of the newest recorded revision, by the records of further digests that are linked to it. What the template pins by
/// digest is none: it can't be pushed again. Nor is another digest of the same image, or what may be its part for another
/// platform.
pub(crate) fn mismatches(evidence: &Evidence) -> Vec<DigestMismatch> {
    let records = evidence.records();
    let Some(newest) = records.last() else {
        return Vec::new();
    };
    let found = evidence.linked(newest).flat_map(|further| {
        let concerned = further.containers.iter().filter(|(_, held)| !held.injected);
        concerned.filter_map(|(name, held)| {
            let recorded = newest
                .containers
                .get(name)
                .filter(|recorded| recorded.pinned.is_none())?;
            let is_other = match likeness(recorded, held) {
                Likeness::Same => false,
                Likeness::Other => true,
                // The first that is told of a platform may be its part of the image; a second one is not the first.
                Likeness::Unknown => evidence.linked(newest).any(|earlier| {
                    let earlier_held = earlier.containers.get(name);
                    let of_platform = earlier_held.filter(|other| other.platform == held.platform);
                    (earlier.recorded_at, &earlier.name) < (further.recorded_at, &further.name)
                        && of_platform.is_some_and(|other| likeness(other, held) == Likeness::Other)
                }),
            };
            // A rollback has two records of one template, and may have brought what the tag names now.
            let is_known = |record: &&Record| {
                let runs = record.containers.get(name);
                record.template_hash == newest.template_hash
                    && runs.is_some_and(|runs| likeness(runs, held) == Likeness::Same)
            };
            (is_other && !records.iter().any(is_known)).then(|| DigestMismatch {
                container: name.clone(),
                running: held.digest.clone(),
                recorded: recorded.digest.clone(),
                noticed: further.recorded_at,
                pods: running(evidence, newest, name, &held.digest),
            })
        })
    });
    found.collect()
}

fn running(evidence: &Evidence, revision: &Record, name: &ContainerName, digest: &ImageDigest) -> Vec<PodUid> {
    let of_revision = evidence
        .pods
        .iter()
        .filter(|(_, pod)| pod.template_hash.as_ref() == Some(&revision.template_hash));
    let running = of_revision.filter(|(_, pod)| pod.running && pod.digests.get(name) == Some(digest));
    running.map(|(uid, _)| uid.clone()).collect()
}
