//! Names of destinations, with what changes from request to request taken out, and only below what somebody registered.

#[cfg(test)]
mod tests;

use super::words::template_word;
use crate::{
    placeholder::{self, Class},
    redact,
    settle::settle,
    shape,
};

/// Longest name that is taken, in bytes: what fits into a message without the dot at its end (RFC 1035, 2.3.4), and two
/// bytes more, so that every normalised name is taken again.
const MAX_NAME: usize = 255;
/// Longest label (RFC 1035, 2.3.4).
const MAX_LABEL: usize = 63;
/// Least characters of a part that is judged by the look of it. Shorter ones are names of shards and machines.
const LEAST_RANDOM: usize = 8;
/// Least letters, where no digit is among them: consonants pile up in words, too.
const LEAST_RANDOM_LETTERS: usize = 16;

/// Why a text is no name of a destination.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NameError {
    /// No label, an empty one, one of more than 63 bytes, or more than 253 bytes together.
    #[error("labels of 1 to 63 bytes and at most 253 together were expected")]
    Length,
    /// Something else than what host names are made of. Names of other scripts come as punycode.
    #[error("letters, digits, '-' and '_' of ASCII were expected")]
    Character,
    /// The last label is a number, as in an address that is written as a name.
    #[error("the last label is a number, so that it reads as an address")]
    Address,
}

/// A name as it is known by: in lower case, without the dot at its end, and with what looks generated in a placeholder
/// (hashes, numbers, UUIDs, addresses, labels drawn by lot).
///
/// What somebody registered stays as it is: a label below a public suffix, those of its private section included
/// (`a.s3.amazonaws.com` is a bucket of its own). Below that, who chose the name owns every other one, so that merging
/// them loses nothing. Neighbouring labels that are generated as a whole become one, so that data that is smuggled out
/// in labels is one destination. Normalising again changes nothing.
pub fn domain_name(text: &str) -> Result<String, NameError> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    validate(&name)?;
    let registered = registered(&name);
    let Some(below) = name[..name.len() - registered.len()].strip_suffix('.') else {
        return Ok(name);
    };
    let below = settle(below.to_owned(), |below| Some(template_labels(below)));
    let whole = format!("{below}.{registered}");
    if whole.len() <= MAX_NAME {
        return Ok(whole);
    }
    let mut long = String::new();
    placeholder::put(&mut long, Class::Token, &below);
    Ok(format!("{long}.{registered}"))
}

fn validate(name: &str) -> Result<(), NameError> {
    if name.len() > MAX_NAME {
        return Err(NameError::Length);
    }
    let mut last = "";
    for label in name.split('.') {
        let mut plain = 0;
        let mut rest = label;
        while let Some(first) = rest.bytes().next() {
            if let Some(length) = placeholder::length_at(rest) {
                rest = &rest[length..];
            } else if first.is_ascii_alphanumeric() || matches!(first, b'-' | b'_') {
                plain += 1;
                rest = &rest[1..];
            } else {
                return Err(NameError::Character);
            }
        }
        if label.is_empty() || plain > MAX_LABEL {
            return Err(NameError::Length);
        }
        last = label;
    }
    // As in the URL standard's "ends in a number", hexadecimal numbers included.
    let digits = last.strip_prefix("0x").unwrap_or(last);
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit())
        || (digits.len() < last.len() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if is_number { Err(NameError::Address) } else { Ok(()) }
}

/// The part that somebody registered, or the whole name where it is a public suffix itself.
fn registered(name: &str) -> &str {
    psl::domain_str(name).unwrap_or(name)
}

fn template_labels(below: &str) -> String {
    let mut out = String::with_capacity(below.len());
    let mut after_generated = false;
    for label in below.split('.') {
        let label = template_label(label);
        let generated = placeholder::is_whole(&label);
        if generated && after_generated {
            continue;
        }
        after_generated = generated;
        if !out.is_empty() {
            out.push('.');
        }
        out.push_str(&label);
    }
    out
}

fn template_label(label: &str) -> String {
    // Punycode looks drawn by lot, and is not.
    if label.starts_with("xn--") {
        return label.to_owned();
    }
    let mut out = String::with_capacity(label.len());
    template_parts(&mut out, &redact::redact(label));
    out
}

/// Dashed addresses first, which would fall into numbers, then words, then what looks drawn by lot.
fn template_parts(out: &mut String, label: &str) {
    if let Some((before, address, class, after)) = dashed_address(label) {
        template_parts(out, before);
        placeholder::put(out, class, address);
        return template_parts(out, after);
    }
    let mut worded = String::with_capacity(label.len());
    template_word(&mut worded, label);
    let mut rest = worded.as_str();
    while let Some(first) = rest.chars().next() {
        if let Some(length) = placeholder::length_at(rest) {
            out.push_str(&rest[..length]);
            rest = &rest[length..];
            continue;
        }
        let end = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        if end == 0 {
            out.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let part = &rest[..end];
        if is_generated(part) {
            placeholder::put(out, Class::Token, part);
        } else {
            out.push_str(part);
        }
        rest = &rest[end..];
    }
}

fn is_generated(part: &str) -> bool {
    let least = if part.bytes().any(|byte| byte.is_ascii_digit()) {
        LEAST_RANDOM
    } else {
        LEAST_RANDOM_LETTERS
    };
    shape::is_random(part, least)
}

/// `10-0-0-1`, as hosts and pods are called after their address: what stands before it, itself, its class, and the rest.
fn dashed_address(label: &str) -> Option<(&str, &str, Class, &str)> {
    let is_edge = |at: usize| !label[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
    let starts = (0..label.len()).filter(|at| label.as_bytes()[*at].is_ascii_digit() && is_edge(*at));
    starts.into_iter().find_map(|start| {
        let tail = &label[start..];
        let end = tail.match_indices('-').nth(3).map_or(tail.len(), |(at, _)| at);
        let address = &tail[..end];
        let class = shape::classify(&address.replace('-', "."))?;
        let is_address = matches!(
            class,
            Class::Ip4Loopback | Class::Ip4Private | Class::Ip4Link | Class::Ip4Public
        );
        is_address.then_some((&label[..start], address, class, &tail[end..]))
    })
}
