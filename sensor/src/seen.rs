//! What the node's containers have shown already: the first-seen filter.
//!
//! Held in memory, so that something known costs next to nothing; the outbox keeps a row for each container and each
//! behaviour, so that a restart reports nothing again. A behaviour is *unreported* until a batch has taken its counts.

mod commands;
mod container;
mod due;
mod entry;
mod forget;
mod row;
mod sighting;
mod size;

use anchorwatch_core::behaviour::{Attributes, Behaviour};
use anchorwatch_core::id::BehaviourId;
use anchorwatch_core::time::{Day, Hour, Timestamp};
use std::collections::VecDeque;

use crate::attribute::command::Template;
use crate::attribute::pod::{Container, ContainerKey};
use crate::keyed::KeyedMap;
use crate::losses::LossReason;
use commands::News;
pub use commands::Waiting;
use container::SeenContainer;
use entry::Entry;
pub use row::{BehaviourRow, ContainerRow, Row, RowChange, Unreported};
pub use sighting::Sighting;
use size::{behaviour_size, container_size, waiting_size};

/// How much is remembered.
#[derive(Debug, Clone, Copy)]
pub struct SeenLimits {
    /// Approximate bytes, in memory and on disk alike.
    pub bytes: usize,
    /// Behaviours of one container: a container that floods must not take the others' room.
    pub behaviours_per_container: usize,
    pub containers: usize,
}

impl Default for SeenLimits {
    fn default() -> Self {
        Self {
            bytes: 24 << 20,
            behaviours_per_container: 1024,
            containers: 4096,
        }
    }
}

/// What a sighting was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    Known,
    /// It is to be written to disk before it counts as handled.
    New,
    /// It can't be remembered.
    Refused(LossReason),
}

/// Everything seen and not forgotten.
#[derive(Debug)]
pub struct Seen {
    containers: KeyedMap<ContainerKey, SeenContainer>,
    limits: SeenLimits,
    bytes: usize,
    evicted: u64,
    /// The last attempt to make room found nothing to forget; no use in trying again before a batch is closed.
    full: bool,
    queues: Queues,
    /// Something in the queue of what is fresh is more than a command line of a behaviour that was told of.
    pressing: bool,
    dirty: Dirty,
}

/// What the next batches take along, in this order.
#[derive(Debug, Default)]
struct Queues {
    fresh: VecDeque<(ContainerKey, BehaviourId)>,
    marks: VecDeque<(ContainerKey, BehaviourId)>,
    hours: VecDeque<ContainerKey>,
}

/// What the disk does not know yet.
#[derive(Debug, Default)]
struct Dirty {
    containers: Vec<ContainerKey>,
    behaviours: Vec<(ContainerKey, BehaviourId)>,
    removed: Vec<RowChange>,
    /// Something is among them that is to be written at once.
    urgent: bool,
}

impl Seen {
    pub fn new(limits: SeenLimits) -> Self {
        Self {
            containers: KeyedMap::default(),
            limits,
            bytes: 0,
            evicted: 0,
            full: false,
            queues: Queues::default(),
            pressing: false,
            dirty: Dirty::default(),
        }
    }

    /// Takes over a row that the outbox kept.
    pub fn restore(&mut self, key: ContainerKey, row: Row) {
        match row {
            Row::Container(row) => {
                self.bytes += container_size(&row);
                self.containers.insert(key, SeenContainer::new(row));
            }
            Row::Behaviour(row) => {
                let Some(container) = self.containers.get_mut(&key) else {
                    return;
                };
                let id = row.behaviour.id();
                self.bytes += behaviour_size(&row);
                if row.reported_hour.is_none() {
                    self.pressing = true;
                    self.queues.fresh.push_back((key, id));
                }
                container.restore(id, Entry::new(*row));
            }
        }
    }

    pub const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Known behaviours that had to be forgotten: their next occurrence is reported as new.
    pub const fn evicted(&self) -> u64 {
        self.evicted
    }

    pub fn behaviours(&self) -> usize {
        self.containers.values().map(|container| container.entries.len()).sum()
    }

