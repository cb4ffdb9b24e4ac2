//! Why a command is strange, in words.

use super::{Index, unseen::idf};
use crate::features::{Command, Kind, named};

/// How many strange features an explanation names.
const STRANGE: usize = 6;

/// What made a command strange.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Explanation {
    /// What it could do that no learned command could.
    pub capabilities: Vec<String>,
    /// Words and pairs of words that no learned command has, in the order of the command.
    pub strange: Vec<String>,
}

/// What of a command was never learned. Trigrams are left out: they tell machines more than people.
pub fn explain(index: &Index, command: &Command<'_>) -> Explanation {
    let mut explanation = Explanation::default();
    let mut pairs = Vec::new();
    for (feature, text) in named(command) {
        let frequency = index.frequency(feature);
        match feature.kind() {
            // Seldom is strange as well where much was learned: less than one in two hundred.
            Kind::Capability if idf(index.len(), frequency) > 5.0 || frequency == 0 => {
                explanation.capabilities.push(text);
            }
            Kind::Token if frequency == 0 => explanation.strange.push(text),
            Kind::Pair if frequency == 0 => pairs.push(text.replace('\u{1f}', " ")),
            Kind::Context | Kind::Token | Kind::Pair | Kind::Trigram | Kind::Capability => {}
        }
    }
    explanation.strange.extend(pairs);
    explanation.strange.truncate(STRANGE);
    explanation
}
