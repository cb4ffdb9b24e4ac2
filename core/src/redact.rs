//! Secrets out of command lines and other text, before anything is made from it: a key, a feature and a sentence are all
//! made from what is left.
//!
//! Found are: what a name announces (`--password x`, `API_KEY=x`, `"token": "x"`, `Authorization: Bearer x`), what a
//! program's own flag means (`mysql -px`, `curl -u user:x`), what a program reads that asks for one
//! (`echo x | sudo -S …`), credentials in URLs and addresses, and tokens by their shape (prefixes of well-known issuers,
//! private keys) or entropy; also where quotes, escapes, per cent signs or look-alike letters disguise the name. Each
//! becomes a placeholder that keeps class and magnitude of length.
//!
//! A program is no secret, whatever name it is given: a value that reads like one (`TOKEN='bash -i >& /dev/tcp/…'`)
//! keeps its shape, and only the secrets inside it are taken out.
//!
//! Limits that are stated: a secret that looks like a word and that nothing announces can't be told from one
//! (`login('me', 'correct')`), and one that is put together at run time is not there to be found.
//!
//! Everything is total, idempotent, and takes time in proportion to the text's length.

mod disguise;
mod entropy;
mod fed;
mod keys;
mod named;
mod program;
#[cfg(test)]
mod tests;
mod tool;
mod url;
mod value;
mod word;

use std::borrow::Cow;

use crate::settle::{Indices, Rounds, Walk, settle, settle_argv};
use word::Context;

/// Any text without its secrets. Redacting again changes nothing.
pub fn redact(text: &str) -> String {
    settle(text.to_owned(), |text| word::redact_text(text, &mut Context::default()))
}

/// A command line without its secrets, argument by argument. Redacting again changes nothing.
pub fn redact_argv(mut argv: Vec<String>) -> Vec<String> {
    settle_argv(&mut argv, &mut Redaction::default());
    argv
}

/// Takes secrets out of the arguments of a command line.
#[derive(Debug, Default)]
pub(crate) struct Redaction(Walk<Context>);

impl Rounds for Redaction {
    fn round(&mut self, argv: &mut [String]) -> Indices {
        let redact = |context: &mut Context, _, argument: &str| word::redact_argument(argument, context);
        self.0.round(argv, redact)
    }

    fn touch(&mut self, index: usize) {
        self.0.touch(index);
    }
}

/// A path of a file without what is announced as a secret, or has the shape that an issuer gives its tokens. What merely
/// looks drawn by lot stays: names of stores and of temporary files do, and a path is an executable's identity.
pub fn redact_path(path: &str) -> Cow<'_, str> {
    if !path.contains(['=', ':', '@']) && !entropy::may_be_issued(path) {
        return Cow::Borrowed(path);
    }
    let settled = settle(path.to_owned(), |path| {
        let steps: [Step; 3] = [url::redact_urls, redact_components, entropy::redact_issued];
        let mut changed: Option<String> = None;
        for step in steps {
            changed = step(changed.as_deref().unwrap_or(path)).or(changed);
        }
        changed
    });
    Cow::Owned(settled)
}

/// The names of a path, each by itself.
fn redact_components(path: &str) -> Option<String> {
    let components = path
        .split('/')
        .map(|name| named::redact_values(name).map_or(Cow::Borrowed(name), Cow::Owned));
    let redacted = components.collect::<Vec<_>>().join("/");
    (redacted != path).then_some(redacted)
}

/// Takes out of a text what one sort of secrets is; `None` where it holds none.
type Step = fn(&str) -> Option<String>;
