//! Counters of one bit a plane: what of many sets of bits is set, is counted for 256 commands at a time.

/// Bits of 256 commands.
pub(super) type Block = [u64; 4];

/// Commands of a block.
pub(super) const BLOCK: usize = 256;
/// Words of a block.
const WORDS: usize = 4;
/// Most planes: a command has fewer than 2^16 features.
const MAX_PLANES: usize = 16;

/// How many of some sets each command of a block is in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planes {
    planes: [Block; MAX_PLANES],
    used: usize,
}

impl Planes {
    /// Counts the sets, of all commands, within the block of this number.
    pub(super) fn count(sets: &[&[u64]], block: usize) -> Self {
        let mut counted = Self {
            planes: [[0; WORDS]; MAX_PLANES],
            // As many planes as the largest count has bits.
            used: (usize::BITS - sets.len().leading_zeros()) as usize,
        };
        for set in sets {
            counted.add(bits(set, block));
        }
        counted
    }

    fn add(&mut self, mut carry: Block) {
        for plane in &mut self.planes[..self.used] {
            for (held, carry) in plane.iter_mut().zip(&mut carry) {
                let both = *held & *carry;
                *held ^= *carry;
                *carry = both;
            }
        }
    }

    /// The commands that are counted at least so often.
    pub(super) fn at_least(&self, least: u32) -> Block {
        if u64::from(least) >= 1 << self.used {
            return [0; WORDS];
        }
        let mut more = [0; WORDS];
        let mut equal = [u64::MAX; WORDS];
        for (bit, plane) in self.planes[..self.used].iter().enumerate().rev() {
            let wanted = if least >> bit & 1 == 1 { u64::MAX } else { 0 };
            for at in 0..WORDS {
                more[at] |= equal[at] & plane[at] & !wanted;
                equal[at] &= !(plane[at] ^ wanted);
            }
        }
        for (more, equal) in more.iter_mut().zip(equal) {
            *more |= equal;
        }
        more
    }

    /// How often one command of the block is counted.
    pub(super) fn of(&self, at: usize) -> u32 {
        let (word, bit) = (at / 64, at % 64);
        let planes = self.planes[..self.used].iter().enumerate();
        planes.fold(0, |sum, (plane, bits)| sum | ((bits[word] >> bit & 1) as u32) << plane)
    }
}

/// A block of a set; beyond the set's end there is none.
fn bits(set: &[u64], block: usize) -> Block {
    let from = block * WORDS;
    let mut bits = [0; WORDS];
    if let Some(words) = set.get(from..from + WORDS) {
        bits.copy_from_slice(words);
    } else if let Some(words) = set.get(from..) {
        bits[..words.len()].copy_from_slice(words);
    }
    bits
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn planes_count_as_one_counts(
            sets in prop::collection::vec(prop::collection::vec(any::<u64>(), 0..9), 0..20),
            least in 0_u32..24,
        ) {
            let refs: Vec<&[u64]> = sets.iter().map(Vec::as_slice).collect();
            for block in 0..3 {
                let planes = Planes::count(&refs, block);
                let mask = planes.at_least(least);
                for at in 0..BLOCK {
                    let number = block * BLOCK + at;
                    let is_in = |set: &&Vec<u64>| set.get(number / 64).is_some_and(|word| word >> (number % 64) & 1 == 1);
                    let count = u32::try_from(sets.iter().filter(is_in).count()).unwrap();
                    prop_assert_eq!(planes.of(at), count);
                    prop_assert_eq!(mask[at / 64] >> (at % 64) & 1 == 1, count >= least);
                }
            }
        }
    }
}
