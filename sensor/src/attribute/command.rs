//! Command lines as they may leave the node.

use anchorwatch_core::{behaviour::MAX_COMMAND, normalise, text};
use clap::ValueEnum;
use lru::LruCache;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// What leaves the node of a command line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Arguments {
    /// Its template, without secrets.
    #[default]
    Redacted,
    /// Nothing.
    None,
}

/// How many command lines are remembered with their templates, of half a kilobyte each at the most: making one takes
/// about ten times as long as finding it.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(2048).expect("not zero");

/// Makes templates of command lines.
#[derive(Debug)]
pub struct Commands {
    arguments: Arguments,
    /// By a hash with a key of this process alone: of what was typed, nothing is kept.
    known: LruCache<u64, Arc<str>>,
    hash: RandomState,
}

impl Commands {
    pub fn new(arguments: Arguments) -> Self {
        Self {
            arguments,
            known: LruCache::new(REMEMBERED),
            hash: RandomState::new(),
        }
    }

    /// The template of a command line; `truncated` where the kernel's program had no room for all of it.
    pub fn template(&mut self, argv: &[Vec<u8>], truncated: bool) -> Option<Arc<str>> {
        match self.arguments {
            Arguments::None => None,
            Arguments::Redacted if argv.is_empty() => None,
            Arguments::Redacted => {
                let key = self.hash.hash_one((argv, truncated));
                let template = self.known.get_or_insert(key, || template(argv, truncated));
                Some(Arc::clone(template))
            }
        }
    }
}

/// Stands behind a command line that goes on.
const MORE: &str = " …";

fn template(argv: &[Vec<u8>], truncated: bool) -> Arc<str> {
    let mut line = text::command_line(&normalise::command_line(&readable(argv)));
    if truncated {
        line.push_str(MORE);
    }
    text::bounded(line, MAX_COMMAND).into()
}

/// Arguments as text; what is no UTF-8 becomes U+FFFD.
pub fn readable(argv: &[Vec<u8>]) -> Vec<String> {
    argv.iter()
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn made(argv: &[&[u8]], truncated: bool) -> String {
        let argv: Vec<Vec<u8>> = argv.iter().map(|argument| argument.to_vec()).collect();
        let mut commands = Commands::new(Arguments::Redacted);
        let template = commands.template(&argv, truncated).unwrap();
        assert_eq!(commands.template(&argv, truncated).unwrap(), template, "as remembered");
        template.as_ref().to_owned()
    }

    #[test]
    fn a_template_holds_neither_secrets_nor_what_changes() {
        assert_eq!(
            made(&[b"mysql", b"-phunter2", b"--port=33060"], false),
            "mysql -p<secret:2> --port=<num:2>"
        );
    }

    #[test]
    fn a_command_line_that_goes_on_says_so() {
        assert_eq!(made(&[b"cat", b"/a"], true), "cat /a …");
        assert_ne!(made(&[b"cat", b"/a"], true), made(&[b"cat", b"/a"], false));
    }

    #[test]
    fn nothing_of_a_command_line_is_told_where_nothing_is_wanted() {
        assert_eq!(Commands::new(Arguments::None).template(&[b"ls".to_vec()], false), None);
        assert_eq!(Commands::new(Arguments::Redacted).template(&[], false), None);
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_short_and_printable_template(
            argv in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6), truncated: bool,
        ) {
            let argv: Vec<&[u8]> = argv.iter().map(Vec::as_slice).collect();
            let template = made(&argv, truncated);
            prop_assert!(template.len() <= MAX_COMMAND);
            prop_assert!(template.chars().all(text::is_plain), "{template:?}");
        }
    }
}
