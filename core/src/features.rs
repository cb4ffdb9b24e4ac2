//! A command as a set of features: sorted 32-bit hashes, the same on every machine and in every version.
//!
//! The features are the executable and its parent, tokens, pairs of neighbouring tokens with the shell's metacharacters
//! among them, trigrams of characters, and capabilities: what the command could do, such as opening a socket. They are
//! made from text that was redacted, because a hashed trigram of a secret would give it away.

mod capability;
#[cfg(test)]
mod tests;
mod tokens;

use std::fmt::Write as _;

use twox_hash::XxHash3_64;

use crate::placeholder::{class_at as placeholder_class, length_at as placeholder_length};

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

    #[inline]
    fn new(kind: Kind, text: &[u8]) -> Self {
        if let (Kind::Trigram, [first, second, third]) = (kind, text) {
            return Self::of_hash(kind, hash_of_three(*first, *second, *third));
        }
        let seed = Self::SEED ^ kind as u64;
        // Up to this length the seed alone makes the hash, and no secret is derived of it (`XXH3_MIDSIZE_MAX` in the
        // specification of XXH3): the same result, without a copy of that secret for each feature.
        let hash = if text.len() <= 240 {
            XxHash3_64::oneshot_with_seed_and_secret(seed, &[], text).ok()
        } else {
            None
        };
        let hash = hash.unwrap_or_else(|| XxHash3_64::oneshot_with_seed(seed, text));
        Self::of_hash(kind, hash)
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

/// XXH3 of three bytes under the seed of trigrams, as its specification has it for one to three bytes
/// (`doc/xxhash_spec.md` of xxHash 0.8): half of all features are that, and nothing of it depends on more than them.
const fn hash_of_three(first: u8, second: u8, third: u8) -> u64 {
    const SECRET: u32 = u32::from_le_bytes([0xb8, 0xfe, 0x6c, 0x39]) ^ u32::from_le_bytes([0x23, 0xa4, 0x4b, 0xbe]);
    const FLIP: u64 = (SECRET as u64).wrapping_add(Feature::SEED ^ Kind::Trigram as u64);
    let bytes = u32::from_le_bytes([third, 3, first, second]);
    let mut hash = bytes as u64 ^ FLIP;
    hash = (hash ^ hash >> 33).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    hash = (hash ^ hash >> 29).wrapping_mul(0x1656_67b1_9e37_79f9);
    hash ^ hash >> 32
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
        visit(command, &mut |kind, text| all.push(Feature::new(kind, text.as_bytes())));
        Self::from_unsorted(all)
    }

    pub(crate) fn from_unsorted(mut all: Vec<Feature>) -> Self {
        // What a command gives comes by kinds already: sorting a part at a time takes less.
        let is_below = |kind| move |feature: &Feature| feature.kind() < kind;
        let words = all.partition_point(is_below(Kind::Trigram));
        let trigrams = words + all[words..].partition_point(is_below(Kind::Capability));
        all[..words].sort_unstable();
        all[words..trigrams].sort_unstable();
        if !all.is_sorted() {
            all.sort_unstable();
        }
        all.dedup();
        let compared = all.partition_point(|feature| feature.kind() < Kind::Capability);
        Self {
            all: all.into_boxed_slice(),
            compared,
        }
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
    let mut named: Vec<(Feature, String)> = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    visit(command, &mut |kind, text| {
        let feature = Feature::new(kind, text.as_bytes());
        if seen.insert(feature) {
            named.push((feature, text.to_owned()));
        }
    });
    named
}

fn visit(command: &Command<'_>, sink: &mut impl FnMut(Kind, &str)) {
    let mut scratch = String::with_capacity(128);
    for (role, path) in [('x', command.executable), ('p', command.parent)] {
        scratch.clear();
        scratch.push(role);
        scratch.push_str(path);
        sink(Kind::Context, &scratch);
    }
    let text = text(command.argv);
    tokens::visit(&text, &mut scratch, sink);
    trigrams(&text, sink);
    capability::visit(&text, sink);
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

/// Three neighbouring characters of the text in lower case, white space and digits in a row as one character, a
/// placeholder as one of its class.
fn trigrams(text: &str, sink: &mut impl FnMut(Kind, &str)) {
    let folded = folded(text);
    if folded.is_ascii() {
        for at in 3..=folded.len() {
            sink(Kind::Trigram, &folded[at - 3..at]);
        }
        return;
    }
    let mut starts: Vec<usize> = folded.char_indices().map(|(at, _)| at).collect();
    starts.push(folded.len());
    for four in starts.windows(4) {
        sink(Kind::Trigram, &folded[four[0]..four[3]]);
    }
}

/// The text with a space at both ends, in lower case, with white space and digits in a row as one.
fn folded(text: &str) -> String {
    if text.is_ascii() && !text.contains('<') {
        return folded_ascii(text);
    }
    let mut folded = String::with_capacity(text.len() + 8);
    folded.push(' ');
    let mut last = ' ';
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let held = if c == '<' {
            placeholder_length(rest).zip(placeholder_class(rest))
        } else {
            None
        };
        let next = if let Some((length, class)) = held {
            rest = &rest[length..];
            // Code points for private use: no text can be mistaken for them by chance.
            char::from_u32(0xe000 + class as u32).unwrap_or(' ')
        } else {
            rest = &rest[c.len_utf8()..];
            match c {
                c if c.is_whitespace() => ' ',
                '0'..='9' => '0',
                c => c.to_ascii_lowercase(),
            }
        };
        if !(matches!(next, ' ' | '0') && last == next) {
            folded.push(next);
            last = next;
        }
    }
    if last != ' ' {
        folded.push(' ');
    }
    folded
}

/// The same for a text of ASCII without placeholders, as most are.
fn folded_ascii(text: &str) -> String {
    let mut folded = Vec::with_capacity(text.len() + 2);
    folded.push(b' ');
    let mut last = b' ';
    for byte in text.bytes().chain([b' ']) {
        let next = match byte {
            b' ' | b'\t'..=b'\r' => b' ',
            b'0'..=b'9' => b'0',
            byte => byte.to_ascii_lowercase(),
        };
        if next != last || !matches!(next, b' ' | b'0') {
            folded.push(next);
            last = next;
        }
    }
    String::from_utf8(folded).expect("ASCII")
}
