//! Secrets that a name announces: `password=x`, `"token": "x"`, `?api_key=x`, `scheme://user:x@host`.

use crate::normalise::{Class, is_placeholder, placeholder_length, put_placeholder};

/// Parts of names that announce a secret, in lower case, without what joins words.
const PARTS: [&str; 21] = [
    "accesskey",
    "apikey",
    "authkey",
    "authtoken",
    "bearer",
    "clientsecret",
    "connectionstring",
    "credential",
    "encryptionkey",
    "licensekey",
    "masterkey",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "signingkey",
    "sharedkey",
    "storagekey",
    "subscriptionkey",
    "token",
];
/// Names that announce one as a whole, or behind a joint (`db_pass`).
const WHOLE: [&str; 15] = [
    "auth",
    "authorization",
    "cookie",
    "otp",
    "pass",
    "passcode",
    "pgpass",
    "pin",
    "psk",
    "pw",
    "pwd",
    "sas",
    "sessionid",
    "sig",
    "signature",
];
/// Ends of names that say where a secret is, not what it is.
const ELSEWHERE: [&str; 10] = [
    "file", "path", "dir", "name", "url", "stdin", "type", "length", "ttl", "policy",
];

/// The letters of each of them, one bit each: most words lack one of every name's letters and need no closer look.
const MASKS: [u32; PARTS.len() + WHOLE.len()] = {
    let mut masks = [0; PARTS.len() + WHOLE.len()];
    let mut at = 0;
    while at < masks.len() {
        masks[at] = letters(if at < PARTS.len() {
            PARTS[at]
        } else {
            WHOLE[at - PARTS.len()]
        });
        at += 1;
    }
    masks
};

const fn letters(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let (mut mask, mut at) = (0, 0);
    while at < bytes.len() {
        let letter = bytes[at].to_ascii_lowercase();
        if letter.is_ascii_lowercase() {
            mask |= 1 << (letter - b'a');
        }
        at += 1;
    }
    mask
}

/// Whether a name announces a secret.
pub(super) fn announces(name: &str) -> bool {
    let own = letters(name);
    if !MASKS.iter().any(|mask| own & mask == *mask) {
        return false;
    }
    let lower = name.trim_start_matches('-').to_ascii_lowercase();
    let flat: String = lower.chars().filter(char::is_ascii_alphanumeric).collect();
    if flat.is_empty() || ELSEWHERE.iter().any(|end| flat.ends_with(end)) {
        return false;
    }
    let last = lower.rsplit(['-', '_', '.']).next().unwrap_or(&lower);
    PARTS.iter().any(|part| flat.contains(part)) || WHOLE.contains(&last) || WHOLE.contains(&flat.as_str())
}

/// Whether a value is no secret itself: empty, a placeholder, a word that switches something, or a variable that the
/// shell would have to fill in.
pub(super) fn is_harmless(value: &str) -> bool {
    const SWITCHES: [&str; 12] = [
        "", "-", "true", "false", "yes", "no", "none", "null", "never", "always", "prompt", "auto",
    ];
    let inner = value.trim_matches(['\'', '"']);
    SWITCHES.contains(&inner) || is_placeholder(inner) || is_variable(inner)
}

fn is_variable(value: &str) -> bool {
    let Some(rest) = value.strip_prefix('$') else {
        return value.starts_with('`') && value.ends_with('`');
    };
    let is_name = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    (rest.starts_with('{')
        && rest.ends_with('}')
        && rest[1..rest.len() - 1]
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_'))
        || (rest.starts_with('(') && rest.ends_with(')'))
        || (!rest.is_empty() && is_name(rest))
        || announces(rest) && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

pub(super) const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.')
}

/// A word without the values of names that announce secrets.
pub(super) fn redact_values(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(length) = placeholder_length(rest) {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let name = rest.bytes().take_while(|byte| is_name_byte(*byte)).count();
        if name == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        out.push_str(&rest[..name]);
        let announced = announces(&rest[..name]);
        rest = &rest[name..];
        if announced && let Some(joint) = joint(rest) {
            out.push_str(&rest[..joint]);
            rest = &rest[joint..];
            let value = value(rest);
            if is_harmless(&rest[..value]) {
                out.push_str(&rest[..value]);
            } else {
                put_placeholder(&mut out, Class::Secret, &rest[..value]);
            }
            rest = &rest[value..];
        }
    }
    out
}

/// Length of what stands between a name and its value: `=`, `:`, `=>`, `:=`, with quotes, escapes and spaces around.
fn joint(text: &str) -> Option<usize> {
    let is_around = |byte: &u8| matches!(byte, b'"' | b'\'' | b'\\' | b' ' | b']');
    let bytes = text.as_bytes();
    let before = bytes.iter().take_while(|byte| is_around(byte)).count();
    let signs = bytes[before..]
        .iter()
        .take_while(|byte| matches!(byte, b'=' | b':' | b'>'))
        .count();
    if signs == 0 || bytes[before] == b'>' || signs > 2 {
        return None;
    }
    let from = before + signs;
    Some(from + bytes[from..].iter().take_while(|byte| is_around(byte)).count())
}

/// Length of a value: up to a quote, a separator or white space.
fn value(text: &str) -> usize {
    let end = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ';' | ',' | '|' | '}' | ')' | '\\');
    text.find(end).unwrap_or(text.len())
}

/// A word without the credentials of its URLs.
pub(super) fn redact_urls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        let end = after
            .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '|' | ';' | '>'))
            .unwrap_or(after.len());
        // A password may hold a slash that should have been escaped: the last `@` before the query decides, unless
        // the path had begun with a host that has no user before it.
        let authority = after[..end].find(['?', '#']).unwrap_or(end);
        let host = after[..authority].rfind('@').filter(|at| credentials(&after[..*at]));
        if let Some(host) = host {
            let user = &after[..host];
            if is_harmless(user) {
                out.push_str(user);
            } else {
                put_placeholder(&mut out, Class::Secret, user);
            }
            rest = &after[host..];
        } else {
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// Whether what stands before an `@` can be user and password: no path has begun, or it began behind a colon.
fn credentials(text: &str) -> bool {
    text.find('/')
        .is_none_or(|slash| text[..slash].contains(':') && !text[..slash].contains('.'))
}
