//! Secrets out of command lines and other text, before anything is made from it: a key, a feature and a sentence are all
//! made from what is left.
//!
//! Found are: what a name announces (`--password x`, `API_KEY=x`, `"token": "x"`, `Authorization: Bearer x`), what a
//! program's own flag means (`mysql -px`, `curl -u user:x`), credentials in URLs, and tokens by their shape (prefixes of
//! well-known issuers, private keys) or entropy. Each becomes a placeholder that keeps class and magnitude of length.
//! A secret that looks like a word and that nothing announces can't be told from one: that limit is stated.

mod entropy;
mod named;
#[cfg(test)]
mod tests;
mod tool;
mod word;

use crate::normalise;
use word::Context;

/// Any text without its secrets. Redacting again changes nothing.
pub fn redact(text: &str) -> String {
    normalise::settle(text.to_owned(), |text| word::redact_text(text, &mut Context::default()))
}

/// A command line without its secrets, argument by argument. Redacting again changes nothing.
pub fn redact_argv(argv: &[String]) -> Vec<String> {
    normalise::settle(argv.to_vec(), |argv| {
        let mut context = Context::default();
        argv.iter()
            .map(|argument| word::redact_argument(argument, &mut context))
            .collect()
    })
}
