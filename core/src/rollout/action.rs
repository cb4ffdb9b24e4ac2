//! What a revision is, compared with the one before it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    Record, RecordedContainer, TemplateChange,
    likeness::{Likeness, likeness},
};
use crate::id::{ContainerName, TemplateHash};

/// What a revision is, compared with the one before it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub enum RolloutAction {
    /// The first that is recorded of the workload.
    First,
    /// Another image runs.
    Update,
    /// The same images, differently configured.
    Reconfigure,
    /// The same images, and nothing of the template changed that a container sees.
    Restart,
    /// An older template, again.
    Rollback,
}

/// Tells it from the records of the workload before it, oldest first. Where it is not known what the template changed,
/// the same images count as differently configured.
pub(super) fn action(
    before: &[&Record],
    template_hash: &TemplateHash,
    containers: &BTreeMap<ContainerName, RecordedContainer>,
    changes: Option<&[TemplateChange]>,
) -> RolloutAction {
    let Some((previous, older)) = before.split_last() else {
        return RolloutAction::First;
    };
    if older.iter().any(|record| record.template_hash == *template_hash) {
        return RolloutAction::Rollback;
    }
    if !run_the_same(&previous.containers, containers) {
        return RolloutAction::Update;
    }
    match changes {
        Some([]) => RolloutAction::Restart,
        Some(_) | None => RolloutAction::Reconfigure,
    }
}

/// Whether the same containers run the same images. Where nobody tells, they count as others.
fn run_the_same(
    before: &BTreeMap<ContainerName, RecordedContainer>,
    now: &BTreeMap<ContainerName, RecordedContainer>,
) -> bool {
    let runs_the_same = |(name, held)| {
        let older = before.get(name);
        older.is_some_and(|older| likeness(older, held) == Likeness::Same)
    };
    before.len() == now.len() && now.iter().all(runs_the_same)
}
