//! Finding the texts that tell of capabilities, all of them in one walk over a command.

use std::sync::LazyLock;

use super::CAPABILITIES;

/// What tells of each capability.
pub(super) static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| {
    let texts = CAPABILITIES.iter().enumerate();
    let patterns =
        texts.flat_map(|(capability, (_, texts))| texts.iter().map(move |text| Pattern::new(capability, text)));
    Patterns::new(patterns.collect())
});

/// A text, and what it tells.
#[derive(Clone, Debug)]
struct Pattern {
    text: &'static [u8],
    /// Index of its capability.
    capability: usize,
    /// It must stand as a word of its own.
    is_word: bool,
}

impl Pattern {
    const fn new(capability: usize, text: &'static str) -> Self {
        let text = text.as_bytes();
        let (mut is_word, mut at) = (true, 0);
        while at < text.len() {
            is_word &= text[at].is_ascii_alphabetic();
            at += 1;
        }
        Self {
            text,
            capability,
            is_word,
        }
    }

    /// Whether it stands at a place of a text in lower case.
    fn is_at(&self, text: &[u8], at: usize) -> bool {
        let joins = |at: usize| text.get(at).is_some_and(u8::is_ascii_alphanumeric);
        text[at..].starts_with(self.text)
            && !(self.is_word && (joins(at.wrapping_sub(1)) || joins(at + self.text.len())))
    }
}

/// Words of 64 bits that hold a bit for each beginning.
const WORDS: usize = 1 << 9;

/// Texts of two bytes or more, by what they begin with: five bits of each of their first three bytes.
#[derive(Debug)]
pub(super) struct Patterns {
    /// A bit for each beginning: hardly any place of a command has one of them, and all of it stays in a processor's nearest
    /// cache, as no automaton does.
    beginnings: [u64; WORDS],
    /// How many of the sorted ones come before those of each of these words.
    firsts: [usize; WORDS + 1],
    /// In the order of their beginnings; of two bytes, once for each third one.
    sorted: Vec<(u16, Pattern)>,
}

impl Patterns {
    fn new(patterns: Vec<Pattern>) -> Self {
        let mut beginnings = [0; WORDS];
        let mut sorted = Vec::new();
        for pattern in patterns {
            let thirds = match pattern.text.get(2) {
                Some(third) => *third & 31..=*third & 31,
                None => 0..=31,
            };
            for third in thirds {
                let first = [pattern.text[0], pattern.text[1], third];
                let beginning = first.into_iter().fold(0, follow);
                beginnings[usize::from(beginning >> 6)] |= 1 << (beginning & 63);
                sorted.push((beginning, pattern.clone()));
            }
        }
        sorted.sort_by_key(|(beginning, _)| *beginning);
        let before = |word| sorted.partition_point(|(beginning, _)| usize::from(beginning >> 6) < word);
        Self {
            beginnings,
            firsts: std::array::from_fn(before),
            sorted,
        }
    }

    /// Notes the capability of each that stands in a text in lower case, which ends in a space.
    pub fn find(&self, text: &[u8], found: &mut [bool; CAPABILITIES.len()]) {
        let mut beginning = text.iter().take(2).copied().fold(0, follow);
        for (at, third) in text.iter().skip(2).enumerate() {
            beginning = follow(beginning, *third);
            let word = usize::from(beginning >> 6);
            if self.beginnings[word] >> (beginning & 63) & 1 == 0 {
                continue;
            }
            for (other, pattern) in &self.sorted[self.firsts[word]..self.firsts[word + 1]] {
                if *other == beginning && pattern.is_at(text, at) {
                    found[pattern.capability] = true;
                }
            }
        }
    }
}

/// What three bytes begin with, where `before` is that of the two before the last one, and of whatever came before these.
const fn follow(before: u16, last: u8) -> u16 {
    before >> 5 | (last as u16 & 31) << 10
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Each of them, looked for by itself.
    fn searched(text: &str) -> [bool; CAPABILITIES.len()] {
        let mut found = [false; CAPABILITIES.len()];
        for (capability, (_, texts)) in CAPABILITIES.iter().enumerate() {
            for wanted in *texts {
                let pattern = Pattern::new(capability, wanted);
                let mut places = text.match_indices(wanted).map(|(at, _)| at);
                found[capability] |= places.any(|at| pattern.is_at(text.as_bytes(), at));
            }
        }
        found
    }

    proptest! {
        #[test]
        fn what_is_found_in_one_walk_is_what_searching_for_each_finds(
            pieces in prop::collection::vec(
                prop_oneof![
                    3 => prop::sample::select(CAPABILITIES.iter().flat_map(|(_, texts)| *texts).copied().collect::<Vec<_>>()),
                    1 => prop::sample::select(vec![" ", "x", "/", "-", "1", "é"]),
                ],
                0..8,
            ),
        ) {
            let text = format!(" {} ", pieces.concat());
            let mut found = [false; CAPABILITIES.len()];
            PATTERNS.find(text.as_bytes(), &mut found);
            prop_assert_eq!(found, searched(&text), "{}", text);
        }
    }
}
