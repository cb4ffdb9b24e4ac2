//! Text with what changes from run to run taken out, so that the same behaviour reads the same: redacted first, then
//! templated.
//!
//! Placeholders ([`Class`]) keep what a piece of text was and the magnitude of its length: `<num:2>` is a number of four
//! to seven digits. All of it is total (any text, also no UTF-8 made lossy), idempotent, and documented by the table in
//! `normalise/tests.rs`.

mod argv;
mod destination;
mod path;
#[cfg(test)]
mod tests;
mod words;

pub use crate::placeholder::Class;
use argv::Templates;
pub use argv::template_argv;
pub use destination::{NameError, domain_name};
pub use path::template_path;
pub(crate) use words::{is_plain as is_plain_word, template_word as put_word};

use crate::{
    redact,
    redact::Redaction,
    settle::{Indices, Rounds, settle, settle_argv},
};

/// A command line as it may leave the node: redacted, then templated. What a placeholder makes of the text beside it is
/// redacted again.
pub fn command_line(mut argv: Vec<String>) -> Vec<String> {
    settle_argv(&mut argv, &mut Normalisation::default());
    argv
}

/// Redacts the arguments of a command line, then templates them.
#[derive(Default)]
struct Normalisation {
    redaction: Redaction,
    templates: Templates,
}

impl Rounds for Normalisation {
    fn round(&mut self, argv: &mut [String]) -> Indices {
        let mut changed = settle_argv(argv, &mut self.redaction);
        changed.iter().for_each(|index| self.templates.touch(index));
        let templated = self.templates.round(argv);
        // Whatever becomes of a template: neither of the two has seen it.
        templated.iter().for_each(|index| self.touch(index));
        changed.join(&templated);
        changed
    }

    fn touch(&mut self, index: usize) {
        self.redaction.touch(index);
        self.templates.touch(index);
    }
}

/// A path as it may leave the node.
pub fn path(path: &str) -> String {
    settle(path.to_owned(), |path| Some(template_path(&redact::redact(path))))
}
