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
    settle::{Changes, Rounds, settle, settle_argv},
};

/// A command line as it may leave the node: redacted, then templated. What a placeholder makes of the text beside it is
/// redacted again.
pub fn command_line(argv: &[String]) -> Vec<String> {
    settle_argv(argv, &mut Normalisation::default()).unwrap_or_else(|| argv.to_vec())
}

/// Redacts the arguments of a command line, then templates them.
#[derive(Default)]
struct Normalisation {
    redaction: Redaction,
    templates: Templates,
}

impl Rounds for Normalisation {
    fn round(&mut self, argv: &[String]) -> Changes {
        let redacted = settle_argv(argv, &mut self.redaction);
        for (index, redacted) in redacted.iter().flatten().enumerate() {
            if argv[index] != *redacted {
                self.templates.touch(index);
            }
        }
        let templates = self.templates.round(redacted.as_deref().unwrap_or(argv));
        let Some(templates) = templates else {
            return redacted.map(|redacted| redacted.into_iter().map(Some).collect());
        };
        // Whatever becomes of a template: neither of the two has seen it.
        for (index, _) in templates.iter().enumerate().filter(|(_, template)| template.is_some()) {
            self.touch(index);
        }
        let Some(redacted) = redacted else {
            return Some(templates);
        };
        let changes = redacted.into_iter().zip(templates);
        Some(
            changes
                .map(|(redacted, template)| Some(template.unwrap_or(redacted)))
                .collect(),
        )
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
