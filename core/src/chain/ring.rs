//! The public keys that signed, and how one came after the other.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Break, Check, KeyId, PublicKey, SignatureBytes, Signer};
use crate::time::Timestamp;

/// The public keys of an operator, oldest first. Retired ones stay, for what they signed.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct KeyRing {
    keys: Vec<KnownKey>,
}

/// A public key, and when it signed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KnownKey {
    /// Its name.
    pub id: KeyId,
    /// The key.
    pub public: PublicKey,
    /// When it was made.
    pub from: Timestamp,
    /// When another took its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// The key before it, which vouches for it; none for the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub introduction: Option<Introduction>,
}

/// What the key before says of a key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Introduction {
    /// The key that introduces.
    pub by: KeyId,
    /// Its signature.
    pub signature: SignatureBytes,
}

impl KeyRing {
    /// Adds the key that signs from `now` on, introduced by the one that did so far. Without one, as when that was lost,
    /// nobody vouches for it.
    pub fn add(&mut self, before: Option<&Signer>, signer: &Signer, now: Timestamp) {
        let public = signer.public();
        for key in &mut self.keys {
            key.until = key.until.or(Some(now));
        }
        self.keys.push(KnownKey {
            id: public.id(),
            public,
            from: now,
            until: None,
            introduction: before.map(|before| Introduction {
                by: before.public().id(),
                signature: before.introduce(&public),
            }),
        });
    }

    /// The keys, oldest first.
    pub fn keys(&self) -> &[KnownKey] {
        &self.keys
    }

    /// A key and its place in the ring.
    pub fn get(&self, id: &KeyId) -> Option<(usize, &KnownKey)> {
        self.keys.iter().enumerate().find(|(_, key)| key.id == *id)
    }

    /// Checks that each key is vouched for: by a key before it or, where nobody introduces it, by being the first or one
    /// of `trusted`. Where any are trusted, the first has to be one of them, too.
    pub fn check(&self, trusted: &BTreeSet<KeyId>) -> Result<(), Break> {
        let broken = |what: String| Err(Break::new(Check::Keys, None, what));
        if self.keys.is_empty() {
            return broken("no public key is known".to_owned());
        }
        for (index, key) in self.keys.iter().enumerate() {
            if key.public.id() != key.id {
                return broken(format!(
                    "key {} does not have the public key that its id is made from",
                    key.id
                ));
            }
            if self.keys[..index].iter().any(|before| before.id == key.id) {
                return broken(format!("key {} is listed twice", key.id));
            }
            match &key.introduction {
                None if trusted.contains(&key.id) || (trusted.is_empty() && index == 0) => {}
                None if index == 0 => {
                    return broken(format!("the first key is {}, and not one that is trusted", key.id));
                }
                None => return broken(format!("no key before it vouches for key {}", key.id)),
                Some(introduction) => {
                    let before = self.keys[..index].iter().find(|before| before.id == introduction.by);
                    if !before.is_some_and(|before| before.public.introduced(&key.public, &introduction.signature)) {
                        return broken(format!(
                            "key {} says that {} introduced it, and that is not so",
                            key.id, introduction.by
                        ));
                    }
                }
            }
        }
        Ok(())
    }
}
