//! Pods of the newest revision that run something else than what is recorded of it.

use super::{Evidence, Record, RecordKind};
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
/// digest is none: it can't be pushed again, and a runtime may name the digest of a platform's part.
pub(crate) fn mismatches(evidence: &Evidence) -> Vec<DigestMismatch> {
    let records = evidence.records();
    let Some(newest) = records.last() else {
        return Vec::new();
    };
    let linked = evidence
        .records
        .iter()
        .filter(|record| record.sealed && matches!(&record.kind, RecordKind::Digest { of } if *of == newest.name));
    let found = linked.flat_map(|further| {
        let concerned = further.containers.iter().filter(|(_, held)| !held.injected);
        concerned.filter_map(|(name, held)| {
            let recorded = newest
                .containers
                .get(name)
                .filter(|recorded| recorded.pinned.is_none())?;
            // A rollback has two records of one template, and may have brought what the tag names now.
            let is_known = |record: &&Record| {
                let digest = record.containers.get(name).map(|held| &held.digest);
                record.template_hash == newest.template_hash && digest == Some(&held.digest)
            };
            (!records.iter().any(is_known)).then(|| DigestMismatch {
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
