//! Which command lines of a behaviour were told of. Each is judged where reports are merged, so that each has to be told
//! once, whatever their number.

use anchorwatch_core::behaviour::{Attributes, MAX_COMMAND_BYTES, MAX_COMMANDS};
use std::collections::BTreeSet;

use super::BehaviourRow;

/// Whether a command line is news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    No,
    Yes,
    /// It is, and too much waits to be told already: it is lost.
    NoRoom,
}

impl BehaviourRow {
    /// Whether a command line was told of, or is going to be.
    pub(super) fn knows_command(&self, line: &String) -> bool {
        self.attributes.commands.contains(line) || self.untold.contains(line)
    }

    /// Takes in the command lines of an execution.
    pub(super) fn note_commands(&mut self, commands: &BTreeSet<String>) -> News {
        let mut news = News::No;
        for line in commands {
            if self.knows_command(line) {
                continue;
            }
            if !fits(&self.untold, line) {
                return News::NoRoom;
            }
            self.untold.insert(line.clone());
            news = News::Yes;
        }
        news
    }

    /// What a batch tells of: all that is known beside the key, and the command lines that are news.
    pub(super) fn told(&self) -> Attributes {
        Attributes {
            commands: self.untold.clone(),
            ..self.attributes.clone()
        }
    }

    /// A batch has told of all that is known. Where no more is remembered, what was told of before is forgotten: it is
    /// told of again when it is seen again, and nothing is ever taken for told that was not.
    pub(super) fn settle_commands(&mut self) {
        let told = &mut self.attributes.commands;
        for line in std::mem::take(&mut self.untold) {
            if !fits(told, &line) {
                told.clear();
            }
            told.insert(line);
        }
    }
}

/// Whether a set has room for another line.
fn fits(lines: &BTreeSet<String>, line: &str) -> bool {
    let bytes: usize = lines.iter().map(String::len).sum();
    lines.len() < MAX_COMMANDS && bytes + line.len() <= MAX_COMMAND_BYTES
}
