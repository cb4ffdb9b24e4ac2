//! How far the value behind a name reaches.

use super::named::is_name_byte;

/// A value at a text's beginning, in bytes: where its secret ends, and what of the quote it began behind has to be
/// written again because the secret reached beyond it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Value {
    pub end: usize,
    pub close: Option<char>,
}

/// The value behind a name and what joins them (`joint`). `leads` where nothing but the name stands before it: then
/// commas and their like are part of the value, because no list can have begun.
pub(super) fn value(text: &str, joint: &str, leads: bool) -> Value {
    let bare = |end| Value { end, close: None };
    let Some(quote) = joint.chars().next_back().filter(|c| matches!(c, '"' | '\'')) else {
        return bare(match text.chars().next() {
            Some('[') => bracketed(text, '[', ']'),
            Some('{') => bracketed(text, '{', '}'),
            _ => unquoted(text, leads && joint == "="),
        });
    };
    let is_escaped = joint[..joint.len() - 1].ends_with('\\');
    let Some(end) = closing(text, quote, is_escaped) else {
        return bare(unquoted(text, false));
    };
    // A shell joins what follows a closing quote without a gap.
    let behind = &text[end..].trim_start_matches(['\\', quote]);
    let goes_on = !is_escaped && behind.starts_with(|c: char| c.is_alphanumeric() || matches!(c, '"' | '\'' | '$'));
    if !goes_on {
        return bare(end);
    }
    Value {
        end: end + unquoted(&text[end..], false),
        close: Some(quote),
    }
}

/// The content of an XML element that a text begins with.
pub(super) fn content(text: &str) -> Value {
    Value {
        end: text.find('<').unwrap_or(text.len()),
        close: None,
    }
}

/// Up to the closing quote; an escaped one only counts where the opening one was escaped, too.
fn closing(text: &str, quote: char, is_escaped: bool) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].find(quote).map(|at| from + at) {
        let backslash = text[..at].ends_with('\\');
        if backslash == is_escaped {
            return Some(at - usize::from(is_escaped));
        }
        from = at + 1;
    }
    None
}

/// Up to the bracket that closes the first one, or to the end.
fn bracketed(text: &str, open: char, close: char) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return at + 1;
            }
        }
    }
    text.len()
}

/// Up to white space, a quote that closes what began before, or a separator. A quoted part belongs to it, as to a shell's
/// word.
fn unquoted(text: &str, leads: bool) -> usize {
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let behind = &text[at + c.len_utf8()..];
        let ends = match c {
            '"' | '\'' => match behind.find(c) {
                Some(close) => {
                    at += close + 1;
                    false
                }
                None => true,
            },
            '\\' => behind.starts_with(['"', '\'', 'n', 'r']),
            '&' | ';' | '|' | '}' | ')' => !leads,
            ',' => !leads && begins_another(behind),
            c => c.is_whitespace(),
        };
        if ends {
            return at;
        }
        at += c.len_utf8();
    }
    text.len()
}

/// Whether another name with a value follows, or nothing.
fn begins_another(text: &str) -> bool {
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\'));
    let name = text.bytes().take(64).take_while(|byte| is_name_byte(*byte)).count();
    let behind = text[name..].trim_start_matches(['"', '\'', '\\', ' ']);
    text.is_empty() || (name > 0 && behind.starts_with(['=', ':']))
}
