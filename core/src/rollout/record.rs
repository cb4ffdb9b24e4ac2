//! When a revision is recorded, and what its record says.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Evidence, Pod, evidence::rollout_start};
use crate::{
    id::{ContainerName, ImageDigest, TemplateHash, WorkloadKey, WorkloadUid, object_name, short_hash},
    text::bounded,
    time::Timestamp,
};

/// A RolloutRecord as far as decisions need it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Record {
    /// Name of the object.
    pub name: String,
    /// UID of the workload.
    pub workload_uid: WorkloadUid,
    /// Revision number: it rises with each rollout, rollbacks included.
    pub revision: u64,
    /// Hash of the pod template.
    pub template_hash: TemplateHash,
    /// What the containers of the template run.
    pub containers: BTreeMap<ContainerName, RecordedContainer>,
    /// When the rollout started.
    pub started_at: Timestamp,
    /// When the record was made.
    pub recorded_at: Timestamp,
}

/// What a container of a revision runs.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RecordedContainer {
    /// True for an init container.
    pub init: bool,
    /// The image that the template names.
    pub image: String,
    /// The digest that runs.
    pub digest: ImageDigest,
}

/// The revision that a workload is at: the ReplicaSet whose annotation `deployment.kubernetes.io/revision` equals the
/// Deployment's.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RevisionFacts {
    /// The workload.
    pub workload: WorkloadKey,
    /// The containers of the revision's pod template, init containers included.
    pub containers: BTreeMap<ContainerName, TemplateContainer>,
    /// The annotation `kubernetes.io/change-cause`.
    pub change_cause: Option<String>,
}

/// A container of a pod template.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TemplateContainer {
    /// True for an init container.
    pub init: bool,
    /// The image that the template names.
    pub image: String,
}

/// A record to be made.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct NewRecord {
    /// The record.
    pub record: Record,
    /// The workload.
    pub workload: WorkloadKey,
    /// Name of the pod whose status the digests were read from.
    pub witness: String,
    /// What the annotation `kubernetes.io/change-cause` says, at most 1024 bytes.
    pub change_cause: Option<String>,
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

/// Plans the record of the revision that a workload is at.
///
/// It is made once a running pod of the revision reports the digests of all containers of the template, init containers
/// included; the oldest such pod is the witness. A rollback re-uses ReplicaSet, hash and creation time of an older
/// revision under a new number: then the rollout started when its first pod was made, not when the ReplicaSet was.
pub fn plan_record(facts: &RevisionFacts, evidence: &Evidence, now: Timestamp) -> RecordPlan {
    let Some(current) = &evidence.current else {
        return RecordPlan::Nothing {
            reason: "the workload's revision is not known",
        };
    };
    if facts.containers.is_empty() {
        return RecordPlan::Nothing {
            reason: "the pod template is not known",
        };
    }
    let records = evidence.records();
    if records.last().is_some_and(|newest| newest.revision >= current.revision) {
        return RecordPlan::Nothing {
            reason: "the revision is recorded",
        };
    }
    let mut pods: Vec<&Pod> = evidence
        .pods
        .values()
        .filter(|pod| pod.template_hash.as_ref() == Some(&current.template_hash))
        .collect();
    pods.sort_by_key(|pod| (pod.created, pod.name.clone()));
    let last_start = records.last().map(|newest| newest.started_at);
    // What still runs from the first time that a re-used ReplicaSet was rolled out may run an older image of its tag.
    pods.retain(|pod| last_start.is_none_or(|start| pod.created >= start));
    let Some((witness, containers)) = pods
        .iter()
        .find_map(|pod| Some((pod.name.clone(), recorded(facts, pod)?)))
    else {
        return RecordPlan::Wait;
    };
    let started_at = rollout_start(evidence, records.last().copied())
        .map_or(now, |start| start.min(now))
        .whole_second();
    RecordPlan::Create(Box::new(NewRecord {
        record: Record {
            name: record_name(&facts.workload, &current.workload_uid, current.revision, evidence),
            workload_uid: current.workload_uid.clone(),
            revision: current.revision,
            template_hash: current.template_hash.clone(),
            containers,
            started_at,
            recorded_at: now.whole_second(),
        },
        workload: facts.workload.clone(),
        witness,
        change_cause: facts
            .change_cause
            .as_ref()
            .filter(|cause| !cause.is_empty())
            .map(|cause| bounded(cause.clone(), 1_024)),
    }))
}

/// What a pod runs of a template, where its status tells all of it.
fn recorded(facts: &RevisionFacts, pod: &Pod) -> Option<BTreeMap<ContainerName, RecordedContainer>> {
    if !pod.running {
        return None;
    }
    let container = |(name, template): (&ContainerName, &TemplateContainer)| {
        let recorded = RecordedContainer {
            init: template.init,
            image: template.image.clone(),
            digest: pod.digests.get(name)?.clone(),
        };
        Some((name.clone(), recorded))
    };
    facts.containers.iter().map(container).collect()
}

/// `<kind>-<name>-<revision>`; where an earlier workload of the same name left a record of that name, the workload's
/// UID makes the difference.
fn record_name(workload: &WorkloadKey, uid: &WorkloadUid, revision: u64, evidence: &Evidence) -> String {
    let name = object_name(&workload.kind, &workload.name, Some(&revision.to_string()));
    let taken = evidence
        .records
        .iter()
        .any(|record| record.name == name && record.workload_uid != *uid);
    if taken {
        let suffix = format!("{revision}-{}", short_hash(&[uid.as_str().as_bytes()]));
        object_name(&workload.kind, &workload.name, Some(&suffix))
    } else {
        name
    }
}
