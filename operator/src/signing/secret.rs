//! The Secret: what it holds, and what becomes of it. Pure.

use anchorwatch_core::chain::{KeyRing, Signer};
use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::api::ObjectMeta;

use super::Wanted;
use crate::convert::from_clock;

/// The seed, 32 bytes.
const SEED: &str = "seed";
/// The public keys, as JSON.
const RING: &str = "keys.json";
/// Number of the key.
const GENERATION: &str = "generation";

/// Why a Secret can't be used. It is left alone: nothing of it may be lost.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "data.{field} of the Secret is {found}: expected {expected}; delete the Secret to have a new key made, which then has to be trusted"
)]
pub struct Unusable {
    field: &'static str,
    found: &'static str,
    expected: &'static str,
}

/// The key that signs, and all that ever did.
#[derive(Clone, Debug)]
pub struct Held {
    /// The key that signs.
    pub signer: Signer,
    /// The public keys.
    pub ring: KeyRing,
}

/// What becomes of the Secret.
#[derive(Debug)]
pub enum Step {
    /// Nothing.
    Keep(Held),
    /// It is made. Should another operator make it first, this fails, and is tried again with that one's.
    Create(Secret, Held),
    /// It is replaced, with the resourceVersion that this was decided on.
    Replace(Secret, Held),
}

/// Plans. `seed` is what a new key is made from, should one be needed; `published` are the public keys of the ConfigMap,
/// which outlive a Secret that was lost: what they signed can be checked still, and nobody vouches for the next one.
pub fn plan(
    wanted: &Wanted,
    stored: Option<&Secret>,
    published: Option<&KeyRing>,
    seed: &[u8; 32],
    now: Timestamp,
) -> Result<Step, Unusable> {
    let new = Signer::from_seed(seed);
    let now = from_clock(now).whole_second();
    let Some(stored) = stored else {
        let mut ring = published.cloned().unwrap_or_default();
        ring.add(None, &new, now);
        let object = object(wanted, wanted.generation, seed, &ring, None);
        return Ok(Step::Create(object, Held { signer: new, ring }));
    };
    let (held, generation) = read(stored)?;
    if generation >= wanted.generation {
        return Ok(Step::Keep(held));
    }
    let mut ring = held.ring;
    ring.add(Some(&held.signer), &new, now);
    let object = object(wanted, wanted.generation, seed, &ring, Some(stored.metadata.clone()));
    Ok(Step::Replace(object, Held { signer: new, ring }))
}

fn read(stored: &Secret) -> Result<(Held, u32), Unusable> {
    let field = |field: &'static str, expected: &'static str| {
        let missing = Unusable {
            field,
            found: "not there",
            expected,
        };
        let data = stored.data.as_ref().and_then(|data| data.get(field));
        data.map(|bytes| bytes.0.as_slice()).ok_or(missing)
    };
    let malformed = |field: &'static str, expected: &'static str| Unusable {
        field,
        found: "something else",
        expected,
    };
    let expected = "32 bytes";
    let seed: &[u8; 32] = field(SEED, expected)?
        .try_into()
        .map_err(|_| malformed(SEED, expected))?;
    let signer = Signer::from_seed(seed);
    let expected = "a list of public keys that ends with the seed's";
    let ring: KeyRing = serde_json::from_slice(field(RING, expected)?).map_err(|_| malformed(RING, expected))?;
    if ring.keys().last().map(|key| key.public) != Some(signer.public()) {
        return Err(malformed(RING, expected));
    }
    let expected = "a whole number";
    let generation = std::str::from_utf8(field(GENERATION, expected)?).ok();
    let generation = generation.and_then(|text| text.parse().ok());
    let generation = generation.ok_or_else(|| malformed(GENERATION, expected))?;
    Ok((Held { signer, ring }, generation))
}

fn object(wanted: &Wanted, generation: u32, seed: &[u8; 32], ring: &KeyRing, metadata: Option<ObjectMeta>) -> Secret {
    let ring = serde_json::to_vec(ring).expect("a ring is plain data");
    let data = [
        (SEED, seed.to_vec()),
        (RING, ring),
        (GENERATION, generation.to_string().into_bytes()),
    ];
    Secret {
        metadata: metadata.unwrap_or_else(|| ObjectMeta {
            namespace: Some(wanted.namespace.clone()),
            name: Some(wanted.secret.clone()),
            ..ObjectMeta::default()
        }),
        type_: Some("anchorwatch.dev/signing-key".into()),
        data: Some(data.map(|(name, bytes)| (name.to_owned(), ByteString(bytes))).into()),
        ..Secret::default()
    }
}
