//! Keys and signatures: Ed25519, as RFC 8032 has it. Signing needs no random numbers, so that it is as pure as checking.

use std::fmt;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::RecordHash;

/// What a signature over a record begins with, so that it is none over anything else.
const RECORD: &[u8] = b"anchorwatch.dev/rollout-record\0";
/// What a signature that introduces a key begins with.
const INTRODUCTION: &[u8] = b"anchorwatch.dev/introduced-key\0";

/// Why a text is no key or signature.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{text:?} is no {what}")]
pub struct KeyError {
    text: String,
    what: &'static str,
}

/// Defines bytes that are written as hexadecimal digits in lower case.
macro_rules! hex_bytes {
    ($(#[$doc:meta])* $name:ident, $length:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; $length]);

        impl TryFrom<String> for $name {
            type Error = KeyError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let mut bytes = [0; $length];
                match hex::decode_to_slice(&text, &mut bytes) {
                    Ok(()) if hex::encode(bytes) == text => Ok(Self(bytes)),
                    Ok(()) | Err(_) => Err(KeyError { text, what: $what }),
                }
            }
        }

        impl std::str::FromStr for $name {
            type Err = KeyError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(bytes: $name) -> Self {
                bytes.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

hex_bytes! {
    /// Name of a key: the first 128 bits of the SHA-256 of the public key, so that it can't be chosen.
    KeyId, 16, "id of a key: expected 32 hexadecimal digits in lower case"
}
hex_bytes! {
    /// A public key.
    PublicKey, 32, "public key: expected 64 hexadecimal digits in lower case"
}
hex_bytes! {
    /// A signature.
    SignatureBytes, 64, "signature: expected 128 hexadecimal digits in lower case"
}

impl PublicKey {
    /// Its name.
    pub fn id(&self) -> KeyId {
        let hash = Sha256::digest(self.0);
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        KeyId(id)
    }

    /// Whether this key signed a record.
    pub fn signed(&self, hash: &RecordHash, signature: &SignatureBytes) -> bool {
        self.verifies(&message(RECORD, hash.as_bytes()), signature)
    }

    /// Whether this key introduced another.
    pub fn introduced(&self, other: &Self, signature: &SignatureBytes) -> bool {
        self.verifies(&message(INTRODUCTION, &other.0), signature)
    }

    /// Strictly: neither a weak key nor a signature that was made another one of the same worth is taken.
    fn verifies(&self, message: &[u8], signature: &SignatureBytes) -> bool {
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(&signature.0)).is_ok())
    }
}

/// A key that signs. What it is made from stays inside.
#[derive(Clone)]
pub struct Signer(SigningKey);

impl Signer {
    /// The key of a seed: 32 bytes that nobody can guess, and that nobody else has.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The key that others check by.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key().to_bytes())
    }

    /// Signs a record.
    pub fn sign(&self, hash: &RecordHash) -> SignatureBytes {
        SignatureBytes(self.0.sign(&message(RECORD, hash.as_bytes())).to_bytes())
    }

    /// Introduces the key that takes its place.
    pub fn introduce(&self, other: &PublicKey) -> SignatureBytes {
        SignatureBytes(self.0.sign(&message(INTRODUCTION, &other.0)).to_bytes())
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.public().id())
    }
}

fn message(purpose: &[u8], content: &[u8; 32]) -> Vec<u8> {
    [purpose, content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_over_a_record_is_none_that_introduces_a_key() {
        let signer = Signer::from_seed(&[7; 32]);
        let other = Signer::from_seed(&[8; 32]).public();
        let hash = RecordHash::new(other.0);
        let signature = signer.sign(&hash);
        assert!(signer.public().signed(&hash, &signature));
        assert!(!signer.public().introduced(&other, &signature));
        assert!(!other.signed(&hash, &signature));
        assert!(signer.public().introduced(&other, &signer.introduce(&other)));
    }

    #[test]
    fn a_signer_never_shows_what_it_is_made_from() {
        let shown = format!("{:?}", Signer::from_seed(&[7; 32]));
        assert!(!shown.contains("0707") && !shown.contains("7, 7"), "{shown}");
    }

    #[test]
    fn what_is_no_key_is_refused_with_what_was_expected() {
        let error = "AB".repeat(32).parse::<PublicKey>().unwrap_err();
        assert!(
            error.to_string().contains("64 hexadecimal digits in lower case"),
            "{error}"
        );
        assert!("ab".repeat(16).parse::<KeyId>().is_ok());
        assert!("ab".repeat(15).parse::<KeyId>().is_err());
    }

    #[test]
    fn a_weak_key_signs_nothing() {
        // The neutral element: under it a signature of zeros would be one over everything.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut forged = [0; 64];
        forged[0] = 1;
        assert!(!PublicKey(neutral).signed(&RecordHash::new([3; 32]), &SignatureBytes(forged)));
    }
}
