//! Which command lines of a behaviour were told of. Each is judged where reports are merged, so that each has to be told
//! of, whatever their number; and once more on each later day, since what is seen on several days is judged otherwise.
//!
//! What waits to be told is bounded by container, and beyond that is lost and counted. What was told of is remembered by
//! its key alone, and what is not remembered is told of again when it is seen again: nothing is ever taken for told that
//! was not.

use anchorwatch_core::behaviour::{Attributes, commands_that_fit};
use anchorwatch_core::time::Day;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::size::{behaviour_size, waiting_size};
use super::{BehaviourRow, Sighting};
use crate::attribute::command::Template;

/// Most bytes of command lines that wait to be told of one container: two batches.
const MAX_WAITING: usize = 256 << 10;

/// How much of that lines may take that were told of on a former day: what is new must find room beside them.
const MAX_WAITING_AGAIN: usize = MAX_WAITING / 4;

/// Most command lines of one container that are remembered as told.
const MAX_TOLD: usize = 4096;

/// The same of one of its behaviours, so that one program leaves room to the others.
const MAX_TOLD_OF_ONE: usize = MAX_TOLD / 2;

/// A command line that no batch has told of yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    pub line: Arc<str>,
    /// On which it was seen.
    pub day: Day,
}

/// What the command lines of one container take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Room {
    /// Bytes of those that wait to be told.
    waiting: usize,
    /// Number of those that are remembered as told.
    told: usize,
}

/// Whether a command line is to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    No,
    /// It was told of, on another day: with the behaviour's next mark.
    Again,
    /// At once.
    Yes,
}

impl Room {
    /// Adds what a row takes.
    pub fn add(&mut self, row: &BehaviourRow) {
        self.waiting += row
            .waiting
            .values()
            .map(|waiting| waiting_size(&waiting.line))
            .sum::<usize>();
        self.told += row.told.len();
    }

    /// Gives back what a row takes that waits for nothing.
    pub fn forget_told(&mut self, row: &BehaviourRow) {
        self.told -= row.told.len();
    }

    /// Whether a line finds room.
    pub const fn has(&self, line: &str, news: News) -> bool {
        let most = match news {
            News::No | News::Again => MAX_WAITING_AGAIN,
            News::Yes => MAX_WAITING,
        };
        self.waiting + waiting_size(line) <= most
    }
}

impl BehaviourRow {
    /// Whether the command line of a sighting is to be told of.
    pub(super) fn news_of(&self, sighting: &Sighting<'_>) -> News {
        let Some(command) = sighting.command else {
            return News::No;
        };
        if self.waiting.contains_key(&command.key) {
            return News::No;
        }
        let day = sighting.at.day();
        match self.told.get(&command.key) {
            None => News::Yes,
            // Another day, not a later one: the clock may have been ahead. An event of the evening may come late.
            Some(told) if day > *told || day.0 + 1 < told.0 => News::Again,
            Some(_) => News::No,
        }
    }

    /// Has a command line wait to be told.
    pub(super) fn wait(&mut self, command: &Template, day: Day, room: &mut Room) {
        let line = Arc::clone(&command.line);
        room.waiting += waiting_size(&line);
        self.waiting.insert(command.key, Waiting { line, day });
    }

    /// What a report tells of: all that is known beside the key, and as many of the waiting command lines as it holds.
    pub(super) fn told(&self) -> Attributes {
        let next = self.waiting.values().take(self.next_commands());
        Attributes {
            commands: next.map(|waiting| waiting.line.as_ref().to_owned()).collect(),
            ..self.attributes.clone()
        }
    }

    /// How many command lines wait beyond those that a report holds.
    pub(super) fn commands_left(&self) -> usize {
        self.waiting.len() - self.next_commands()
    }

    fn next_commands(&self) -> usize {
        commands_that_fit(self.waiting.values().map(|waiting| &*waiting.line))
    }

    /// A report has told of what it holds. Returns how many bytes that gives back.
    pub(super) fn settle_commands(&mut self, room: &mut Room) -> usize {
        let before = behaviour_size(self);
        let mut may_forget = true;
        for _ in 0..self.next_commands() {
            let Some((key, Waiting { line, day })) = self.waiting.pop_first() else {
                break;
            };
            room.waiting -= waiting_size(&line);
            if let Some(told) = self.told.get_mut(&key) {
                *told = day;
                continue;
            }
            if self.is_full(room) && may_forget {
                may_forget = self.forget_oldest_before(day, room);
            }
            if !self.is_full(room) {
                self.told.insert(key, day);
                room.told += 1;
            }
        }
        before.saturating_sub(behaviour_size(self))
    }

    fn is_full(&self, room: &Room) -> bool {
        self.told.len() >= MAX_TOLD_OF_ONE || room.told >= MAX_TOLD
    }

    /// Forgets what was told of longest ago, if that was before a day. Returns whether it did.
    fn forget_oldest_before(&mut self, day: Day, room: &mut Room) -> bool {
        let Some(oldest) = self.told.values().copied().min().filter(|oldest| *oldest < day) else {
            return false;
        };
        let before = self.told.len();
        self.told.retain(|_, told| *told != oldest);
        room.told -= before - self.told.len();
        true
    }

    /// Everything is to be told of again when it is seen again. Returns how many bytes that gives back.
    pub(super) fn forget_told(&mut self, room: &mut Room) -> usize {
        let before = behaviour_size(self);
        room.forget_told(self);
        self.told = BTreeMap::new();
        before - behaviour_size(self)
    }
}
