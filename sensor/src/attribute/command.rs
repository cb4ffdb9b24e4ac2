//! Command lines as they may leave the node.

mod asked;
mod template;

use anchorwatch_core::{behaviour::MAX_COMMAND, normalise, redact::redact_argv, text};
use clap::ValueEnum;
use lru::LruCache;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::pod::Container;
use crate::decode::{self, Exec};
pub use asked::{Asked, Asking, Rule};
pub use template::{CommandKey, Template};

/// What leaves the node of command lines, as far as policies ask for no less.
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

/// What leaves the node of one container's command lines; what comes later is stricter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Full,
    Redacted,
    Nothing,
}

/// Makes templates of command lines.
#[derive(Debug)]
pub struct Commands {
    arguments: Arguments,
    /// What policies ask for; nothing where there are none, as on a host.
    asked: Option<Asked>,
    /// By a hash with a key of this process alone: of what was typed, nothing is kept.
    known: LruCache<u64, Template>,
    hash: RandomState,
}

impl Commands {
    pub fn new(arguments: Arguments) -> Self {
        Self {
            arguments,
            asked: None,
            known: LruCache::new(REMEMBERED),
            hash: RandomState::new(),
        }
    }

    /// Heeds what policies ask for from now on.
    #[must_use]
    pub fn heeding(mut self, asked: Asked) -> Self {
        self.asked = Some(asked);
        self
    }

    /// An execution's command line as it was typed, but for its secrets.
    pub fn redacted(&mut self, exec: &Exec, container: &Container) -> Vec<String> {
        match self.level(container) {
            Level::Nothing => Vec::new(),
            Level::Redacted => redacted(exec, redact_argv),
            Level::Full => redacted(exec, std::convert::identity),
        }
    }

    /// The template of an execution's command line.
    pub fn template(&mut self, exec: &Exec, container: &Container) -> Option<Template> {
        let level = self.level(container);
        let make: fn(Vec<String>) -> Vec<String> = match level {
            Level::Nothing => return None,
            Level::Redacted | Level::Full if exec.argv.is_empty() => return None,
            Level::Redacted => normalise::command_line,
            Level::Full => normalise::template_argv,
        };
        let cut_from = cut_from(exec);
        let key = self.hash.hash_one((&exec.argv, &exec.argv_end, cut_from, level));
        let template = self.known.get_or_insert(key, || Template::from(template(exec, make)));
        Some(template.clone())
    }

    /// What leaves the node of a container's command lines: what the command line of the sensor says, and less where a
    /// policy asks for less.
    fn level(&mut self, container: &Container) -> Level {
        match (self.arguments, &mut self.asked) {
            (Arguments::None, _) => Level::Nothing,
            (Arguments::Redacted, None) => Level::Redacted,
            (Arguments::Redacted, Some(asked)) => asked.of(container),
        }
    }
}

/// Bytes of the whole command line, where only its beginning and its end are known.
pub fn cut_from(exec: &Exec) -> Option<u32> {
    exec.argv_truncated.then_some(exec.argv_total)
}

/// What stands for the arguments that are not known.
const GAP: &str = "…";

/// Longest name that announces a secret, with room to spare, in bytes.
const LONGEST_NAME: usize = 64;

/// A command line without secrets. Of one that is too long, what is known of the argument in which its end begins is left
/// out: it may be a part of a secret that nothing announces. If it may be the end of a name that announces one, so is the
/// argument behind it.
fn redacted(exec: &Exec, redact: impl Fn(Vec<String>) -> Vec<String>) -> Vec<String> {
    let Some(first) = exec.argv_end.first() else {
        return redact(readable(&exec.argv));
    };
    let unsure = if first.len() < LONGEST_NAME { 2 } else { 1 };
    let mut argv = readable(&exec.argv);
    let gap = argv.len();
    argv.extend(readable(&exec.argv_end));
    let mut redacted = redact(argv);
    redacted.splice(gap..gap + unsure.min(exec.argv_end.len()), [GAP.to_owned()]);
    redacted
}

/// Most bytes that the last arguments of a cut command line take.
const MAX_END: usize = MAX_COMMAND / 3;

