//! Which records are made, pruned, and how far their rollouts are. When a revision is recorded is the core's decision.

use std::time::Duration;

use anchorwatch_core::{
    chain::Checkpoint,
    rollout::{
        ChainedRecord, NewRecord, NodeImages, Pod, Pruning, Record, RecordKind, RecordPlan, RevisionFacts,
        is_unrecorded, plan_digests, plan_pruning, plan_record, witness,
    },
    time::{Duration as CoreDuration, Timestamp as CoreTimestamp},
};
use anchorwatch_crds::v1alpha1::{
    RecordType, RolloutAction, RolloutIntent, RolloutProgress, RolloutRecord, RolloutRecordStatus,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::{announced, fetch::Known, images};
use crate::{
    convert::{from_clock, record_to_crd},
    signing::Signing,
    world::facts::created,
};

/// What is to be done about a workload's records.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// A record to be made, without its place in the chain.
    pub create: Option<RolloutRecord>,
    /// Records whose status changes, with the resourceVersion that this was decided on.
    pub status: Vec<RolloutRecord>,
    /// Intents whose status changes.
    pub intents: Vec<RolloutIntent>,
    /// Names of records to be deleted, oldest first.
    pub delete: Vec<String>,
    /// When to plan again, although nothing may have happened until then.
    pub again: Option<Duration>,
}

/// Whether the objects of the revision have to be asked: it is not recorded, and a pod of it tells digests.
pub fn wants_facts(known: &Known) -> bool {
    let current = known.evidence.current.as_ref().map(|current| &current.template_hash);
    let mut pods = known.evidence.pods.values();
    is_unrecorded(&known.evidence) && pods.any(|pod| pod.template_hash.as_ref() == current && !pod.digests.is_empty())
}

/// The record of what runs beside what is recorded, where one is missing, and the pod that shows it.
pub fn further(known: &Known, now: Timestamp) -> Option<(NewRecord, &Pod)> {
    let new = plan_digests(&known.workload.key, &known.evidence, from_clock(now))?;
    let pod = known.evidence.pods.values().find(|pod| pod.name == new.witness)?;
    Some((new, pod))
}

/// What is to be recorded, as far as its witness's node tells of its images; none, and when to ask again, where it may
/// tell in a moment.
fn recorded(
    known: &Known,
    facts: Option<&RevisionFacts>,
    further: Option<(NewRecord, &Pod, NodeImages)>,
    now: CoreTimestamp,
) -> (Option<NewRecord>, Option<Duration>) {
    let revision = facts.and_then(|facts| match plan_record(facts, &known.evidence, now) {
        RecordPlan::Create(new) => Some((*new, witness(&facts.template, &known.evidence)?, facts.images.clone())),
        RecordPlan::Nothing { reason: _ } | RecordPlan::Wait => None,
    });
    match revision.or(further) {
        Some((new, pod, node)) if images::is_awaited(&node, &new, pod, now) => (None, Some(images::ASK_AGAIN)),
        Some((new, _, node)) => (Some(new.with_images(&node)), None),
        None => (None, None),
    }
}

/// Plans.
pub fn plan(
    known: &Known,
    facts: Option<&RevisionFacts>,
    further: Option<(NewRecord, &Pod, NodeImages)>,
    signing: &Signing,
    now: Timestamp,
) -> Plan {
    let time = from_clock(now);
    let (create, awaited) = recorded(known, facts, further, time);
    let pruning = plan_pruning(
        &chained(known, signing),
        CoreDuration::from_hours(24 * u64::from(known.policy.rollout.retention_days)),
        time,
    );
    let (intents, expiry) = announced::intents(known, now);
    let mut plan = Plan {
        again: expiry.into_iter().chain(awaited).min(),
        intents,
        create: create.map(record_to_crd),
        status: statuses(known, now),
        ..Plan::default()
    };
    match pruning {
        Pruning::Nothing { due } => {
            plan.again = match (plan.again, due) {
                (Some(expiry), Some(due)) => Some(expiry.min(due)),
                (expiry, due) => expiry.or(due),
            }
        }
        Pruning::Delete(names) => plan.delete = names,
        Pruning::Announce(checkpoint) => {
            // One record at a time: the next plan knows of this one.
            let checkpoint = checkpoint_record(known, checkpoint, time).map(record_to_crd);
            plan.create = plan.create.or(checkpoint);
        }
    }
    plan
}

