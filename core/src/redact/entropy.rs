//! Secrets that nobody announces: tokens of well-known issuers, private keys, and runs that were drawn by lot.

use crate::normalise::{Class, is_hex, is_random, is_uuid, placeholder_length, put_placeholder};

/// What tokens of well-known issuers begin with, and how many characters follow at least.
const ISSUED: [(&str, usize); 34] = [
    ("AC", 32), // Twilio: hexadecimal, checked with the others by length
    ("AGE-SECRET-KEY-", 20),
    ("AIza", 30),
    ("AKIA", 12),
    ("ASIA", 12),
    ("ATATT3", 20),
    ("EAAC", 30),
    ("GOCSPX-", 20),
    ("SG.", 20),
    ("SK", 32),
    ("dapi", 28),
    ("dckr_pat_", 16),
    ("doo_v1_", 20),
    ("dop_v1_", 20),
    ("dt0c01.", 20),
    ("eyJ", 16),
    ("gho_", 20),
    ("ghp_", 20),
    ("ghr_", 20),
    ("ghs_", 20),
    ("ghu_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("hf_", 20),
    ("hvb.", 20),
    ("hvs.", 20),
    ("lin_api_", 20),
    ("npm_", 20),
    ("pypi-", 20),
    ("sk-", 16),
    ("sk_live_", 12),
    ("sk_test_", 12),
    ("xox", 12),
    ("ya29.", 16),
];

/// Shortest of them all, prefix included.
const SHORTEST_ISSUED: usize = 15;

/// Shortest run that is judged by its entropy. Passwords are shorter, but so are words.
const SHORTEST: usize = 16;

/// A piece of text without tokens; `text` holds no quotes and no white space that matter.
pub(super) fn redact_tokens(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = placeholder_length(rest) {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let end = rest.bytes().take_while(|byte| is_token_byte(*byte)).count();
        if end == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            redact_run(&mut out, &rest[..end]);
            rest = &rest[end..];
        }
    }
    out
}

const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'-' | b'=' | b'.' | b'~')
}

fn redact_run(out: &mut String, run: &str) {
    if let Some(class) = token(run) {
        return put_placeholder(out, class, run);
    }
    // Base64 has slashes, and so do paths: a run is judged as a whole first, then by what lies between.
    for joint in ['/', '=', '.', '~'] {
        if let Some(at) = run.find(joint) {
            redact_run(out, &run[..at]);
            out.push(joint);
            return redact_run(out, &run[at + 1..]);
        }
    }
    out.push_str(run);
}

fn token(run: &str) -> Option<Class> {
    if is_issued(run) {
        return Some(Class::Secret);
    }
    if is_uuid(run.as_bytes()) {
        return Some(Class::Uuid);
    }
    if run.len() >= SHORTEST && is_hex(run.as_bytes()) {
        return Some(Class::Hex);
    }
    let word = run.trim_end_matches('=');
    let parts = || word.split(['/', '.', '-', '_', '~']).filter(|part| !part.is_empty());
    let is_path = run.starts_with(['/', '.', '-']) || parts().any(is_word_like);
    // No alphabet of base64 has slashes and hyphens both.
    let is_mixed = word.contains('/') && word.contains(['-', '_']);
    if is_mixed || word.len() < SHORTEST || word.contains(['.', '=', '~']) || !is_random(word, SHORTEST) || is_path {
        return None;
    }
    Some(if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Class::Token
    } else {
        Class::Base64
    })
}

fn is_issued(run: &str) -> bool {
    run.len() >= SHORTEST_ISSUED
        && ISSUED.iter().any(|(prefix, least)| {
            run.strip_prefix(prefix).is_some_and(|rest| {
                rest.len() >= *least
                    && !rest.contains('/')
                    && (prefix.len() > 2 || rest.bytes().all(|byte| byte.is_ascii_hexdigit()))
            })
        })
}

/// A part of a path or of a hyphenated name: one case of letters, with a digit or two behind.
fn is_word_like(part: &str) -> bool {
    let letters = part.trim_end_matches(|c: char| c.is_ascii_digit());
    letters.len() >= 3
        && part.len() - letters.len() <= 3
        && (letters.bytes().all(|byte| byte.is_ascii_lowercase())
            || letters.bytes().all(|byte| byte.is_ascii_uppercase())
            || letters[1..].bytes().all(|byte| byte.is_ascii_lowercase()))
        && !is_random(part, 12)
}

/// Takes the body of each private key out of a text; a key that has no end is taken to the text's end.
pub(super) fn redact_keys(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN ";
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(BEGIN) {
        let (before, key) = rest.split_at(at);
        let head = key[BEGIN.len()..].find("-----").map(|end| end + BEGIN.len() + 5);
        let Some(head) = head.filter(|head| key[..*head].contains("PRIVATE KEY") || key[..*head].contains("SECRET"))
        else {
            out.push_str(before);
            out.push_str(BEGIN);
            rest = &key[BEGIN.len()..];
            continue;
        };
        let end = key[head..].find("-----END").map_or(key.len(), |end| head + end);
        out.push_str(before);
        out.push_str(&key[..head]);
        let body = &key[head..end];
        if body.trim().is_empty() || crate::normalise::is_placeholder(body) {
            out.push_str(body);
        } else {
            put_placeholder(&mut out, Class::Secret, body);
        }
        rest = &key[end..];
    }
    out.push_str(rest);
    out
}