    /// A container showed a behaviour. Where something is new that is known beside its key, it is told of again.
    pub fn observe(&mut self, container: &Container, sighting: &Sighting<'_>) -> Sight {
        if let Err(reason) = self.ensure_container(container, sighting.at.hour()) {
            return Sight::Refused(reason);
        }
        let seen = self.containers.get_mut(&container.key).expect("ensured above");
        let known = seen.ids.get(sighting.behaviour).copied();
        let id = known.unwrap_or_else(|| sighting.behaviour.id());
        let Some(entry) = seen.entries.get_mut(&id) else {
            return match self.remember(&container.key, id, sighting) {
                Ok(()) => self.with_command((&container.key, id), sighting, (News::Yes, Sight::New)),
                Err(reason) => Sight::Refused(reason),
            };
        };
        let placed = entry.count(sighting);
        let enriched = entry.enrich(sighting.attributes);
        self.bytes += enriched.growth;
        let news = entry.row.news_of(sighting);
        self.pressing |= placed || enriched.news;
        entry.changed(
            placed || enriched.news,
            (&container.key, id),
            &mut self.queues.fresh,
            &mut self.dirty,
        );
        if known.is_none() {
            seen.know(sighting.behaviour, id, 2 * self.limits.behaviours_per_container);
        }
        match news {
            News::No => Sight::Known,
            News::Again | News::Yes => self.with_command((&container.key, id), sighting, (news, Sight::Known)),
        }
    }

    /// Adds what is known beside the key of a behaviour that stands and is not counted once more, unless that is news.
    pub fn enrich(&mut self, container: &Container, sighting: &Sighting<'_>) -> Sight {
        let Some(seen) = self.containers.get_mut(&container.key) else {
            return Sight::Known;
        };
        let id = seen.known_id(sighting.behaviour);
        let Some(entry) = seen.entries.get_mut(&id) else {
            return Sight::Known;
        };
        let enriched = entry.enrich(sighting.attributes);
        self.bytes += enriched.growth;
        let is_new_line = entry.row.news_of(sighting) == News::Yes;
        let is_news = enriched.news || is_new_line;
        self.pressing |= enriched.news;
        if is_news {
            // Nothing is told without a count.
            entry.row.count_times(sighting.at, 1);
        }
        if is_news || enriched.growth > 0 {
            entry.changed(is_news, (&container.key, id), &mut self.queues.fresh, &mut self.dirty);
        }
        if is_new_line {
            self.with_command((&container.key, id), sighting, (News::Yes, Sight::Known))
        } else {
            Sight::Known
        }
    }

    /// Takes in the command line of a sighting that is counted, and was otherwise as said. It is news.
    fn with_command(
        &mut self,
        place: (&ContainerKey, BehaviourId),
        sighting: &Sighting<'_>,
        (news, sight): (News, Sight),
    ) -> Sight {
        let Some(command) = sighting.command else {
            return sight;
        };
        match (news, self.wait(place, (command, sighting.at.day()), news)) {
            // It gives way where room is short.
            (News::No | News::Again, _) | (News::Yes, Ok(())) => sight,
            (News::Yes, Err(reason)) => Sight::Refused(reason),
        }
    }

    /// Has a command line wait to be told.
    fn wait(
        &mut self,
        (key, id): (&ContainerKey, BehaviourId),
        (command, day): (&Template, Day),
        news: News,
    ) -> Result<(), LossReason> {
        let size = waiting_size(&command.line);
        let has_room = |seen: &SeenContainer| seen.room.has(&command.line, news);
        if !self.containers.get(key).is_some_and(has_room) {
            return Err(LossReason::CommandQuota);
        }
        self.make_room(size)?;
        let seen = self.containers.get_mut(key);
        // It was just counted, and room is made of what is told of: it is there.
        let Some((room, entry)) = seen.and_then(|seen| Some((&mut seen.room, seen.entries.get_mut(&id)?))) else {
            return Ok(());
        };
        entry.row.wait(command, day, room);
        self.bytes += size;
        entry.changed(news == News::Yes, (key, id), &mut self.queues.fresh, &mut self.dirty);
        Ok(())
    }

    /// Whether the container has shown the behaviour on that day, or later. What still runs is no news: a sensor that
    /// starts again counts it once a day at most.
    pub fn has_seen_today(&self, container: &Container, behaviour: &Behaviour, at: Timestamp) -> bool {
        let seen = self.containers.get(&container.key);
        let entry = seen.and_then(|seen| seen.entries.get(&seen.known_id(behaviour)));
        entry.is_some_and(|entry| entry.row.last_seen.day() >= at.day())
    }

