//! What a run of characters is, judged by its shape alone.

use crate::{placeholder::Class, signs::pieces};

/// The class of a word that consists of letters, digits and `.`, `-`, `:`, `_`, `+`, where it has one.
pub(crate) fn classify(word: &str) -> Option<Class> {
    let bytes = word.as_bytes();
    if !bytes.first()?.is_ascii_alphanumeric() && bytes[0] != b':' {
        return None;
    }
    // Every class needs a digit, but a UUID and an IPv6 address that happen to have none.
    if bytes.len() != 36 && !bytes.iter().any(|byte| byte.is_ascii_digit() || *byte == b':') {
        return None;
    }
    // No date is of so many digits: most words with a digit are this.
    if (2..8).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_digit) {
        return Some(Class::Number);
    }
    // Too short for all that is told without a dot or a colon.
    if bytes.len() < 8 && !bytes.iter().any(|byte| matches!(byte, b'.' | b':')) && !has_hex_prefix(bytes) {
        return None;
    }
    if is_uuid(bytes) {
        return Some(Class::Uuid);
    }
    if let Some(class) = ip4(word) {
        return Some(class);
    }
    if is_date(bytes) {
        return Some(Class::Date);
    }
    if is_ip6(word) {
        return Some(Class::Ip6);
    }
    if is_version(word) {
        return Some(Class::Version);
    }
    if bytes.len() >= 2 && bytes.iter().all(u8::is_ascii_digit) {
        return Some(Class::Number);
    }
    is_hex(bytes).then_some(Class::Hex)
}

/// Eight and more hexadecimal digits of both sorts, or as many as `0x` promises.
pub(crate) fn is_hex(bytes: &[u8]) -> bool {
    if has_hex_prefix(bytes) {
        let digits = &bytes[2..];
        return !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    }
    bytes.len() >= 8
        && bytes.iter().all(u8::is_ascii_hexdigit)
        && bytes.iter().any(u8::is_ascii_digit)
        && bytes.iter().any(u8::is_ascii_alphabetic)
}

const fn has_hex_prefix(bytes: &[u8]) -> bool {
    matches!(bytes, [b'0', b'x' | b'X', ..])
}

pub(crate) fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 36
        && bytes.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn ip4(word: &str) -> Option<Class> {
    let may_be = (7..=15).contains(&word.len()) && word.bytes().filter(|byte| *byte == b'.').count() == 3;
    let address: std::net::Ipv4Addr = may_be.then(|| word.parse().ok())??;
    Some(if address.is_loopback() || address.is_unspecified() {
        Class::Ip4Loopback
    } else if address.is_link_local() {
        Class::Ip4Link
    } else if address.is_private() {
        Class::Ip4Private
    } else {
        Class::Ip4Public
    })
}

fn is_ip6(word: &str) -> bool {
    // As long as an address can be written (`INET6_ADDRSTRLEN` without its NUL).
    word.len() <= 45
        && word.bytes().filter(|byte| *byte == b':').count() >= 2
        && word.parse::<std::net::Ipv6Addr>().is_ok()
}

/// `2026-01-31`, `20260131`, `2026-01-31T10:00:00Z`, `10:00`, `10:00:00`, each with a plausible month and day.
fn is_date(bytes: &[u8]) -> bool {
    let number = |range: &[u8]| {
        std::str::from_utf8(range)
            .ok()
            .and_then(|digits| digits.parse::<u32>().ok())
            .unwrap_or(u32::MAX)
    };
    let day = |year: &[u8], month: &[u8], day: &[u8]| {
        [year, month, day].concat().iter().all(u8::is_ascii_digit)
            && (1970..2100).contains(&number(year))
            && (1..=12).contains(&number(month))
            && (1..=31).contains(&number(day))
    };
    match bytes.len() {
        8 if bytes[2] == b':' => is_time(bytes),
        8 => day(&bytes[..4], &bytes[4..6], &bytes[6..]),
        5 => is_time(bytes),
        10.. if bytes[4] == b'-' && bytes[7] == b'-' => {
            let rest = &bytes[10..];
            let continues = rest.is_empty()
                || (matches!(rest[0], b'T' | b't' | b'_' | b'-')
                    && rest[1..]
                        .iter()
                        .all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.' | b'-' | b'+' | b'Z')));
            day(&bytes[..4], &bytes[5..7], &bytes[8..10]) && continues
        }
        _ => false,
    }
}

fn is_time(bytes: &[u8]) -> bool {
    bytes.iter().enumerate().all(|(at, byte)| match at % 3 {
        2 => *byte == b':',
        _ => byte.is_ascii_digit(),
    })
}

/// No version is longer, and a text is looked at in many places.
const LONGEST_VERSION: usize = 64;

/// Numbers with dots between them, a `v` before and letters with a number behind (`1.2.3-rc1`) allowed.
pub(crate) fn is_version(word: &str) -> bool {
    if word.len() > LONGEST_VERSION {
        return false;
    }
    let word = word.strip_prefix('v').unwrap_or(word);
    let numbers = word
        .bytes()
        .take_while(|byte| byte.is_ascii_digit() || *byte == b'.')
        .count();
    let (numbers, rest) = word.split_at(numbers);
    let are_numbers = pieces(numbers, |byte| byte == b'.').all(|part| !part.is_empty());
    are_numbers
        && numbers.contains('.')
        && (rest.is_empty() || rest.starts_with(['-', '+']))
        && rest.len() <= 12
        && rest
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.'))
}

/// Whether letters and digits look drawn by lot rather than written by a person: classes of characters (lower, upper,
/// digit) alternate, or consonants pile up, and few characters repeat. In random
/// base64 the class changes in more than half of the places; three in ten suffice here.
pub(crate) fn is_random(word: &str, least: usize) -> bool {
    let bytes = || word.bytes().filter(u8::is_ascii_alphanumeric);
    let length = bytes().count();
    if length < least {
        return false;
    }
    let (mut changes, mut digits, mut piled, mut pile) = (0, 0, 0, 0);
    let mut seen = 0_u128;
    let mut before = None;
    for byte in bytes() {
        let class = (byte.is_ascii_lowercase(), byte.is_ascii_uppercase());
        changes += usize::from(before.is_some_and(|before| before != class));
        before = Some(class);
        seen |= 1 << byte;
        let vowel = matches!(byte.to_ascii_lowercase(), b'a' | b'e' | b'i' | b'o' | b'u' | b'y');
        digits += usize::from(byte.is_ascii_digit());
        pile = if vowel || byte.is_ascii_digit() { 0 } else { pile + 1 };
        piled = piled.max(pile);
    }
    let mixed = changes * 10 >= length * 3;
    digits < length
        && !(mixed && is_humped(bytes(), length))
        && seen.count_ones() as usize * 3 >= least.min(length)
        && (mixed || piled >= 6)
}

/// Words joined by capitals, as in names of classes: no digit, and hardly a hump of less than three letters.
fn is_humped(bytes: impl Iterator<Item = u8>, length: usize) -> bool {
    let (mut short, mut hump, mut small) = (0, 0, 0);
    for byte in bytes {
        if byte.is_ascii_digit() {
            return false;
        }
        if byte.is_ascii_uppercase() {
            short += usize::from(hump == 1 || hump == 2);
            hump = 0;
        }
        small += usize::from(byte.is_ascii_lowercase());
        hump += 1;
    }
    small * 2 > length && short <= 1
}
