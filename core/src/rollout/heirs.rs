//! Which revisions go on with what a rollout brought.

use super::{
    Record, RecordedContainer,
    likeness::{Likeness, likeness},
    trust::distrust,
};
use crate::{
    id::{ContainerName, TemplateHash},
    policy::RolloutPolicy,
};

/// A rollout and the later ones that go on with what it brought to a container: those that run the same image there, as a
/// restart does, and those by somebody whom the policy trusts that run nothing which ran before it, as the next release
/// does. A rollback is none: what it shows is its own.
#[derive(Clone, Debug)]
pub(super) struct Heirs<'a> {
    /// The record of the rollout that brought it, and those after it, oldest first.
    records: Vec<&'a Record>,
}

impl<'a> Heirs<'a> {
    /// Those of `records[brought]`; `records` are a workload's revisions, oldest first.
    pub(super) fn of(
        container: &ContainerName,
        records: &[&'a Record],
        brought: usize,
        policy: &RolloutPolicy,
    ) -> Self {
        let (before, after) = records.split_at(brought.min(records.len()));
        let held = |record: &&'a Record| record.containers.get(container);
        let ran_before: Vec<&RecordedContainer> = before.iter().filter_map(held).collect();
        let first = after.first();
        let goes_on = |record: &&&'a Record| {
            held(record).is_some_and(|runs| {
                let brought = first.and_then(held);
                brought.is_some_and(|brought| likeness(brought, runs) == Likeness::Same)
                    || (ran_before.iter().all(|older| likeness(older, runs) == Likeness::Other)
                        && distrust(record, container, policy).is_none())
            })
        };
        let later = after.iter().skip(1).filter(goes_on);
        Self {
            records: first.into_iter().chain(later).copied().collect(),
        }
    }

    /// A record alone.
    pub(super) fn none(record: &'a Record) -> Self {
        Self { records: vec![record] }
    }

    /// Their records, the newest first.
    pub(super) fn newest_first(&self) -> impl Iterator<Item = &'a Record> + '_ {
        self.records.iter().rev().copied()
    }

    /// Whether a template is of one of them.
    pub(super) fn have(&self, hash: &TemplateHash) -> bool {
        self.records.iter().any(|record| record.template_hash == *hash)
    }
}
