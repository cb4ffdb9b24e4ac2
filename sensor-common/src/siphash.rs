//! SipHash-1-3 (Aumasson and Bernstein, <https://www.aumasson.jp/siphash/siphash.pdf>) over whole 64-bit words, as the
//! programs compute it: additions, rotations and exclusive ors alone, which any eBPF target has.
#![allow(clippy::inline_always, reason = "the programs' verifier walks calls anew each time")]

/// The state of one hash. Its result is SipHash-1-3 of the words' bytes, least significant first.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SipHash {
    v0: u64,
    v1: u64,
    v2: u64,
    v3: u64,
    words: u64,
}

impl SipHash {
    /// Begins a hash that nobody can foresee who does not know the key.
    #[inline(always)]
    #[must_use]
    pub const fn new(key: [u64; 2]) -> Self {
        let [k0, k1] = key;
        Self {
            v0: k0 ^ 0x736f_6d65_7073_6575,
            v1: k1 ^ 0x646f_7261_6e64_6f6d,
            v2: k0 ^ 0x6c79_6765_6e65_7261,
            v3: k1 ^ 0x7465_6462_7974_6573,
            words: 0,
        }
    }

    /// Adds a word.
    #[inline(always)]
    pub const fn word(&mut self, word: u64) {
        self.compress(word);
        self.counted(1);
    }

    /// Counts words that were added by [`SipHash::compress`].
    #[inline(always)]
    pub const fn counted(&mut self, words: u64) {
        self.words = self.words.wrapping_add(words);
    }

    /// The hash of the words so far; the state may go on.
    #[inline(always)]
    #[must_use]
    pub const fn finish(&self) -> u64 {
        let mut last = *self;
        // The last block carries the number of bytes, modulo 256, in its highest byte.
        last.compress(self.words << (3 + 56));
        last.v2 ^= 0xff;
        last.round();
        last.round();
        last.round();
        last.v0 ^ last.v1 ^ last.v2 ^ last.v3
    }

    /// Adds a word without counting it: where the verifier follows a loop, a number that rises with each step would keep it
    /// from seeing that all steps are alike.
    #[inline(always)]
    pub const fn compress(&mut self, word: u64) {
        self.v3 ^= word;
        self.round();
        self.v0 ^= word;
    }

    #[inline(always)]
    const fn round(&mut self) {
        self.v0 = self.v0.wrapping_add(self.v1);
        self.v1 = self.v1.rotate_left(13) ^ self.v0;
        self.v0 = self.v0.rotate_left(32);
        self.v2 = self.v2.wrapping_add(self.v3);
        self.v3 = self.v3.rotate_left(16) ^ self.v2;
        self.v0 = self.v0.wrapping_add(self.v3);
        self.v3 = self.v3.rotate_left(21) ^ self.v0;
        self.v2 = self.v2.wrapping_add(self.v1);
        self.v1 = self.v1.rotate_left(17) ^ self.v2;
        self.v2 = self.v2.rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::hash::{DefaultHasher, Hasher};
    use std::vec::Vec;

    fn hash(key: [u64; 2], words: &[u64]) -> u64 {
        let mut hash = SipHash::new(key);
        for word in words {
            hash.word(*word);
        }
        hash.finish()
    }

    #[test]
    fn it_is_the_hash_that_the_standard_library_makes_under_a_key_of_zeros() {
        let words: Vec<u64> = (0..40)
            .map(|word: u64| word.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .collect();
        for length in 0..words.len() {
            let mut standard = DefaultHasher::new();
            words[..length]
                .iter()
                .for_each(|word| standard.write(&word.to_le_bytes()));
            assert_eq!(hash([0, 0], &words[..length]), standard.finish(), "{length} words");
        }
    }

    #[test]
    fn each_half_of_the_key_changes_it() {
        let of = |key| hash(key, &[1, 2, 3]);
        assert_ne!(of([0, 0]), of([1, 0]));
        assert_ne!(of([0, 0]), of([0, 1]));
        assert_ne!(of([1, 0]), of([0, 1]));
    }

    #[test]
    fn words_that_are_counted_later_make_the_same_hash() {
        let mut later = SipHash::new([1, 2]);
        later.compress(7);
        later.compress(8);
        later.counted(2);
        assert_eq!(later.finish(), hash([1, 2], &[7, 8]));
    }
}
