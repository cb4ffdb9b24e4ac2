//! What a report adds to the entry of its behaviour: when, where and how often it was seen.

use std::collections::BTreeMap;

use super::{
    super::{BehaviourReport, Entry, EntryState, Lesson, Marks, Sighting, entry::bounded_lineage},
    report::Context,
};
use crate::{rare::Rare, seen::Seen, time::Timestamp};

impl Context<'_> {
    /// An entry of which nothing is counted yet.
    pub(super) fn begin(&self, seen: &BehaviourReport) -> Entry {
        let (first_seen, _) = self.times(seen);
        Entry {
            behaviour: seen.behaviour.clone(),
            attributes: Rare::default(),
            state: EntryState::Learned,
            lineage: bounded_lineage(&seen.lineage),
            count: 0,
            first_seen,
            last_seen: first_seen,
            days: Marks::NONE,
            pods: 0,
            shown_by: BTreeMap::new(),
            unverified: true,
            snapshot: true,
            provisional: false,
            lesson: Lesson::default(),
            strangeness: None,
            generalised: false,
        }
    }

    /// The pod that shows it.
    pub(super) fn sighting(&self, first_seen: Timestamp) -> Sighting {
        let pod = &self.report.pod;
        Sighting {
            pod: pod.name.clone(),
            node: self.batch.id.node.clone(),
            digest: pod.digest.clone().into(),
            template_hash: pod.template_hash.clone().into(),
            first_seen,
        }
    }

    /// Adds a report to its entry.
    pub(super) fn add(&self, entry: &mut Entry, seen: &BehaviourReport) {
        let pod = &self.report.pod;
        let (first_seen, last_seen) = self.times(seen);
        // Of variants with one key, and of lineages, the choice must not depend on who came first.
        if seen.behaviour < entry.behaviour {
            entry.behaviour = seen.behaviour.clone();
        }
        let lineage = bounded_lineage(&seen.lineage);
        if (first_seen, &lineage) < (entry.first_seen, &entry.lineage) {
            entry.lineage = lineage;
        }
        entry.first_seen = entry.first_seen.min(first_seen);
        // What is only found again was last seen when it happened, whichever is told first.
        entry.last_seen = match (entry.snapshot, seen.snapshot) {
            (true, false) => last_seen,
            (false, true) => entry.last_seen,
            (true, true) | (false, false) => entry.last_seen.max(last_seen),
        };
        entry.count = entry.count.saturating_add(seen.count.max(1));
        if pod.verified {
            let node = if self.batch.runs_elsewhere {
                Seen::One(self.batch.id.node.clone())
            } else {
                Seen::Several
            };
            entry.widen_bounds(seen, node);
            entry.lesson.revisions.extend(pod.template_hash.clone());
        }
        entry.unverified &= !pod.verified;
        entry.snapshot &= seen.snapshot;
        let quarantined = entry.is_quarantined();
        // A pod that nobody knows must not keep alive what others taught.
        if pod.verified || quarantined {
            entry.days.mark(first_seen.day().0);
            entry.days.mark(last_seen.day().0);
        }
        if quarantined {
            let sighting = self.sighting(first_seen);
            match entry.shown_by.get_mut(&pod.uid) {
                Some(held) => held.join(sighting),
                None => {
                    entry.shown_by.insert(pod.uid.clone(), sighting);
                }
            }
        }
        let pods = self.teachers.max(entry.shown_by.len());
        entry.pods = entry.pods.max(u32::try_from(pods).unwrap_or(u32::MAX));
    }
}
