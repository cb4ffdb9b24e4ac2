//! When a revision is recorded, and with what.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    Actor, Evidence, GitRevision, NewRecord, NodeImages, Pod, Record, RecordKind, RecordedContainer, Template,
    action::action,
    evidence::{CurrentRevision, rollout_start},
    intent::announced,
};
use crate::{
    id::{ContainerName, ImageDigest, WorkloadKey, WorkloadUid, object_name, short_hash},
    text::bounded,
    time::Timestamp,
};

/// Longest change cause that is kept, in bytes.
const MAX_CAUSE: usize = 1_024;
/// Most records of further digests of one revision: whoever pushes a tag again and again fills no cluster.
const MAX_DIGEST_RECORDS: usize = 16;

/// The revision that a workload is at, as its objects tell.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RevisionFacts {
    /// The workload.
    pub workload: WorkloadKey,
    /// The revision's pod template.
    pub template: Template,
    /// The template of the revision recorded before it, where that still exists.
    pub before: Option<Template>,
    /// Who changed the template.
    pub who: Option<Actor>,
    /// The annotation `kubernetes.io/change-cause`.
    pub change_cause: Option<String>,
    /// The revision of the sources.
    pub git_revision: Option<GitRevision>,
    /// What the node of the [`witness`] says of its images.
    pub images: NodeImages,
}

/// What to do about a revision's record.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub enum RecordPlan {
    /// Nothing: what it concerns is recorded, or nothing is known of it.
    Nothing {
        /// Why.
        reason: &'static str,
    },
    /// Wait: no pod of it reports all of its digests yet.
    Wait,
    /// Make this record.
    Create(Box<NewRecord>),
}

/// Whether a record of the revision that the workload is at is missing.
pub fn is_unrecorded(evidence: &Evidence) -> bool {
    let Some(current) = &evidence.current else { return false };
    let records = evidence.records();
    records.last().is_none_or(|newest| newest.revision < current.revision)
}

/// Plans the record of the revision that a workload is at.
///
/// It is made once a pod of the revision that runs, or ended well as a Job's does, reports the digests of all containers of the template, init containers
/// included; the oldest such pod is the witness. A rollback re-uses ReplicaSet, hash and creation time of an older
/// revision under a new number: then the rollout started when its first pod was made, not when the ReplicaSet was.
pub fn plan_record(facts: &RevisionFacts, evidence: &Evidence, now: Timestamp) -> RecordPlan {
    let nothing = |reason| RecordPlan::Nothing { reason };
    let Some(current) = &evidence.current else {
        return nothing("the workload's revision is not known");
    };
    if facts.template.containers.is_empty() {
        return nothing("the pod template is not known");
    }
    if !is_unrecorded(evidence) {
        return nothing("the revision is recorded");
    }
    let records = evidence.records();
    let Some((witness, containers)) = witness_of(&facts.template, evidence, current, &records) else {
        return RecordPlan::Wait;
    };
    let told = containers
        .into_iter()
        .map(|(name, held)| (name, facts.images.tell(held)));
    let containers: BTreeMap<_, _> = told.collect();
    // Never by the operator's clock where a resource tells: it may be stepped.
    let started_at = rollout_start(evidence, records.last().copied())
        .unwrap_or(now)
        .whole_second();
    let announced = announced(&evidence.intents, started_at, &containers, facts.git_revision.as_ref());
    let changes = facts.before.as_ref().map(|before| facts.template.changes_since(before));
    let action = action(&records, &current.template_hash, &containers, changes.as_deref());
    let cause = facts.change_cause.clone().filter(|cause| !cause.is_empty());
    RecordPlan::Create(Box::new(NewRecord {
        record: Record {
            name: record_name(&facts.workload, &current.workload_uid, current.revision, evidence),
            kind: RecordKind::Revision,
            workload_uid: current.workload_uid.clone(),
            revision: current.revision,
            template_hash: current.template_hash.clone(),
            containers,
            who: facts.who.clone(),
            announced,
            started_at,
            recorded_at: now.whole_second(),
            sealed: true,
        },
        workload: facts.workload.clone(),
        witness: witness.name.clone(),
        action: Some(action),
        changes,
        change_cause: cause.map(|cause| bounded(cause, MAX_CAUSE)),
        git_revision: facts.git_revision.clone(),
    }))
}

/// The pod that the revision which a workload is at is recorded by, where it is to be recorded and there is one.
pub fn witness<'a>(template: &Template, evidence: &'a Evidence) -> Option<&'a Pod> {
    let current = evidence.current.as_ref().filter(|_| is_unrecorded(evidence))?;
    let (pod, _) = witness_of(template, evidence, current, &evidence.records())?;
    Some(pod)
}

