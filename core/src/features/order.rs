//! Sorting features: they are hashes, so that where one belongs can be told from itself.

use super::{Feature, Kind};

/// Up to so many are sorted by comparing them: the tables below cost more.
const FEW: usize = 24;
/// Bits of a hash that choose its place: as many places as a usual command has trigrams.
const BITS: u32 = 6;
/// Places.
const PLACES: usize = 1 << BITS;

/// Sorts the features of a command. They come by kinds, or nearly so: each kind is sorted by itself, which takes less.
pub(super) fn sort(all: &mut [Feature]) {
    let is_below = |kind| move |feature: &Feature| feature.kind() < kind;
    let words = all.partition_point(is_below(Kind::Trigram));
    let trigrams = words + all[words..].partition_point(is_below(Kind::Capability));
    all[..words].sort_unstable();
    sort_hashes(&mut all[words..trigrams]);
    all[trigrams..].sort_unstable();
    if !all.is_sorted() {
        all.sort_unstable();
    }
}

/// Puts each where its first bits say that it belongs; then hardly one is not in order.
fn sort_hashes(features: &mut [Feature]) {
    // Longer texts are rare, and a place holds too many then.
    if features.len() <= FEW || features.len() > PLACES * 8 {
        return features.sort_unstable();
    }
    let place = |feature: &Feature| (feature.0 >> (Feature::BITS - BITS)) as usize % PLACES;
    let mut begins = [0_u16; PLACES + 1];
    for feature in &*features {
        begins[place(feature) + 1] += 1;
    }
    for at in 1..=PLACES {
        begins[at] += begins[at - 1];
    }
    let unsorted = features.to_vec();
    for feature in unsorted {
        let begin = &mut begins[place(&feature)];
        features[usize::from(*begin)] = feature;
        *begin += 1;
    }
    insert(features);
}

/// Moves each before those that are greater: quick where few are out of order.
fn insert(features: &mut [Feature]) {
    for sorted in 1..features.len() {
        let feature = features[sorted];
        let mut at = sorted;
        while at > 0 && features[at - 1] > feature {
            features[at] = features[at - 1];
            at -= 1;
        }
        features[at] = feature;
    }
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
            let mut features: Vec<Feature> = bits.iter().copied().map(Feature).collect();
            sort(&mut features);
            bits.sort_unstable();
            prop_assert_eq!(features.into_iter().map(Feature::bits).collect::<Vec<_>>(), bits);
        }
    }
}
