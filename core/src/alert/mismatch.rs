//! Images that run under the tag of others, as findings of their own: a function of the evidence, whatever their pods do.

use std::collections::BTreeMap;

use super::burst::Bursts;
use crate::{
    baseline::{Entry, EntryState, Lesson, MAX_SIGHTINGS, Marks, Sighting},
    behaviour::{Behaviour, Origin, ProcessParts},
    id::PodUid,
    rare::Rare,
    rollout::{DigestMismatch, Evidence, mismatches},
    rules::Rule,
};

/// Entries that stand for them.
pub(super) fn of_evidence(evidence: &Evidence) -> Bursts {
    let found = mismatches(evidence).into_iter().map(|mismatch| {
        let entry = stand_for(&mismatch, evidence);
        ((mismatch.container, entry.behaviour.id()), entry)
    });
    found.collect()
}

fn stand_for(mismatch: &DigestMismatch, evidence: &Evidence) -> Entry {
    let pods = || {
        mismatch
            .pods
            .iter()
            .filter_map(|uid| Some((uid, evidence.pods.get(uid)?)))
    };
    let shown_by: BTreeMap<PodUid, Sighting> = pods()
        .take(MAX_SIGHTINGS)
        .map(|(uid, pod)| {
            let sighting = Sighting {
                pod: pod.name.clone(),
                node: pod.node.clone(),
                digest: Some(mismatch.running.clone()).into(),
                template_hash: pod.template_hash.clone().into(),
                first_seen: pod.created,
            };
            (uid.clone(), sighting)
        })
        .collect();
    let count = pods().count().max(1);
    Entry {
        // Made of the two digests, which is what it is known by.
        behaviour: Behaviour::Process(
            ProcessParts {
                origin: Origin::Entrypoint,
                parent: mismatch.recorded.as_str().to_owned(),
                executable: mismatch.running.as_str().to_owned(),
                ..ProcessParts::default()
            }
            .into(),
        ),
        attributes: Rare::default(),
        state: EntryState::Quarantined {
            rule: Rule::DigestMismatch,
        },
        lineage: Vec::new(),
        count: u64::try_from(count).unwrap_or(u64::MAX),
        first_seen: mismatch.noticed,
        last_seen: pods()
            .map(|(_, pod)| pod.created)
            .max()
            .unwrap_or(mismatch.noticed)
            .max(mismatch.noticed),
        days: Marks::NONE,
        pods: u32::try_from(count).unwrap_or(u32::MAX),
        shown_by,
        unverified: false,
        snapshot: false,
        provisional: false,
        lesson: Lesson::default(),
        strangeness: None,
        generalised: false,
    }
}
