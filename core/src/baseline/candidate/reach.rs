//! What the learned commands of a program could do. A command that is learned by and by must be within that: so whoever owns
//! half of the pods, and takes as long as it takes, still teaches no command that could do something new, nor things
//! together that no learned command could do together.

use std::collections::BTreeSet;

use crate::{
    baseline::Entry,
    behaviour::Behaviour,
    features::{Command, Feature, Features},
    text::arguments,
};

/// What each of the learned commands of a program could do.
#[derive(Debug)]
pub(super) struct Reach<'a> {
    program: &'a Behaviour,
    learned: Vec<BTreeSet<Feature>>,
}

impl<'a> Reach<'a> {
    pub(super) fn of(entry: &'a Entry) -> Self {
        let program = &entry.behaviour;
        let lines = entry.attributes.commands.iter();
        Self {
            program,
            learned: lines.map(|line| capabilities(program, line)).collect(),
        }
    }

    /// Whether one of them could do all that this one could.
    pub(super) fn holds(&self, line: &str) -> bool {
        let own = capabilities(self.program, line);
        own.is_empty() || self.learned.iter().any(|learned| own.is_subset(learned))
    }
}

fn capabilities(program: &Behaviour, line: &str) -> BTreeSet<Feature> {
    let argv = arguments(line);
    let command = Command {
        executable: program.executable(),
        parent: "",
        argv: &argv,
    };
    Features::of(&command).capabilities().iter().copied().collect()
}
