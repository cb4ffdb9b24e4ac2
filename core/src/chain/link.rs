//! A record's place in its chain.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{KeyId, SignatureBytes};

/// The canonical form that this version writes, and the only one that it reads.
pub const FORM: u32 = 1;

/// SHA-256 of a record in its canonical form, written as 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct RecordHash([u8; 32]);

/// Why a text is no hash of a record.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} is no hash of a record: expected 64 hexadecimal digits in lower case")]
pub struct HashError {
    text: String,
}

impl RecordHash {
    /// From its bytes.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 48 bits as a number: a float, as metrics are, holds it exactly.
    pub fn number(&self) -> i64 {
        self.0[..6]
            .iter()
            .fold(0, |number, byte| number << 8 | i64::from(*byte))
    }

    /// The first twelve digits, for sentences.
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }
}

impl fmt::Display for RecordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for RecordHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut bytes = [0; 32];
        match hex::decode_to_slice(text, &mut bytes) {
            // One hash, one text: digits in upper case would be another.
            Ok(()) if hex::encode(bytes) == text => Ok(Self(bytes)),
            Ok(()) | Err(_) => Err(HashError { text: text.to_owned() }),
        }
    }
}

impl TryFrom<String> for RecordHash {
    type Error = HashError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RecordHash> for String {
    fn from(hash: RecordHash) -> Self {
        hash.to_string()
    }
}

/// A record's place in its chain, its hash and its signature: `spec.chain` of the object.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    /// The canonical form that the hash is of.
    pub form: u32,
    /// Number in the chain: 1 for a workload's first record, and one more with each.
    pub sequence: u64,
    /// Hash of the record before it; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<RecordHash>,
    /// The key that signs it.
    pub key: KeyId,
    /// Hash of this record, with everything of this link but itself and the signature.
    pub hash: RecordHash,
    /// Ed25519 signature over the hash.
    pub signature: SignatureBytes,
}

/// The newest record of a chain.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Head {
    /// Name of the record.
    pub record: String,
    /// Its number.
    pub sequence: u64,
    /// Its hash.
    pub hash: RecordHash,
}

/// What a checkpoint says of the records that were pruned: `spec.checkpoint` of its record.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Checkpoint {
    /// Every record up to this number was pruned after its retention.
    pub through: u64,
    /// Hash of the last of them.
    pub hash: RecordHash,
}
