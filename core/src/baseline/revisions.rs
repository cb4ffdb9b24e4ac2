//! Which revisions of a workload were watched, and which of them showed what: what a release changes is told from it.
//!
//! A revision is known by the hash of its template alone: a rollback re-uses the hash, and is the same again.

use std::collections::BTreeMap;

use super::{Baseline, Batch, HourSet};
use crate::{id::TemplateHash, time::Timestamp};

/// Most revisions that a baseline tells apart: about 3 KiB of the object. Of more, those that were observed last are kept.
pub const MAX_REVISIONS: usize = 8;

/// The revisions that were watched, by the hashes of their templates, and the hours in which a pod of each was observed.
pub type Revisions = BTreeMap<TemplateHash, HourSet>;

/// Notes which revisions the pods of a batch are of, and when they were observed. Pods that nobody knows, and those that
/// have no template, are of none. Returns whether anything differs.
pub(super) fn watch(baseline: &mut Baseline, batch: &Batch, now: Timestamp) -> bool {
    let mut changed = false;
    for report in batch.containers.iter().filter(|report| report.pod.verified) {
        // Where every feed is switched off, nothing was watched.
        if !baseline.containers.contains_key(&report.container) {
            continue;
        }
        let Some(hash) = &report.pod.template_hash else {
            continue;
        };
        let held = baseline.revisions.entry(hash.clone()).or_insert_with(|| {
            changed = true;
            HourSet::NONE
        });
        held.return_to(now.hour());
        for hour in &report.hours {
            changed |= held.insert((*hour).min(now.hour()));
        }
    }
    changed | bound(baseline)
}

/// Forgets the revisions beyond [`MAX_REVISIONS`], and that their pods showed anything.
fn bound(baseline: &mut Baseline) -> bool {
    let over = baseline.revisions.len().saturating_sub(MAX_REVISIONS);
    let mut ranked: Vec<_> = baseline
        .revisions
        .iter()
        .map(|(hash, hours)| (hours.newest(), hash.clone()))
        .collect();
    ranked.sort_unstable();
    for (_, hash) in &ranked[..over] {
        baseline.revisions.remove(hash);
        let containers = baseline.containers.values_mut();
        let feeds = containers.flat_map(|container| container.feeds.values_mut());
        for entry in feeds.flat_map(|feed| feed.entries.values_mut()) {
            entry.lesson.revisions.remove(hash);
        }
    }
    over > 0
}
