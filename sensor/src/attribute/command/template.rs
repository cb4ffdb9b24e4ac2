//! A command line's template, and what it is known by where its text is not kept.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// The template of a command line, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    pub line: Arc<str>,
    pub key: CommandKey,
}

impl From<Arc<str>> for Template {
    fn from(line: Arc<str>) -> Self {
        let key = CommandKey::of(&line);
        Self { line, key }
    }
}

/// What a template is known by: the first half of its SHA-256. Whoever chooses what he executes must not find a line that
/// is taken for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CommandKey([u8; Self::BYTES]);

impl CommandKey {
    pub const BYTES: usize = 16;

    pub fn of(line: &str) -> Self {
        let mut key = [0; Self::BYTES];
        key.copy_from_slice(&Sha256::digest(line.as_bytes())[..Self::BYTES]);
        Self(key)
    }

    pub const fn from_bytes(key: [u8; Self::BYTES]) -> Self {
        Self(key)
    }

    pub const fn bytes(self) -> [u8; Self::BYTES] {
        self.0
    }
}

impl From<CommandKey> for String {
    fn from(key: CommandKey) -> Self {
        hex::encode(key.0)
    }
}

impl TryFrom<String> for CommandKey {
    type Error = hex::FromHexError;

    fn try_from(digits: String) -> Result<Self, Self::Error> {
        let mut key = [0; 16];
        hex::decode_to_slice(digits, &mut key)?;
        Ok(Self(key))
    }
}
