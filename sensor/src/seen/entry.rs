//! One behaviour of a container, in memory: its row, and what of it the disk does not know yet.

use anchorwatch_core::behaviour::{Attributes, Origin};
use anchorwatch_core::id::BehaviourId;
use std::collections::VecDeque;

use super::size::behaviour_size;
use super::{BehaviourRow, Dirty, Sighting};
use crate::attribute::pod::ContainerKey;

#[derive(Debug)]
pub(super) struct Entry {
    pub row: BehaviourRow,
    pub dirty: bool,
    /// In the queue of marks.
    pub queued: bool,
}

impl Entry {
    pub(super) const fn new(row: BehaviourRow) -> Self {
        Self {
            row,
            dirty: false,
            queued: false,
        }
    }

    /// Counts a sighting. Whether it has to be told again as if it were new: what nobody could place teaches nothing, and
    /// now it is placed; or what was only done when the container started is done later.
    pub(super) fn count(&mut self, sighting: &Sighting<'_>) -> bool {
        let Sighting {
            behaviour,
            attributes: _,
            command: _,
            lineage: _,
            at,
            repeats,
            standing,
            startup,
        } = *sighting;
        let row = &mut self.row;
        let placed = row.behaviour.origin() == Origin::Unknown && behaviour.origin() != Origin::Unknown;
        // Of several variants of one identity, the one that says more stands for it.
        if *behaviour < row.behaviour {
            row.behaviour.clone_from(behaviour);
        }
        let before = row.startup;
        row.startup = match (row.snapshot, standing) {
            (_, true) => before,
            (true, false) => startup,
            (false, false) => before && startup,
        };
        row.snapshot &= standing;
        row.count_times(at, repeats.saturating_add(1));
        placed || (before && !row.startup)
    }

    /// Notes that the disk does not know it as it is, and that it is to be told again if that is news.
    pub(super) fn changed(
        &mut self,
        is_news: bool,
        (key, id): (&ContainerKey, BehaviourId),
        fresh: &mut VecDeque<(ContainerKey, BehaviourId)>,
        dirty: &mut Dirty,
    ) {
        // What was never told is in the queue already.
        if is_news && self.row.reported_hour.take().is_some() {
            fresh.push_back((key.clone(), id));
            dirty.urgent = true;
        }
        if !std::mem::replace(&mut self.dirty, true) {
            dirty.behaviours.push((key.clone(), id));
        }
    }

    /// Adds what is known beside the key.
    pub(super) fn enrich(&mut self, attributes: &Attributes) -> Enriched {
        let row = &mut self.row;
        let mut enriched = Enriched::default();
        if !row.attributes.grows_by(attributes) {
            return enriched;
        }
        let before = behaviour_size(row);
        enriched.news = row.attributes.has_news_in(attributes);
        row.attributes = std::mem::take(&mut row.attributes).join(attributes.clone());
        enriched.growth = behaviour_size(row).saturating_sub(before);
        enriched
    }
}

/// What became of what is known beside a key.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Enriched {
    /// It is to be told.
    pub news: bool,
    /// By how many bytes the entry grew.
    pub growth: usize,
}
