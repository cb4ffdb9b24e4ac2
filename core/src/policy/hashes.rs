//! Hashes of files that a policy approves.

use std::{collections::BTreeSet, sync::Arc};

use serde::Serialize;

use crate::text::shown;

/// Most hashes of a policy. A ConfigMap holds a million bytes, some fifteen thousand of them.
pub const MAX_HASHES: usize = 50_000;

/// Why a list of hashes is not taken. Nothing of it is: what half a list lacks would be raised.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HashesError {
    /// A line that begins with something else.
    #[error("line {line}: {text:?} is no SHA-256, expected 64 hexadecimal digits, as `sha256sum` prints them")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// What stands there, shortened.
        text: String,
    },
    /// More hashes than are kept.
    #[error("expected at most {MAX_HASHES} hashes")]
    TooMany,
    /// Nothing in it.
    #[error("no hash in it, expected one a line, as `sha256sum` prints them")]
    Empty,
}

/// Hashes of files: SHA-256 in 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Hashes(Arc<BTreeSet<String>>);

impl Hashes {
    /// Whether a hash, in lower-case digits, is among them.
    pub fn contain(&self, sha256: &str) -> bool {
        self.0.contains(sha256)
    }

    /// How many they are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These and others.
    #[must_use]
    pub fn with(self, others: &Self) -> Self {
        Self(Arc::new(self.0.union(&others.0).cloned().collect()))
    }
}

impl Serialize for Hashes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Reads hashes: the first word of each line, in digits of either case; `#` begins a comment.
pub fn parse(text: &str) -> Result<Hashes, HashesError> {
    let mut hashes = BTreeSet::new();
    for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default();
        let Some(word) = line.split_whitespace().next() else {
            continue;
        };
        if word.len() != 64 || !word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(HashesError::Line {
                line: index + 1,
                text: shown(word),
            });
        }
        if hashes.len() >= MAX_HASHES {
            return Err(HashesError::TooMany);
        }
        hashes.insert(word.to_ascii_lowercase());
    }
    if hashes.is_empty() {
        return Err(HashesError::Empty);
    }
    Ok(Hashes(Arc::new(hashes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_read_as_sha256sum_prints_them() {
        let (a, b) = ("a".repeat(64), "B".repeat(64));
        let read = parse(&format!("# mine\n{a}  /usr/lib/x.so\n\n{b} # another\n")).expect("two hashes");
        assert_eq!(read.len(), 2);
        assert!(read.contain(&a) && read.contain(&b.to_lowercase()) && !read.contain(&"c".repeat(64)));
    }

    #[test]
    fn what_is_no_hash_is_refused_with_its_line() {
        let good = "a".repeat(64);
        let error = parse(&format!("{good}\nsha256:{good}\n")).expect_err("a prefix");
        assert!(error.to_string().starts_with("line 2: "), "{error}");
        assert_eq!(parse("# nothing\n"), Err(HashesError::Empty));
        assert!(parse("\u{1b}[31m").expect_err("no hash").to_string().is_ascii());
    }
}