    /// Whether the container was seen to do the same with these addresses, under whatever name.
    pub fn knows_by_address(&self, container: &Container, behaviour: &Behaviour, attributes: &Attributes) -> bool {
        let (Behaviour::Network(flow), false) = (behaviour, attributes.addresses.is_empty()) else {
            return false;
        };
        let Some(seen) = self.containers.get(&container.key) else {
            return false;
        };
        let is_it = |row: &BehaviourRow| {
            let same = matches!(&row.behaviour, Behaviour::Network(known) if known.is_alike(flow));
            same && row.attributes.addresses.is_superset(&attributes.addresses)
        };
        seen.entries.values().any(|entry| is_it(&entry.row))
    }

    /// A container was observed in an hour, whatever it did.
    pub fn observe_hour(&mut self, container: &Container, hour: Hour) {
        // One that can't be remembered shows when it does something.
        if self.ensure_container(container, hour).is_err() {
            return;
        }
        let Some(seen) = self.containers.get_mut(&container.key) else {
            return;
        };
        if seen.row.observe_hour(hour) {
            seen.mark_dirty(&container.key, &mut self.dirty);
        }
    }

    /// Whether rows wait to be written, and whether they have to be at once.
    pub fn dirty(&self) -> (bool, bool) {
        let Dirty {
            containers,
            behaviours,
            removed,
            urgent,
        } = &self.dirty;
        (
            !(containers.is_empty() && behaviours.is_empty() && removed.is_empty()),
            *urgent,
        )
    }

    /// The rows to be written.
    pub fn take_rows(&mut self) -> Vec<RowChange> {
        let Dirty {
            containers,
            behaviours,
            mut removed,
            urgent: _,
        } = std::mem::take(&mut self.dirty);
        for key in containers {
            if let Some(container) = self.containers.get_mut(&key) {
                container.dirty = false;
                removed.push(RowChange::put_container(key, &container.row));
            }
        }
        for (key, id) in behaviours {
            let container = self.containers.get_mut(&key);
            if let Some(entry) = container.and_then(|container| container.entries.get_mut(&id)) {
                entry.dirty = false;
                removed.push(RowChange::put_behaviour(key, id, &entry.row));
            }
        }
        removed
    }

    fn ensure_container(&mut self, container: &Container, hour: Hour) -> Result<(), LossReason> {
        if let Some(seen) = self.containers.get_mut(&container.key) {
            if seen.row.container_id != container.id {
                seen.row.container_id.clone_from(&container.id);
                seen.mark_dirty(&container.key, &mut self.dirty);
            }
            return Ok(());
        }
        if self.containers.len() >= self.limits.containers {
            return Err(LossReason::OutboxFull);
        }
        let row = ContainerRow::new(container, hour);
        self.make_room(container_size(&row))?;
        self.bytes += container_size(&row);
        let mut seen = SeenContainer::new(row);
        seen.mark_dirty(&container.key, &mut self.dirty);
        self.containers.insert(container.key.clone(), seen);
        Ok(())
    }

    fn remember(&mut self, key: &ContainerKey, id: BehaviourId, sighting: &Sighting<'_>) -> Result<(), LossReason> {
        let count = self.containers.get(key).map_or(0, |container| container.entries.len());
        if count >= self.limits.behaviours_per_container {
            return Err(LossReason::ContainerQuota);
        }
        let row = BehaviourRow::new(sighting);
        let size = behaviour_size(&row);
        self.make_room(size)?;
        let Some(container) = self.containers.get_mut(key) else {
            return Err(LossReason::OutboxFull);
        };
        self.bytes += size;
        let mut entry = Entry::new(row);
        entry.dirty = true;
        container.know(sighting.behaviour, id, 2 * self.limits.behaviours_per_container);
        container.entries.insert(id, entry);
        self.dirty.behaviours.push((key.clone(), id));
        self.dirty.urgent = true;
        self.pressing = true;
        self.queues.fresh.push_back((key.clone(), id));
        Ok(())
    }
}

#[cfg(test)]
mod tests;
