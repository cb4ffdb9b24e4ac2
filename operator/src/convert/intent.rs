//! Intents.

use anchorwatch_convert::{Violation, expected_from_crd, from_clock};
use anchorwatch_core::{
    id::ContainerName,
    rollout::{Comparison, Intent},
};
use anchorwatch_crds::v1alpha1::{AnnouncementOutcome, RolloutIntent};

use crate::world::facts::created;

/// Longest time for which an intent announces.
const MAX_VALID_FOR: std::time::Duration = std::time::Duration::from_hours(7 * 24);
/// Most lines of each sort that a record's status holds.
const MAX_LINES: usize = 64;

/// From an object. A digest that is none is left out, and what it expects that can't be read is told beside.
pub fn intent_from_crd(intent: &RolloutIntent) -> (Intent, Vec<Violation>) {
    let spec = &intent.spec;
    let (expects, violations) = spec.expect.as_ref().map(expected_from_crd).unwrap_or_default();
    let digests = spec.containers.iter().filter_map(|container| {
        let digest = container.digest.parse().ok()?;
        Some((ContainerName::new(&container.name), digest))
    });
    let created = from_clock(created(&intent.metadata));
    let intent = Intent {
        name: intent.metadata.name.clone().unwrap_or_default(),
        uid: intent.metadata.uid.clone().unwrap_or_default(),
        by: spec.by.clone(),
        created,
        expires: created.plus(spec.valid_for.get().min(MAX_VALID_FOR)),
        digests: digests.collect(),
        git_revision: spec.git_revision.clone(),
        expects,
    };
    (intent, violations)
}

/// What an intent expected and what happened, as a record's status holds it.
pub fn comparison_to_crd(comparison: Comparison) -> AnnouncementOutcome {
    let lines = |set: std::collections::BTreeSet<String>| set.into_iter().take(MAX_LINES).collect();
    AnnouncementOutcome {
        seen: lines(comparison.seen),
        not_seen: lines(comparison.not_seen),
        unexpected: lines(comparison.unexpected),
    }
}
