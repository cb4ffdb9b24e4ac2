//! A container as far as it was seen, in memory.

use anchorwatch_core::behaviour::Behaviour;
use anchorwatch_core::id::BehaviourId;

use super::commands::Room;
use super::entry::Entry;
use super::{ContainerRow, Dirty};
use crate::attribute::pod::ContainerKey;
use crate::keyed::KeyedMap;

#[derive(Debug)]
pub(super) struct SeenContainer {
    pub row: ContainerRow,
    pub dirty: bool,
    /// Its pod is gone.
    pub gone: bool,
    /// Spares the hash of each event; several variants can have one identity.
    pub ids: KeyedMap<Behaviour, BehaviourId>,
    pub entries: KeyedMap<BehaviourId, Entry>,
    /// What the command lines of its entries take.
    pub room: Room,
}

impl SeenContainer {
    pub fn new(row: ContainerRow) -> Self {
        Self {
            row,
            dirty: false,
            gone: false,
            ids: KeyedMap::default(),
            entries: KeyedMap::default(),
            room: Room::default(),
        }
    }

    /// Takes over an entry that a former run left.
    pub fn restore(&mut self, id: BehaviourId, entry: Entry) {
        self.room.add(&entry.row);
        self.ids.insert(entry.row.behaviour.clone(), id);
        self.entries.insert(id, entry);
    }

    /// Forgets an entry of which nothing waits to be told.
    pub fn forget(&mut self, id: BehaviourId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.room.forget_told(&entry.row);
        self.ids.retain(|_, other| *other != id);
        Some(entry)
    }

    /// The identity of a behaviour, remembered or not.
    pub fn known_id(&self, behaviour: &Behaviour) -> BehaviourId {
        self.ids.get(behaviour).copied().unwrap_or_else(|| behaviour.id())
    }

    /// Remembers the identity of a behaviour that has an entry, of at most so many.
    pub fn know(&mut self, behaviour: &Behaviour, id: BehaviourId, most: usize) {
        if self.ids.len() < most {
            self.ids.insert(behaviour.clone(), id);
        }
    }

    pub fn mark_dirty(&mut self, key: &ContainerKey, dirty: &mut Dirty) {
        if !std::mem::replace(&mut self.dirty, true) {
            dirty.containers.push(key.clone());
        }
    }

    pub fn is_settled(&self) -> bool {
        self.row.hours.is_empty() && self.entries.values().all(|entry| entry.row.unreported.is_none())
    }
}