/// The workload's sealed records as links of their chain.
fn chained(known: &Known, signing: &Signing) -> Vec<ChainedRecord> {
    let records = known.objects.iter().filter_map(|guarded| guarded.0.as_ref().ok());
    let sealed = records.filter(|record| signing.sealed(record));
    let links = sealed.filter_map(|record| {
        let chain = record.spec.chain.as_ref()?;
        Some(ChainedRecord {
            name: record.name_any(),
            sequence: chain.sequence.try_into().ok()?,
            hash: chain.hash.parse().ok()?,
            created: from_clock(created(&record.metadata)),
            is_revision: record.spec.record_type.unwrap_or(RecordType::Revision) == RecordType::Revision,
            prunes_through: record
                .spec
                .checkpoint
                .as_ref()
                .and_then(|checkpoint| checkpoint.through.try_into().ok()),
        })
    });
    links.collect()
}

fn checkpoint_record(known: &Known, checkpoint: Checkpoint, now: CoreTimestamp) -> Option<NewRecord> {
    let newest = known.evidence.newest()?;
    let workload = &known.workload.key;
    let suffix = format!("checkpoint-{}", checkpoint.through);
    Some(NewRecord {
        record: Record {
            name: anchorwatch_core::id::object_name(&workload.kind, &workload.name, Some(&suffix)),
            kind: RecordKind::Checkpoint(checkpoint),
            containers: std::collections::BTreeMap::new(),
            recorded_at: now.whole_second(),
            who: None,
            announced: None,
            ..newest.clone()
        },
        workload: workload.clone(),
        witness: String::new(),
        action: None,
        changes: None,
        change_cause: None,
        git_revision: None,
    })
}

/// The records whose rollout got further than their status says.
fn statuses(known: &Known, now: Timestamp) -> Vec<RolloutRecord> {
    let Some(current) = &known.evidence.current else {
        return Vec::new();
    };
    let records = known.objects.iter().filter_map(|guarded| guarded.0.as_ref().ok());
    let mut revisions: Vec<&RolloutRecord> = records
        .filter(|record| record.spec.workload_uid == current.workload_uid.as_str())
        .filter(|record| record.spec.record_type.unwrap_or(RecordType::Revision) == RecordType::Revision)
        .collect();
    revisions.sort_by_key(|record| record.spec.revision);
    let changed = revisions.iter().enumerate().filter_map(|(index, record)| {
        let before = record.status.clone().unwrap_or_default();
        let status = match revisions.get(index + 1) {
            Some(next) => superseded(&before, next, now),
            None if u64::try_from(record.spec.revision) == Ok(current.revision) => at(known, &before, now),
            None => before.clone(),
        };
        let status = RolloutRecordStatus {
            announcement: announced::outcome(known, record),
            ..status
        };
        (status != before).then(|| RolloutRecord {
            status: Some(status),
            ..(*record).clone()
        })
    });
    changed.collect()
}

/// The status of a record that another took the place of.
fn superseded(before: &RolloutRecordStatus, next: &RolloutRecord, now: Timestamp) -> RolloutRecordStatus {
    match before.progress {
        Some(RolloutProgress::Superseded | RolloutProgress::RolledBack) => before.clone(),
        Some(RolloutProgress::Progressing | RolloutProgress::Paused | RolloutProgress::Complete) | None => {
            let rolled_back = next.spec.action == Some(RolloutAction::Rollback);
            RolloutRecordStatus {
                progress: Some(if rolled_back {
                    RolloutProgress::RolledBack
                } else {
                    RolloutProgress::Superseded
                }),
                rolled_back_at: rolled_back.then_some(Time(now)),
                ..before.clone()
            }
        }
    }
}

/// The status of the record of the revision that the workload is at. Once complete, a rollout stays so: a pod that is
/// replaced or added later is no rollout.
fn at(known: &Known, before: &RolloutRecordStatus, now: Timestamp) -> RolloutRecordStatus {
    let complete = before.completed_at.is_some() || known.progress == RolloutProgress::Complete;
    let aborted = !complete && known.progress == RolloutProgress::RolledBack;
    RolloutRecordStatus {
        progress: Some(if complete {
            RolloutProgress::Complete
        } else {
            known.progress
        }),
        first_ready_at: before.first_ready_at.clone().or(known.first_ready.map(Time)),
        completed_at: before.completed_at.clone().or(complete.then_some(Time(now))),
        rolled_back_at: before.rolled_back_at.clone().or(Some(Time(now))).filter(|_| aborted),
        ..before.clone()
    }
}
