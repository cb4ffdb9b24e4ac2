//! The tokens of a command: words, and the shell's metacharacters, which say how the words hang together.

use super::Kind;
use crate::{
    normalise::{is_plain_word, put_word},
    placeholder::length_at as placeholder_length,
};

/// Longest token that is kept whole, in bytes: trigrams see the rest.
const LONGEST: usize = 64;

/// Stands between the two tokens of a pair: no text has it by chance.
const BETWEEN: char = '\u{1f}';

/// Calls `sink` with each token and each pair of neighbours.
pub(super) fn visit(text: &str, scratch: &mut String, sink: &mut impl FnMut(Kind, &str)) {
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
            Sort::Word => is_word(raw),
        };
        if is_told && sort == Sort::Word {
            write_word(scratch, raw);
        } else {
            scratch.push_str(raw);
        }
        if is_told {
            sink(Kind::Token, &scratch[begins..]);
        }
        if let Some(before) = before {
            sink(Kind::Pair, &scratch[before..]);
        }
        before = Some(begins);
    }
}

/// What a text goes on with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Sort {
    Space,
    Placeholder,
    Word,
    /// A sign, or several that are one to a shell.
    Sign,
}

/// A word in lower case with its numbers and addresses as placeholders, cut where it is too long.
fn write_word(out: &mut String, raw: &str) {
    let mut end = raw.len().min(LONGEST);
    while !raw.is_char_boundary(end) {
        end -= 1;
    }
    let raw = &raw[..end];
    let is_lower = !raw.bytes().any(|byte| byte.is_ascii_uppercase());
    if is_plain_word(raw) {
        let begins = out.len();
        out.push_str(raw);
        if !is_lower {
            out[begins..].make_ascii_lowercase();
        }
    } else if is_lower {
        put_word(out, raw);
    } else {
        put_word(out, &raw.to_ascii_lowercase());
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
    match text.as_bytes()[0] {
        b' ' | b'\t'..=b'\r' => (Sort::Space, 1),
        b'&' | b'|' | b'<' | b'>' => {
            let operators = text.bytes().take(3);
            let operators = operators.take_while(|byte| matches!(byte, b'&' | b'|' | b'<' | b'>'));
            (Sort::Sign, operators.count())
        }
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'-' => (Sort::Word, word(text)),
        0x80.. => match text.chars().next() {
            Some(c) if c.is_whitespace() => (Sort::Space, c.len_utf8()),
            Some(c) if c.is_alphanumeric() => (Sort::Word, word(text)),
            Some(c) => (Sort::Sign, c.len_utf8()),
            None => (Sort::Sign, 1),
        },
        _ => (Sort::Sign, 1),
    }
}

/// Length of a word: letters, digits and `_`; hyphens at its beginning; hyphens, dots and plus signs between.
fn word(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut end = bytes.iter().take_while(|byte| **byte == b'-').count();
    while let Some(byte) = bytes.get(end) {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'_' => end += 1,
            b'.' | b'-' | b'+' if end > 0 && letter(text, end + 1).is_some() => end += 1,
            0x80.. => match letter(text, end) {
                Some(length) => end += length,
                None => break,
            },
            _ => break,
        }
    }
    end.max(1)
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