fn template(exec: &Exec, make: impl Fn(Vec<String>) -> Vec<String>) -> Arc<str> {
    let argv = redacted(exec, make);
    let Some(cut_from) = cut_from(exec) else {
        return text::bounded_line(text::command_line(&argv), MAX_COMMAND).into();
    };
    let (head, end) = argv.split_at(exec.argv.len());
    let mark = format!(" {GAP} (of 2^{} bytes)", cut_from.max(1).ilog2());
    let end = match end {
        [] | [_] => String::new(),
        [_, end @ ..] => format!(" {}", text::bounded(text::command_line(end), MAX_END)),
    };
    let room = MAX_COMMAND.saturating_sub(mark.len() + end.len());
    let head = text::bounded(text::command_line(head), room);
    format!("{head}{mark}{end}").into()
}

/// Arguments as text; what is no UTF-8 becomes U+FFFD.
fn readable(argv: &decode::Arguments) -> Vec<String> {
    argv.iter()
        .map(|argument| String::from_utf8_lossy(argument).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attribute::testkit::{container, exec};
    use anchorwatch_core::redact;
    use proptest::prelude::*;

    fn bytes(argv: &[&str]) -> decode::Arguments {
        argv.iter().collect()
    }

    fn made(exec: &Exec) -> String {
        let mut commands = Commands::new(Arguments::Redacted);
        let template = commands.template(exec, &container("1")).unwrap();
        let again = commands.template(exec, &container("1")).unwrap();
        assert_eq!(again, template, "as remembered");
        template.line.as_ref().to_owned()
    }

    fn cut(argv: &[&str], end: &[&str]) -> Exec {
        Exec {
            argv_truncated: true,
            argv_end: bytes(end),
            argv_total: 100_000,
            ..exec("/bin/x").argv(argv).build()
        }
    }

    #[test]
    fn a_template_holds_neither_secrets_nor_what_changes() {
        let exec = exec("/bin/x").argv(&["mysql", "-phunter2", "--port=33060"]).build();
        assert_eq!(made(&exec), "mysql -p<secret:2> --port=<num:2>");
    }

    #[test]
    fn a_command_line_that_is_cut_says_so_and_how_it_ends() {
        assert_eq!(made(&cut(&["cat", "/a"], &[])), "cat /a … (of 2^16 bytes)");
        let end = ["x".repeat(200), "--host".to_owned(), "db".to_owned()];
        let end: Vec<&str> = end.iter().map(String::as_str).collect();
        assert_eq!(made(&cut(&["cat", "/a"], &end)), "cat /a … (of 2^16 bytes) --host db");
        let long = "/y".repeat(1_000);
        let made = made(&cut(&["cat", &long], &end));
        assert!(
            made.len() <= MAX_COMMAND && made.ends_with(" … (of 2^16 bytes) --host db"),
            "{made}"
        );
    }

    #[test]
    fn no_part_of_a_secret_is_left_where_a_command_line_is_cut() {
        for (argv, end) in [
            (["tool", "-v"], ["nter2correct", "x", "y"]),
            (["tool", "--pass"], ["word", "hunter2correct", "y"]),
            (["tool", "--password"], ["hunter2correct", "x", "y"]),
            (["mysql", "-v"], ["-v", "-v", "-phunter2correct"]),
        ] {
            let exec = cut(&argv, &end);
            let told = made(&exec) + &redacted(&exec, redact::redact_argv).join(" ");
            assert!(!told.contains("correct"), "{told}");
        }
    }

    #[test]
    fn nothing_of_a_command_line_is_told_where_nothing_is_wanted() {
        let exec = exec("/bin/ls").argv(&["ls"]).build();
        let of = |arguments, exec: &Exec| Commands::new(arguments).template(exec, &container("1"));
        assert_eq!(of(Arguments::None, &exec), None);
        let without = Exec {
            argv: decode::Arguments::default(),
            ..exec
        };
        assert_eq!(of(Arguments::Redacted, &without), None);
    }

    proptest! {
        #[test]
        fn any_bytes_make_a_short_and_printable_template(
            argv in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6),
            argv_end in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..4),
            argv_truncated: bool, argv_total: u32,
        ) {
            let argv_end = argv_end.into_iter().filter(|_| argv_truncated).collect();
            let argv = argv.into_iter().collect();
            let exec = Exec { argv, argv_truncated, argv_end, argv_total, ..exec("/bin/x").build() };
            let template = made(&exec);
            prop_assert!(template.len() <= MAX_COMMAND);
            prop_assert!(template.chars().all(text::is_plain), "{template:?}");
        }
    }
}
