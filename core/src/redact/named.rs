//! Secrets that a name announces: `password=x`, `"token": "x"`, `?api_key=x`.

use std::borrow::Cow;

use super::{
    program::is_program,
    value::{self, value},
};
use crate::{
    placeholder::{Class, Piece, Rewritten, is_whole, next_piece},
    signs::Signs,
};

/// Parts of names that announce a secret, in lower case, without what joins words.
const PARTS: [&str; 35] = [
    "accesskey",
    "accountkey",
    "adminpass",
    "apikey",
    "authkey",
    "authtoken",
    "bearer",
    "clientsecret",
    "connectionstring",
    "consumerkey",
    "credential",
    "dbpass",
    "encryptionkey",
    "jwt",
    "keypass",
    "licensekey",
    "masterauth",
    "masterkey",
    "passphrase",
    "passwd",
    "password",
    "presharedkey",
    "privatekey",
    "proxypass",
    "requirepass",
    "rootpass",
    "secret",
    "signingkey",
    "sharedkey",
    "storagekey",
    "storepass",
    "subscriptionkey",
    "token",
    "truststorepass",
    "userpass",
];
/// Names that announce one as a whole, or behind a joint (`db_pass`).
const WHOLE: [&str; 19] = [
    "auth",
    "authorization",
    "cookie",
    "kennwort",
    "mdp",
    "otp",
    "pass",
    "passcode",
    "pgpass",
    "pin",
    "psk",
    "pswd",
    "pw",
    "pwd",
    "pword",
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
const MASKS: [u32; PARTS.len() + WHOLE.len() + 2] = {
    let mut masks = [0; PARTS.len() + WHOLE.len() + 2];
    masks[PARTS.len() + WHOLE.len()] = letters("key");
    masks[PARTS.len() + WHOLE.len() + 1] = letters("webhookurl");
    let mut at = 0;
    while at < masks.len() - 2 {
        masks[at] = letters(if at < PARTS.len() {
            PARTS[at]
        } else {
            WHOLE[at - PARTS.len()]
        });
        at += 1;
    }
    masks
};

/// Those of [`MASKS`] that hold no other: a word has all letters of some name where it has all of one of these.
const LEAST: [u32; LEAST_MASKS.1] = {
    let mut least = [0; LEAST_MASKS.1];
    let mut at = 0;
    while at < least.len() {
        least[at] = LEAST_MASKS.0[at];
        at += 1;
    }
    least
};

/// Them, and how many they are.
const LEAST_MASKS: ([u32; MASKS.len()], usize) = {
    let (mut least, mut count, mut at) = ([0; MASKS.len()], 0, 0);
    while at < MASKS.len() {
        let (mut is_least, mut other) = (true, 0);
        while other < MASKS.len() {
            let held = MASKS[other] & !MASKS[at] == 0;
            // Of equal ones the first.
            is_least &= !held || (MASKS[other] == MASKS[at] && other >= at);
            other += 1;
        }
        if is_least {
            least[count] = MASKS[at];
            count += 1;
        }
        at += 1;
    }
    (least, count)
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

/// Whether a text of these letters may hold a name that announces a secret.
pub(super) fn may_announce(letters: u32) -> bool {
    // All names have two letters at least.
    if letters & letters.wrapping_sub(1) == 0 {
        return false;
    }
    // All of them, without an early end: the processor compares several at a time.
    let may_be = |mask: &u32| mask & !letters == 0;
    LEAST.iter().fold(false, |any, mask| any | may_be(mask))
}

/// Whether a name announces a secret.
pub(super) fn announces(name: &str) -> bool {
    let own = Signs::of(name).letters();
    if !may_announce(own) {
        return false;
    }
    let may_be = |mask: &u32| mask & !own == 0;
    let trimmed = name.trim_start_matches('-');
    let lower = if trimmed.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(trimmed.to_ascii_lowercase())
    } else {
        Cow::Borrowed(trimmed)
    };
    let flat = if lower.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        Cow::Borrowed(&*lower)
    } else {
        Cow::Owned(lower.chars().filter(char::is_ascii_alphanumeric).collect())
    };
    if flat.ends_with("webhookurl") {
        return true;
    }
    let last = lower.rsplit(['-', '_', '.']).next().unwrap_or(&lower);
    let (parts, rest) = MASKS.split_at(PARTS.len());
    let is_part = |(part, mask): (&&str, &u32)| may_be(mask) && flat.contains(part);
    let is_whole = |(whole, mask): (&&str, &u32)| may_be(mask) && (*whole == last || *whole == flat);
    let is_key = || last == "key" && !name.starts_with('-') && name.bytes().all(|byte| !byte.is_ascii_lowercase());
    let tells =
        (flat.len() > 3 && is_key()) || PARTS.iter().zip(parts).any(is_part) || WHOLE.iter().zip(rest).any(is_whole);
    tells && !ELSEWHERE.iter().any(|end| flat.ends_with(end))
}

/// Whether a value is no secret itself: empty, a placeholder, a word that switches something, or a variable that the
/// shell would have to fill in.
pub(super) fn is_harmless(value: &str) -> bool {
    const SWITCHES: [&str; 12] = [
        "", "-", "true", "false", "yes", "no", "none", "null", "never", "always", "prompt", "auto",
    ];
    let inner = value.trim_matches(['\'', '"']);
    SWITCHES.contains(&inner) || is_whole(inner) || is_variable(inner)
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

/// How many values of one word are looked through for programs: each such look costs the length of the word.
const MOST_PROGRAMS: usize = 8;

/// A word without the values of names that announce secrets. A value that is a program stays, and is looked through.
pub(super) fn redact_values(text: &str) -> Option<String> {
    let mut rewritten = Rewritten::of(text);
    let mut rest = text;
    let (mut leads, mut tag, mut programs) = (true, false, 0);
    while let Some(piece) = next_piece(&mut rest, is_name_byte) {
        match piece {
            Piece::Placeholder(_) => {}
            Piece::Other(other) => {
                leads &= other == '=';
                tag = other == '<';
            }
            Piece::Run(name) => {
                let is_element = std::mem::take(&mut tag) && rest.starts_with('>') && rest.contains("</");
                let length = if is_element { Some(1) } else { joint(rest) };
                let Some(length) = length.filter(|_| announces(name)) else {
                    continue;
                };
                let (joint, behind) = rest.split_at(length);
                rest = behind;
                let value = if is_element {
                    value::content(behind)
                } else {
                    value(behind, joint, leads)
                };
                let secret = &behind[..value.end];
                if programs < MOST_PROGRAMS && is_program(secret) {
                    programs += 1;
                    continue;
                }
                rest = &behind[value.end..];
                if !is_harmless(secret) {
                    rewritten.put(text.len() - behind.len(), Class::Secret, secret);
                    rewritten.add(value.close);
                }
            }
        }
    }
    rewritten.changed()
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
    let around = bytes[from..]
        .iter()
        .take_while(|byte| matches!(byte, b'\\' | b' '))
        .count();
    let opens = bytes[from + around..]
        .first()
        .is_some_and(|byte| matches!(byte, b'"' | b'\''));
    Some(from + around + usize::from(opens))
}
