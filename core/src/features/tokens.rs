//! The tokens of a command: words, and the shell's metacharacters, which say how the words hang together.

use super::Kind;
use crate::{normalise::put_word, placeholder::length_at as placeholder_length};

/// Longest token that is kept whole, in bytes: trigrams see the rest.
const LONGEST: usize = 64;

/// Stands between the two tokens of a pair: no text has it by chance.
const BETWEEN: char = '\u{1f}';

/// Calls `sink` with each token and each pair of neighbours.
pub(super) fn visit(text: &str, pair: &mut String, sink: &mut impl FnMut(Kind, &str)) {
    // The token before and a mark, then this one.
    pair.clear();
    let mut rest = text;
    while !rest.is_empty() {
        let length = next(rest);
        let (raw, after) = rest.split_at(length);
        rest = after;
        if raw.starts_with(char::is_whitespace) {
            continue;
        }
        let begins = pair.len();
        write_token(pair, raw);
        if is_word(raw) {
            sink(Kind::Token, &pair[begins..]);
        }
        if begins > 0 {
            sink(Kind::Pair, pair);
            pair.drain(..begins);
        }
        pair.push(BETWEEN);
    }
}

/// A word in lower case with its numbers and addresses as placeholders, cut where it is too long.
fn write_token(out: &mut String, raw: &str) {
    if placeholder_length(raw).is_some() || !is_word(raw) {
        out.push_str(raw);
        return;
    }
    let mut end = raw.len().min(LONGEST);
    while !raw.is_char_boundary(end) {
        end -= 1;
    }
    let raw = &raw[..end];
    if raw.bytes().any(|byte| byte.is_ascii_uppercase()) {
        put_word(out, &raw.to_ascii_lowercase());
    } else {
        put_word(out, raw);
    }
}

fn is_word(raw: &str) -> bool {
    raw.contains(char::is_alphanumeric)
}

/// Length of the token, or of the white space, that the text begins with.
fn next(text: &str) -> usize {
    if let Some(length) = placeholder_length(text) {
        return length;
    }
    let first = text.chars().next().unwrap_or(' ');
    if first.is_whitespace() {
        return first.len_utf8();
    }
    if matches!(first, '&' | '|' | '<' | '>') {
        let operators = text
            .bytes()
            .take_while(|byte| matches!(byte, b'&' | b'|' | b'<' | b'>'))
            .count();
        return operators.min(3);
    }
    if !(first.is_alphanumeric() || matches!(first, '_' | '-')) {
        return first.len_utf8();
    }
    word(text)
}

/// Length of a word: letters, digits and `_`; hyphens at its beginning; hyphens, dots and plus signs between.
fn word(text: &str) -> usize {
    let mut end = text.bytes().take_while(|byte| *byte == b'-').count();
    while let Some(c) = text[end..].chars().next() {
        let joins = matches!(c, '.' | '-' | '+')
            && end > 0
            && text[end + 1..].chars().next().is_some_and(char::is_alphanumeric);
        if c.is_alphanumeric() || c == '_' || joins {
            end += c.len_utf8();
        } else {
            break;
        }
    }
    end.max(1)
}
