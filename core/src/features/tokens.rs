//! The tokens of a command: words, and the shell's metacharacters, which say how the words hang together.

use super::Kind;
use crate::normalise::{placeholder_length, put_word};

/// Longest token that is kept whole, in bytes: trigrams see the rest.
const LONGEST: usize = 64;

/// Calls `sink` with each token and each pair of neighbours.
pub(super) fn visit(text: &str, scratch: &mut String, sink: &mut dyn FnMut(Kind, &str)) {
    let mut before = String::new();
    let mut token = String::with_capacity(LONGEST);
    let mut rest = text;
    while !rest.is_empty() {
        let length = next(rest);
        let (raw, after) = rest.split_at(length);
        rest = after;
        if raw.starts_with(char::is_whitespace) {
            continue;
        }
        token.clear();
        write_token(&mut token, raw);
        if is_word(raw) {
            sink(Kind::Token, &token);
        }
        if !before.is_empty() {
            scratch.clear();
            scratch.push_str(&before);
            scratch.push('\u{1f}');
            scratch.push_str(&token);
            sink(Kind::Pair, scratch);
        }
        std::mem::swap(&mut before, &mut token);
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
    put_word(out, &raw[..end].to_ascii_lowercase());
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
