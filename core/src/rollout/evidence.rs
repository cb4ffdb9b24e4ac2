//! What is known of a workload's rollouts and pods at a moment.

use std::collections::BTreeMap;

use super::{
    Intent, Record, RecordKind, RecordedContainer,
    heirs::Heirs,
    likeness::{Likeness, likeness},
};
use crate::{
    id::{ContainerName, ImageDigest, NodeName, PodUid, TemplateHash, WorkloadUid},
    policy::RolloutPolicy,
    time::Timestamp,
};

/// What is known of a workload's rollouts and pods at a moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Evidence {
    /// The workload's RolloutRecords, in any order; those of an earlier workload of the same name may be among them.
    pub records: Vec<Record>,
    /// The revision that the workload is at, where it has revisions and that is known.
    pub current: Option<CurrentRevision>,
    /// The workload's pods, terminating ones included.
    pub pods: BTreeMap<PodUid, Pod>,
    /// The RolloutIntents that name the workload, in any order.
    pub intents: Vec<Intent>,
}

/// The revision that a workload is at, whether or not a record exists yet.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CurrentRevision {
    /// UID of the workload.
    pub workload_uid: WorkloadUid,
    /// Its number.
    pub revision: u64,
    /// Hash of its pod template.
    pub template_hash: TemplateHash,
    /// When its ReplicaSet was made.
    pub created: Timestamp,
}

/// A pod, as the API server knows it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// The node that it runs on; empty until it is told.
    pub node: NodeName,
    /// Hash of its template, where it has one.
    pub template_hash: Option<TemplateHash>,
    /// True while its phase is Running and it is not being deleted.
    pub running: bool,
    /// True once all of its containers ended well, as a Job's do.
    pub succeeded: bool,
    /// When it was made.
    pub created: Timestamp,
    /// The digest that each of its containers runs, init containers included. A container whose status does not tell
    /// (an `imageID` that is empty or holds no digest) is left out.
    pub digests: BTreeMap<ContainerName, ImageDigest>,
    /// The image that each of its containers names.
    pub images: BTreeMap<ContainerName, String>,
}

impl Evidence {
    /// The record of the newest revision of the workload that exists now.
    pub fn newest(&self) -> Option<&Record> {
        self.records().pop()
    }

    /// The records of revisions of the workload that exists now, oldest revision first: a workload that was deleted and made again
    /// under its name begins anew, though its predecessor's records are kept. Where the workload's UID is not known,
    /// that of the rollout that started last counts. What is not sealed is left out.
    pub(super) fn records(&self) -> Vec<&Record> {
        let latest = self
            .records
            .iter()
            .filter(|record| record.sealed && record.is_revision())
            .max_by_key(|record| (record.started_at, record.revision));
        let uid = match (&self.current, latest) {
            (Some(current), _) => &current.workload_uid,
            (None, Some(record)) => &record.workload_uid,
            (None, None) => return Vec::new(),
        };
        let mut records: Vec<&Record> = self
            .records
            .iter()
            .filter(|record| record.sealed && record.is_revision() && record.workload_uid == *uid)
            .collect();
        records.sort_by_key(|record| record.revision);
        records
    }

    /// The records of further digests that are linked to a revision's.
    pub(super) fn linked<'a>(&'a self, revision: &'a Record) -> impl Iterator<Item = &'a Record> {
        let of_revision = |record: &&Record| matches!(&record.kind, RecordKind::Digest { of } if *of == revision.name);
        self.records.iter().filter(|record| record.sealed).filter(of_revision)
    }

    /// What is recorded of a container of a revision that tells another digest than the revision's record.
    pub(super) fn further<'a>(
        &'a self,
        revision: &'a Record,
        container: &'a ContainerName,
        digest: &'a ImageDigest,
    ) -> Option<&'a RecordedContainer> {
        let mut held = self
            .linked(revision)
            .filter_map(|record| record.containers.get(container));
        held.find(|held| held.digest == *digest)
    }

    /// Whether two digests that a pod told of a container are of one image.
    pub(crate) fn is_one_image(&self, container: &ContainerName, one: &ImageDigest, other: &ImageDigest) -> bool {
        let held = |digest: &ImageDigest| {
            let sealed = self.records.iter().filter(|record| record.sealed);
            let held = sealed.filter_map(|record| record.containers.get(container));
            held.filter(|held| held.digest == *digest).collect::<Vec<_>>()
        };
        let others = held(other);
        one == other
            || held(one).into_iter().any(|one| {
                let is_tied = |other: &&RecordedContainer| likeness(one, other) == Likeness::Same;
                others.iter().any(is_tied)
            })
    }

    /// A record of a rollout, and those of later ones that go on with what it brought to a container.
    pub(super) fn heirs<'a>(
        &'a self,
        record: &'a Record,
        container: &ContainerName,
        policy: &RolloutPolicy,
    ) -> Heirs<'a> {
        let records = self.records();
        match records.iter().position(|held| held.name == record.name) {
            Some(brought) => Heirs::of(container, &records, brought, policy),
            None => Heirs::none(record),
        }
    }
}

/// When the rollout of the revision that a workload is at started, where its record is still to be made.
pub fn started(evidence: &Evidence) -> Option<Timestamp> {
    rollout_start(evidence, evidence.newest())
}

/// When the rollout of the revision that a workload is at started, where `newest` is the record of the one before.
///
/// That is when its ReplicaSet was made. A rollback re-uses an older ReplicaSet: then it is when the first pod was made
/// for it; `None` until there is one.
pub(super) fn rollout_start(evidence: &Evidence, newest: Option<&Record>) -> Option<Timestamp> {
    let current = evidence.current.as_ref()?;
    let Some(newest) = newest.filter(|newest| current.created < newest.started_at) else {
        return Some(current.created);
    };
    evidence
        .pods
        .values()
        .filter(|pod| pod.template_hash.as_ref() == Some(&current.template_hash) && pod.created >= newest.started_at)
        .map(|pod| pod.created)
        .min()
}
