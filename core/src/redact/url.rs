//! Credentials in URLs, and in addresses without a scheme.

use super::named::is_harmless;
use crate::placeholder::{Class, put};

/// Longest user and password that are looked for, in bytes: an authority's part of a URL is short.
const LONGEST_AUTHORITY: usize = 4_096;

/// A word without the credentials of its URLs: `scheme://user:x@host`.
pub(super) fn redact_urls(text: &str) -> Option<String> {
    let mut rest = text;
    let mut out = String::new();
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        out.push_str(before);
        rest = after;
        if let Some(host) = host(after) {
            let user = &after[..host];
            if is_harmless(user) {
                out.push_str(user);
            } else {
                put(&mut out, Class::Secret, user);
            }
            rest = &after[host..];
        }
    }
    if out.is_empty() {
        return None;
    }
    out.push_str(rest);
    (out != text).then_some(out)
}

/// Where the host begins, its `@` included, behind credentials.
fn host(after: &str) -> Option<usize> {
    // No further than the next URL, or than any authority reaches.
    let mut limit = after.find("://").unwrap_or(after.len()).min(LONGEST_AUTHORITY);
    while !after.is_char_boundary(limit) {
        limit -= 1;
    }
    let after = &after[..limit];
    let end = after
        .find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '|' | ';' | '>'))
        .unwrap_or(after.len());
    // A password may hold a slash that should have been escaped: the last `@` before the query decides, unless the path
    // had begun with a host that has no user before it.
    let authority = after[..end].find(['?', '#']).unwrap_or(end);
    let authority = if after[..authority].contains('@') {
        authority
    } else {
        end
    };
    after[..authority].rfind('@').filter(|at| is_credentials(&after[..*at]))
}

/// Whether what stands before an `@` can be user and password: no path has begun, or it began behind a colon that no
/// port follows; a sharp in a host's place belongs to a password.
fn is_credentials(text: &str) -> bool {
    let Some(path) = text.find(['/', '?', '#']) else {
        return true;
    };
    let head = &text[..path];
    let port = head.rsplit(':').next().unwrap_or_default();
    let is_user = head.contains(':') || text[path..].starts_with('#');
    is_user && !head.contains('.') && !(head.contains(':') && port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// What stands before a colon and is no user.
const NO_USERS: [&str; 10] = [
    "acct",
    "docker",
    "file",
    "image",
    "mailto",
    "npm",
    "sip",
    "sips",
    "workspace",
    "xmpp",
];

/// A word without the password of an address that has no scheme: `user:x@host`, `user:x@tcp(host:3306)/db`.
pub(super) fn redact_userinfo(text: &str) -> Option<String> {
    let at = text.rfind('@')?;
    if text.contains("://") || text[at..].starts_with("@sha") {
        return None;
    }
    // White space takes more than one byte where it is not ASCII's.
    let from = text[..at]
        .char_indices()
        .rfind(|(_, c)| c.is_whitespace() || matches!(c, '"' | '\'' | '=' | ','))
        .map_or(0, |(before, c)| before + c.len_utf8());
    let (user, password) = text[from..at].split_once(':')?;
    let is_user =
        !user.is_empty() && !user.contains('@') && user.bytes().all(is_user_byte) && !NO_USERS.contains(&user);
    let is_host = text[at + 1..].starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '[' | '('));
    if !is_user || !is_host || password.contains(['/', '\\']) || is_harmless(password) {
        return None;
    }
    let mut out = text[..at - password.len()].to_owned();
    put(&mut out, Class::Secret, password);
    out.push_str(&text[at..]);
    Some(out)
}

const fn is_user_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'%' | b'/' | b'\\' | b'$')
}
