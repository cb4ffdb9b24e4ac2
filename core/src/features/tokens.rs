//! The tokens of a command: words, and the shell's metacharacters, which say how the words hang together.

use super::{Kind, Sink};
use crate::{
    normalise::{is_plain_word, put_word},
    placeholder::length_at as placeholder_length,
};

/// Longest token that is kept whole, in bytes: trigrams see the rest.
const LONGEST: usize = 64;

/// Stands between the two tokens of a pair: no text has it by chance.
const BETWEEN: char = '\u{1f}';

/// Tells `sink` each token and each pair of neighbours.
pub(super) fn visit(text: &str, scratch: &mut String, sink: &mut impl Sink) {
    // All tokens with a mark between each two: a pair is a piece of that.
    scratch.clear();
    let mut before = None;
    let mut rest = text;
    while !rest.is_empty() {
        let (sort, length) = next(rest);
        let (raw, behind) = rest.split_at(length);
        rest = behind;
        if sort == Sort::Space {
            continue;
        }
        if before.is_some() {
            scratch.push(BETWEEN);
        }
        let begins = scratch.len();
        let is_told = match sort {
            Sort::Space | Sort::Sign => false,
            Sort::Placeholder => true,
            Sort::Word(_) => is_word(raw),
        };
        match sort {
            Sort::Word(made_of) if is_told => write_word(scratch, raw, made_of),
            Sort::Space | Sort::Sign | Sort::Placeholder | Sort::Word(_) => scratch.push_str(raw),
        }
        if is_told {
            sink.take(Kind::Token, &scratch.as_bytes()[begins..]);
        }
        if let Some(before) = before {
            sink.take(Kind::Pair, &scratch.as_bytes()[before..]);
        }
        before = Some(begins);
    }
}

/// What a text goes on with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sort {
    Space,
    Placeholder,
    Word(MadeOf),
    /// A sign, or several that are one to a shell.
    Sign,
}

/// What a word is made of, told while its end is looked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct MadeOf {
    /// It has capitals of ASCII.
    capitals: bool,
    /// It may be, or hold, what a placeholder stands for.
    numbers: bool,
}

/// A word in lower case with its numbers and addresses as placeholders, cut where it is too long.
fn write_word(out: &mut String, raw: &str, made_of: MadeOf) {
    let mut end = raw.len().min(LONGEST);
    while !raw.is_char_boundary(end) {
        end -= 1;
    }
    let raw = &raw[..end];
    if !made_of.numbers || is_plain_word(raw) {
        let begins = out.len();
        out.push_str(raw);
        if made_of.capitals {
            out[begins..].make_ascii_lowercase();
        }
    } else if made_of.capitals {
        put_word(out, &raw.to_ascii_lowercase());
    } else {
        put_word(out, raw);
    }
}

/// Whether anything in a word says something: all that joins letters and digits stands beside one.
fn is_word(raw: &str) -> bool {
    raw.bytes().any(|byte| !matches!(byte, b'-' | b'_'))
}

/// What the text, which is not empty, begins with, and its length.
fn next(text: &str) -> (Sort, usize) {
    if let Some(length) = placeholder_length(text) {
        return (Sort::Placeholder, length);
    }
    let word = |text| {
        let (length, made_of) = word(text);
        (Sort::Word(made_of), length)
    };
    match text.as_bytes()[0] {
        b' ' | b'\t'..=b'\r' => (Sort::Space, 1),
        b'&' | b'|' | b'<' | b'>' => {
            let operators = text.bytes().take(3);
            let operators = operators.take_while(|byte| matches!(byte, b'&' | b'|' | b'<' | b'>'));
            (Sort::Sign, operators.count())
        }
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-' => word(text),
        0x80.. => match text.chars().next() {
            Some(c) if c.is_whitespace() => (Sort::Space, c.len_utf8()),
            Some(c) if c.is_alphanumeric() => word(text),
            Some(c) => (Sort::Sign, c.len_utf8()),
            None => (Sort::Sign, 1),
        },
        _ => (Sort::Sign, 1),
    }
}

/// Length of a word, and what it is made of: letters, digits and `_`; hyphens at its beginning; hyphens, dots and plus signs
/// between.
fn word(text: &str) -> (usize, MadeOf) {
    let bytes = text.as_bytes();
    let mut end = bytes.iter().take_while(|byte| **byte == b'-').count();
    let (mut hyphens, mut capitals, mut digits) = (end, false, false);
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'a'..=b'z' | b'_' => end += 1,
            b'A'..=b'Z' => {
                capitals = true;
                end += 1;
            }
            b'0'..=b'9' => {
                digits = true;
                end += 1;
            }
            b'.' | b'-' | b'+' if end > 0 && letter(text, end + 1).is_some() => {
                hyphens += usize::from(*byte == b'-');
                end += 1;
            }
            0x80.. => match letter(text, end) {
                Some(length) => end += length,
                None => break,
            },
            _ => break,
        }
    }
    let made_of = MadeOf {
        capitals,
        // As `is_plain_word` has it.
        numbers: digits || hyphens >= 4,
    };
    (end.max(1), made_of)
}

/// Length of the letter or digit of any script that begins there, if one does.
fn letter(text: &str, at: usize) -> Option<usize> {
    let byte = text.as_bytes().get(at)?;
    if byte.is_ascii() {
        return byte.is_ascii_alphanumeric().then_some(1);
    }
    let c = text[at..].chars().next()?;
    c.is_alphanumeric().then_some(c.len_utf8())
}
