//! Paths, with what changes from run to run taken out.

use super::words::{is_plain_by, template_word};
use crate::{
    placeholder::{self, Class},
    settle::settle,
    shape,
    signs::Signs,
};

/// Folders whose files are named by chance.
const TEMPORARY: [&str; 5] = ["/tmp", "/var/tmp", "/dev/shm", "/run", "/var/run"];

/// The template of a path: process ids below `/proc`, hexadecimal and decimal numbers, UUIDs, dates, temporary names,
/// and versions in names of folders become placeholders; the rest stays as it is. The file's own name keeps its version
/// (`python3.11` is not `python3.12`), because it is the identity of an executable.
pub fn template_path(path: &str) -> String {
    settle(path.to_owned(), template_once)
}

/// A round over a path: its template, where it may have another one than itself.
pub(super) fn template_once(path: &str) -> Option<String> {
    template_signed(path, Signs::of(path))
}

/// The same, of a path whose signs are known.
pub(super) fn template_signed(path: &str, signs: Signs) -> Option<String> {
    if is_plain_by(path, signs) && !may_be_temporary(path) {
        return None;
    }
    let mut out = String::with_capacity(path.len());
    let last = path.rfind('/').map_or(0, |at| at + 1);
    let mut at: usize = 0;
    for component in path.split('/') {
        if at > 0 {
            out.push('/');
        }
        let folder = &path[..at.saturating_sub(1)];
        template_component(&mut out, folder, component, at == last);
        at += component.len() + 1;
    }
    Some(out)
}

/// Whether any folder or name may be a temporary one.
fn may_be_temporary(path: &str) -> bool {
    let mut threes = path.as_bytes().windows(3);
    threes.any(|three| matches!(three, b"tmp" | b"tem" | b"/de" | b"/ru"))
        && ["tmp", "temp", "/dev/shm", "/run"]
            .iter()
            .any(|name| path.contains(name))
}

fn template_component(out: &mut String, folder: &str, component: &str, is_last: bool) {
    let digits = !component.is_empty() && component.bytes().all(|byte| byte.is_ascii_digit());
    if digits && (folder == "/proc" || folder.ends_with("/task")) {
        placeholder::put(out, Class::Pid, component);
    } else if let Some((stem, random)) = temporary(folder, component) {
        out.push_str(stem);
        placeholder::put(out, Class::Temporary, random);
    } else if is_last {
        keep_version(out, component);
    } else {
        template_word(out, component);
    }
}

/// A name that `mktemp` and its like gave: what of it is fixed, and what was drawn.
fn temporary<'a>(folder: &str, component: &'a str) -> Option<(&'a str, &'a str)> {
    for prefix in ["tmp.", "temp.", "tmp-", "tmp_"] {
        if let Some(random) = component.strip_prefix(prefix)
            && random.len() >= 6
            && random.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            return Some((&component[..prefix.len()], random));
        }
    }
    if !TEMPORARY.contains(&folder) {
        return None;
    }
    let stem = if component.starts_with("tmp") { 3 } else { 0 };
    let (stem, random) = component.split_at(stem);
    let drawn = random.len() >= 6
        && random.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && (!stem.is_empty() || shape::is_random(random, 6));
    drawn.then_some((stem, random))
}

fn keep_version(out: &mut String, name: &str) {
    if shape::is_version(name) || versioned(name) {
        out.push_str(name);
    } else {
        template_word(out, name);
    }
}

/// A name such as `python3.11` or `libc.so.6`: letters, then numbers of at most three digits with dots between.
fn versioned(name: &str) -> bool {
    let tail = name.trim_start_matches(|c: char| !c.is_ascii_digit());
    !tail.is_empty()
        && tail
            .split('.')
            .all(|part| (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit()))
}
