//! Maps that are asked at each event. Their keys are of containers' making, so that whoever makes them must not be able to
//! tell which fall together: the hash has a random key of this process. It is several times as quick as the standard
//! library's, and weaker: the maps are small, and what falls together all the same costs time of one container's alone.

use foldhash::SharedSeed;
use foldhash::fast::{FoldHasher, SeedableRandomState};
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::LazyLock;

/// A map under such a hash.
pub type KeyedMap<K, V> = HashMap<K, V, Keyed>;

static SEED: LazyLock<SharedSeed> = LazyLock::new(|| SharedSeed::from_u64(random()));

/// The hash of one map.
#[derive(Debug, Clone)]
pub struct Keyed(SeedableRandomState);

impl Default for Keyed {
    fn default() -> Self {
        Self(SeedableRandomState::with_seed(random(), &SEED))
    }
}

impl BuildHasher for Keyed {
    type Hasher = FoldHasher<'static>;

    fn build_hasher(&self) -> Self::Hasher {
        self.0.build_hasher()
    }
}

/// From the kernel, or where it gives none, from where the loader put us.
fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| std::ptr::from_ref(&SEED).addr() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_maps_hash_alike_and_each_is_true_to_itself() {
        let [one, other] = [Keyed::default(), Keyed::default()];
        assert_eq!(one.hash_one("key"), one.clone().hash_one("key"));
        assert_ne!(one.hash_one("key"), other.hash_one("key"));
    }
}
