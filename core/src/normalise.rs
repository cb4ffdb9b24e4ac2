//! Text with what changes from run to run taken out, so that the same behaviour reads the same: redacted first, then
//! templated.
//!
//! Placeholders ([`Class`]) keep what a piece of text was and the magnitude of its length: `<num:2>` is a number of four
//! to seven digits. All of it is total (any text, also no UTF-8 made lossy), idempotent, and documented by the table in
//! `normalise/tests.rs`.

mod argv;
mod destination;
mod path;
mod placeholder;
mod shape;
#[cfg(test)]
mod tests;
mod words;

pub use argv::template_argv;
pub use destination::{NameError, domain_name};
pub use path::template_path;
pub use placeholder::Class;
pub(crate) use placeholder::{
    class_at as placeholder_class, is_whole as is_placeholder, length_at as placeholder_length, put as put_placeholder,
};
pub(crate) use shape::{is_hex, is_random, is_uuid};
pub(crate) use words::template_word as put_word;

use crate::redact;

/// A command line as it may leave the node: redacted, then templated.
pub fn command_line(argv: &[String]) -> Vec<String> {
    template_argv(&redact::redact_argv(argv))
}

/// A path as it may leave the node.
pub fn path(path: &str) -> String {
    template_path(&redact::redact(path))
}

/// Repeats a round of normalisation until nothing changes any more: what one round leaves may read differently beside the
/// new placeholder. It ends, because each round that changes anything leaves less text outside of placeholders.
pub(crate) fn settle<T: PartialEq>(mut value: T, round: impl Fn(&T) -> T) -> T {
    loop {
        let next = round(&value);
        if next == value {
            return value;
        }
        value = next;
    }
}
