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
pub use argv::template_argv;
pub use destination::{NameError, domain_name};
pub use path::template_path;
pub(crate) use words::template_word as put_word;

use crate::{
    redact,
    settle::{settle, settle_argv},
};

/// A command line as it may leave the node: redacted, then templated. What a placeholder makes of the text beside it is
/// redacted again.
pub fn command_line(argv: &[String]) -> Vec<String> {
    settle_argv(argv.to_vec(), |argv| {
        let redacted = redact::redact_argv(argv);
        let templates = argv::template_once(&redacted);
        templates
            .into_iter()
            .zip(redacted)
            .map(|(template, redacted)| Some(template.unwrap_or(redacted)))
            .collect()
    })
}

/// A path as it may leave the node.
pub fn path(path: &str) -> String {
    settle(path.to_owned(), |path| Some(template_path(&redact::redact(path))))
}
