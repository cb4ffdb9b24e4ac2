//! Sorting features: they are hashes, so that where one belongs can be told from itself.

use super::{Feature, Kind};

/// Where the places of each kind begin, and how many bits of a hash do not choose one: half of all features are trigrams,
/// and twice as many places as a usual command has of them leave hardly two in one. What is of no kind comes last.
const KINDS: [(u8, u8); 8] = [
    (0, 29),
    (1, 25),
    (17, 25),
    (33, 22),
    (161, 26),
    (169, 29),
    (170, 29),
    (171, 29),
];
/// Places: a multiple of eight.
const PLACES: usize = 176;

/// Most that are put into places.
const MOST: usize = u8::MAX as usize;

const _: () = assert!(
    PLACES <= 1 << u8::BITS && Feature::BITS == 29 && Kind::Trigram as usize == 3 && Kind::Capability as usize == 4
);

/// The place of a feature: none that belongs before another has a later one.
#[expect(
    clippy::cast_possible_truncation,
    reason = "there are fewer places than a byte tells apart"
)]
const fn place(feature: Feature) -> u8 {
    let (from, shift) = KINDS[(feature.0 >> Feature::BITS) as usize];
    from + ((feature.0 & ((1 << Feature::BITS) - 1)) >> shift) as u8
}

/// Features in order, each once: every one is put where it says that it belongs; then hardly one is out of order.
pub(super) fn sorted(features: &[Feature]) -> Box<[Feature]> {
    // What counts them is a byte, and of more too many fall into one place.
    if features.len() > MOST {
        let mut sorted = features.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        return sorted.into_boxed_slice();
    }
    let mut sorted = [Feature(0); MOST];
    let (mut counts, mut places) = ([0_u8; PLACES], [0_u8; MOST]);
    for (feature, own) in features.iter().zip(&mut places) {
        *own = place(*feature);
        counts[usize::from(*own)] += 1;
    }
    let mut begins = summed(&counts);
    for (feature, own) in features.iter().zip(places) {
        let begin = &mut begins[usize::from(own)];
        sorted[usize::from(*begin)] = *feature;
        *begin += 1;
    }
    let kept = insert(&mut sorted[..features.len()]);
    sorted[..kept].into()
}

/// For each place, how many are in all before it: at most 255. Eight at a time, since a multiplication by as many ones adds
/// to each byte those before it.
fn summed(counts: &[u8; PLACES]) -> [u8; PLACES] {
    let mut sums = [0; PLACES];
    let mut before = 0_u64;
    for (eight, sums) in counts.chunks_exact(8).zip(sums.chunks_exact_mut(8)) {
        let counts = u64::from_le_bytes([
            eight[0], eight[1], eight[2], eight[3], eight[4], eight[5], eight[6], eight[7],
        ]);
        let with_own = counts.wrapping_mul(0x0101_0101_0101_0101);
        let of_others = (with_own << 8).wrapping_add(before.wrapping_mul(0x0101_0101_0101_0101));
        sums.copy_from_slice(&of_others.to_le_bytes());
        before += with_own >> 56;
    }
    sums
}

/// Moves each before those that are greater, and drops it where it is there already: quick where few are out of order.
/// Returns how many are left, at the beginning.
fn insert(features: &mut [Feature]) -> usize {
    let mut kept = 0;
    for index in 0..features.len() {
        let feature = features[index];
        // Most belong at the end.
        if kept == 0 || features[kept - 1] < feature {
            features[kept] = feature;
            kept += 1;
            continue;
        }
        let mut at = kept;
        while at > 0 && features[at - 1] > feature {
            at -= 1;
        }
        if at > 0 && features[at - 1] == feature {
            continue;
        }
        features.copy_within(at..kept, at + 1);
        features[at] = feature;
        kept += 1;
    }
    kept
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn features_are_sorted_in_whatever_order_and_number_they_come(
            mut bits in prop::collection::vec(prop_oneof![any::<u32>(), 0x6000_0000..0x8000_0000_u32, 7..9_u32], 0..600),
            by_kinds: bool,
        ) {
            if by_kinds {
                bits.sort_by_key(|bits| bits >> Feature::BITS);
            }
            let features: Vec<Feature> = bits.iter().copied().map(Feature).collect();
            bits.sort_unstable();
            bits.dedup();
            prop_assert_eq!(sorted(&features).iter().map(|feature| feature.bits()).collect::<Vec<_>>(), bits);
        }
    }
}
