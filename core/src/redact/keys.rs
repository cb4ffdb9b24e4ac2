//! Private keys in their armour.

use super::program::is_program;
use crate::placeholder::{Class, is_whole, put};

const BEGIN: &str = "-----BEGIN ";
/// The armour's words fit into this many bytes; what has no end to its first line by then is no armour.
const LONGEST_HEAD: usize = 80;

/// Takes the body of each private key out of a text. One that has no end reaches as far as a body's characters do, and a
/// program between two such lines is no body.
pub(super) fn redact_keys(text: &str) -> Option<String> {
    let mut rest = text;
    let mut out = String::new();
    while let Some(at) = rest.find(BEGIN) {
        let (before, key) = rest.split_at(at);
        out.push_str(before);
        let Some(head) = head(key) else {
            out.push_str(BEGIN);
            rest = &key[BEGIN.len()..];
            continue;
        };
        out.push_str(&key[..head]);
        let end = match key[head..].find("-----END") {
            Some(end) => head + end,
            None => key[head..].find(|c| !is_body(c)).map_or(key.len(), |end| head + end),
        };
        let body = &key[head..end];
        if body.trim_matches(is_around).is_empty() || is_whole(body) || is_program(body) {
            out.push_str(body);
        } else {
            put(&mut out, Class::Secret, body);
        }
        rest = &key[end..];
    }
    out.push_str(rest);
    (out != text).then_some(out)
}

/// Length of a private key's first line.
fn head(key: &str) -> Option<usize> {
    let mut limit = key.len().min(LONGEST_HEAD);
    while !key.is_char_boundary(limit) {
        limit -= 1;
    }
    let end = key[BEGIN.len()..limit].find("-----")? + BEGIN.len();
    let names_secret = key[..end].contains("PRIVATE KEY") || key[..end].contains("SECRET");
    names_secret.then_some(end + 5)
}

/// Base64, white space, and the lines that may stand before it (`Proc-Type: 4,ENCRYPTED`), with their escapes.
fn is_body(c: char) -> bool {
    c.is_ascii_alphanumeric() || c.is_whitespace() || matches!(c, '+' | '/' | '=' | '\\' | ':' | ',' | '-')
}

/// White space, quotes and what a line's end is escaped as: all that is left where a body was taken out by hand.
fn is_around(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '\\')
}