/// The oldest pod of the revision that runs, or ended well, and tells all of its template's digests, and what it runs.
fn witness_of<'a>(
    template: &Template,
    evidence: &'a Evidence,
    current: &CurrentRevision,
    records: &[&Record],
) -> Option<(&'a Pod, BTreeMap<ContainerName, RecordedContainer>)> {
    let last_start = records.last().map(|newest| newest.started_at);
    let of_revision = |pod: &&Pod| {
        // What still runs from the first time that a re-used ReplicaSet was rolled out may run an older image of its tag.
        pod.template_hash.as_ref() == Some(&current.template_hash)
            && last_start.is_none_or(|start| pod.created >= start)
    };
    let mut pods: Vec<&Pod> = evidence.pods.values().filter(of_revision).collect();
    pods.sort_by_key(|pod| (pod.created, pod.name.clone()));
    pods.into_iter().find_map(|pod| Some((pod, recorded(template, pod)?)))
}

/// What a pod runs of a template, where its status tells all of it.
fn recorded(template: &Template, pod: &Pod) -> Option<BTreeMap<ContainerName, RecordedContainer>> {
    if !pod.running && !pod.succeeded {
        return None;
    }
    let containers = template.containers.iter().map(|(name, container)| {
        let recorded = RecordedContainer {
            init: container.init,
            image: container.image.clone(),
            digest: pod.digests.get(name)?.clone(),
            pinned: container.pinned(),
            injected: false,
            also: BTreeSet::new(),
            platform: None,
        };
        Some((name.clone(), recorded))
    });
    containers.collect()
}

/// Plans a record of what the pods of the recorded revision run beside what its record says: digests that differ from it,
/// as after a tag was pushed again, and containers that its template lacks. `None` where all of it is recorded.
pub fn plan_digests(workload: &WorkloadKey, evidence: &Evidence, now: Timestamp) -> Option<NewRecord> {
    let current = evidence.current.as_ref()?;
    let revision = *evidence.records().last()?;
    if revision.revision != current.revision {
        return None;
    }
    let linked: Vec<&Record> = evidence.linked(revision).collect();
    if linked.len() >= MAX_DIGEST_RECORDS {
        return None;
    }
    let known = |name: &ContainerName, digest: &ImageDigest| {
        let mut records = std::iter::once(revision).chain(linked.iter().copied());
        records.any(|record| record.containers.get(name).is_some_and(|held| held.digest == *digest))
    };
    let mut pods: Vec<&Pod> = evidence
        .pods
        .values()
        .filter(|pod| pod.running || pod.succeeded)
        .filter(|pod| pod.template_hash.as_ref() == Some(&revision.template_hash))
        .collect();
    pods.sort_by_key(|pod| (pod.created, pod.name.clone()));
    let (pod, news) = pods.iter().find_map(|pod| {
        let news = pod.digests.iter().filter(|(name, digest)| !known(name, digest));
        let news: BTreeMap<_, _> = news
            .map(|(name, digest)| (name.clone(), further(revision, pod, name, digest)))
            .collect();
        (!news.is_empty()).then_some((pod, news))
    })?;
    Some(NewRecord {
        record: Record {
            name: digest_name(workload, revision, &news),
            kind: RecordKind::Digest {
                of: revision.name.clone(),
            },
            containers: news,
            // Whoever rolled the revision out pushed no tag and injected no container.
            who: None,
            announced: None,
            started_at: pod.created,
            recorded_at: now.whole_second(),
            ..revision.clone()
        },
        workload: workload.clone(),
        witness: pod.name.clone(),
        action: None,
        changes: None,
        change_cause: None,
        git_revision: None,
    })
}

/// What a pod runs in a container beside what the revision's record says.
fn further(revision: &Record, pod: &Pod, name: &ContainerName, digest: &ImageDigest) -> RecordedContainer {
    let template = revision.containers.get(name);
    RecordedContainer {
        init: template.is_some_and(|container| container.init),
        image: template.map_or_else(
            || pod.images.get(name).cloned().unwrap_or_default(),
            |container| container.image.clone(),
        ),
        digest: digest.clone(),
        pinned: template.and_then(|container| container.pinned.clone()),
        injected: template.is_none(),
        also: BTreeSet::new(),
        platform: None,
    }
}

/// `<kind>-<name>-<revision>`; where an earlier workload of the same name left a record of that name, or one that is not
/// sealed has it, the workload's UID makes the difference.
fn record_name(workload: &WorkloadKey, uid: &WorkloadUid, revision: u64, evidence: &Evidence) -> String {
    let name = object_name(&workload.kind, &workload.name, Some(&revision.to_string()));
    let taken = evidence
        .records
        .iter()
        .any(|record| record.name == name && (record.workload_uid != *uid || !record.sealed));
    if taken {
        let suffix = format!("{revision}-{}", short_hash(&[uid.as_str().as_bytes()]));
        object_name(&workload.kind, &workload.name, Some(&suffix))
    } else {
        name
    }
}

/// `<kind>-<name>-<revision>-<hash8>`: the same for the same digests of the same revision, whoever makes it.
fn digest_name(workload: &WorkloadKey, revision: &Record, news: &BTreeMap<ContainerName, RecordedContainer>) -> String {
    let mut parts: Vec<&[u8]> = vec![revision.name.as_bytes()];
    for (name, container) in news {
        parts.push(name.as_str().as_bytes());
        parts.push(container.digest.as_str().as_bytes());
    }
    let suffix = format!("{}-{}", revision.revision, short_hash(&parts));
    object_name(&workload.kind, &workload.name, Some(&suffix))
}
