//! A command as a set of features: sorted 32-bit hashes, the same on every machine and in every version.
//!
//! The features are the executable and its parent, tokens, pairs of neighbouring tokens with the shell's metacharacters
//! among them, trigrams of characters, and capabilities: what the command could do, such as opening a socket. They are
//! made from text that was redacted, because a hashed trigram of a secret would give it away.

mod capability;
mod hash;
mod order;
#[cfg(test)]
mod tests;
mod tokens;
mod trigrams;

use std::{collections::BTreeSet, fmt::Write as _};

pub use capability::CAPABILITIES;

/// What a feature is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Kind {
    /// The executable, or its parent.
    Context,
    /// A token.
    Token,
    /// Two neighbouring tokens.
    Pair,
    /// Three neighbouring characters.
    Trigram,
    /// Something that the command could do.
    Capability,
}

/// A feature: its kind in the upper three bits, 29 bits of a hash below. A new feature shares its bits with one of a
/// million learned ones in one of five hundred cases; then it counts as seen.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Feature(u32);

impl Feature {
    /// Seed of all hashes. Never changed: learned sets hold what it made.
    const SEED: u64 = 0x616e_6368_6f72; // "anchor"
    const BITS: u32 = 29;

    fn new(kind: Kind, text: &[u8]) -> Self {
        Self::of_hash(kind, hash::of(Self::SEED ^ kind as u64, text))
    }

    const fn of_hash(kind: Kind, hash: u64) -> Self {
        let high = hash >> (64 - Self::BITS);
        Self((kind as u32) << Self::BITS | high as u32)
    }

    /// What it is about.
    pub const fn kind(self) -> Kind {
        match self.0 >> Self::BITS {
            0 => Kind::Context,
            1 => Kind::Token,
            2 => Kind::Pair,
            3 => Kind::Trigram,
            _ => Kind::Capability,
        }
    }

    /// Its 32 bits.
    pub const fn bits(self) -> u32 {
        self.0
    }
}

/// A command, redacted and templated ([`crate::normalise::command_line`]).
#[derive(Clone, Copy, Debug)]
pub struct Command<'a> {
    /// Path of the executable.
    pub executable: &'a str,
    /// Path of its parent.
    pub parent: &'a str,
    /// The command line.
    pub argv: &'a [String],
}

/// Longest command that is taken apart, in bytes. What is beyond leaves one token of its magnitude.
const LONGEST: usize = 16 * 1_024;

/// The features of a command: sorted, each once.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Features {
    all: Box<[Feature]>,
    /// How many of them come before the capabilities.
    compared: usize,
}

impl Features {
    /// The features of a command.
    pub fn of(command: &Command<'_>) -> Self {
        let mut all = Vec::with_capacity(256);
        visit(command, &mut all);
        Self::from_unsorted(&all)
    }

    pub(crate) fn from_unsorted(unsorted: &[Feature]) -> Self {
        let all = order::sorted(unsorted);
        let capabilities = all
            .iter()
            .rev()
            .take_while(|feature| feature.kind() >= Kind::Capability);
        let compared = all.len() - capabilities.count();
        Self { all, compared }
    }

    /// Those that similarity is measured by: all but the capabilities.
    pub fn compared(&self) -> &[Feature] {
        &self.all[..self.compared]
    }

    /// What the command could do.
    pub fn capabilities(&self) -> &[Feature] {
        &self.all[self.compared..]
    }

    /// All of them.
    pub fn all(&self) -> &[Feature] {
        &self.all
    }
}

/// The features of a command with their texts, in the order of the command; each once.
pub fn named(command: &Command<'_>) -> Vec<(Feature, String)> {
    let mut named = Named::default();
    visit(command, &mut named);
    named.named
}

/// What the features of a command are told to: their texts are whole characters, as bytes, since most are three of them.
trait Sink {
    /// Takes a feature's text.
    fn take(&mut self, kind: Kind, text: &[u8]);

    /// Takes each three neighbouring bytes of a text of ASCII: half of all features.
    fn trigrams(&mut self, text: &[u8]) {
        text.windows(3).for_each(|three| self.take(Kind::Trigram, three));
    }
}

impl Sink for Vec<Feature> {
    fn take(&mut self, kind: Kind, text: &[u8]) {
        self.push(Feature::new(kind, text));
    }

    fn trigrams(&mut self, text: &[u8]) {
        let seed = Feature::SEED ^ Kind::Trigram as u64;
        let hash = |three: &[u8]| hash::of_three(seed, [three[0], three[1], three[2]]);
        self.extend(
            text.windows(3)
                .map(|three| Feature::of_hash(Kind::Trigram, hash(three))),
        );
    }
}

/// Features with their texts, each once.
#[derive(Default)]
struct Named {
    named: Vec<(Feature, String)>,
    seen: BTreeSet<Feature>,
}

impl Sink for Named {
    fn take(&mut self, kind: Kind, text: &[u8]) {
        let feature = Feature::new(kind, text);
        if self.seen.insert(feature) {
            self.named.push((feature, String::from_utf8_lossy(text).into_owned()));
        }
    }
}

/// Tells `sink` each feature of a command.
fn visit(command: &Command<'_>, sink: &mut impl Sink) {
    let text = text(command.argv);
    // Each reads the text in another form, one behind the other.
    let mut scratch =
        String::with_capacity(text.len().max(command.executable.len()).max(command.parent.len()) * 2 + 32);
    for (role, path) in [('x', command.executable), ('p', command.parent)] {
        scratch.clear();
        scratch.push(role);
        scratch.push_str(path);
        sink.take(Kind::Context, scratch.as_bytes());
    }
    tokens::visit(&text, &mut scratch, sink);
    trigrams::visit(&text, &mut scratch, sink);
    capability::visit(&text, &mut scratch, sink);
}

/// The command line as one text. A shell and its `-c` stand for nothing that the executable does not say already, and
/// would make all short commands alike.
fn text(argv: &[String]) -> String {
    let shell = |name: &str| {
        matches!(
            name.rsplit('/').next(),
            Some("sh" | "bash" | "dash" | "ash" | "zsh" | "ksh")
        )
    };
    let argv = match argv {
        [name, flag, rest @ ..] if !rest.is_empty() && shell(name) && matches!(flag.as_str(), "-c" | "-lc" | "-ec") => {
            rest
        }
        all => all,
    };
    let mut text = argv.join(" ");
    if text.len() > LONGEST {
        let beyond = text.len().ilog2();
        let mut end = LONGEST;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        write!(text, " (of 2^{beyond} bytes)").expect("writing to a String can't fail");
    }
    text
}
