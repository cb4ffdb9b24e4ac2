//! XXH3 in 64 bits with a seed. What features are made of is short: texts of up to sixteen bytes are hashed here, each in a
//! few instructions where they are needed, as the specification has it (`doc/xxhash_spec.md` of xxHash 0.8); all others by
//! the library, with the same result.

#![expect(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]

use twox_hash::XxHash3_64;

/// The first words of the algorithm's own secret, as far as short texts need them.
const SECRET: [u64; 7] = [
    0xbe4b_a423_396c_feb8,
    0x1cad_21f7_2c81_017c,
    0xdb97_9083_e96d_d4de,
    0x1f67_b3b7_a4a4_4072,
    0x78e5_c0cc_4ee6_79cb,
    0x2172_ffcc_7dd0_5a82,
    0x8e24_43f7_7446_08b8,
];

/// Up to this length the seed alone makes the hash, and no secret is derived of it (`XXH3_MIDSIZE_MAX` in the
/// specification).
const MIDDLING: usize = 240;

/// The hash of a text.
#[inline]
pub(super) fn of(seed: u64, text: &[u8]) -> u64 {
    match (text.len(), text) {
        (_, [first, second, third]) => of_three(seed, [*first, *second, *third]),
        (4..=8, _) => of_four_to_eight(seed, text),
        (9..=16, _) => of_nine_to_sixteen(seed, text),
        _ => of_any(seed, text),
    }
}

#[inline(never)]
fn of_any(seed: u64, text: &[u8]) -> u64 {
    let hash = if text.len() <= MIDDLING {
        // The same result, without a copy of the secret for each feature.
        XxHash3_64::oneshot_with_seed_and_secret(seed, &[], text).ok()
    } else {
        None
    };
    hash.unwrap_or_else(|| XxHash3_64::oneshot_with_seed(seed, text))
}

#[inline]
pub(super) const fn of_three(seed: u64, [first, second, third]: [u8; 3]) -> u64 {
    let bytes = u32::from_le_bytes([third, 3, first, second]);
    let secret = (SECRET[0] as u32 ^ (SECRET[0] >> 32) as u32) as u64;
    let mut hash = bytes as u64 ^ secret.wrapping_add(seed);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc2b2_ae3d_27d4_eb4f);
    hash = (hash ^ hash >> 29).wrapping_mul(0x1656_67b1_9e37_79f9);
    hash ^ hash >> 32
}

#[inline]
fn of_four_to_eight(seed: u64, text: &[u8]) -> u64 {
    const MIX: u64 = 0x9fb2_1c65_1e98_df25;
    let (first, last) = (four(text, 0), four(text, text.len() - 4));
    let seed = seed ^ u64::from((seed as u32).swap_bytes()) << 32;
    let mut hash = (SECRET[1] ^ SECRET[2]).wrapping_sub(seed) ^ (u64::from(last) | u64::from(first) << 32);
    hash ^= hash.rotate_left(49) ^ hash.rotate_left(24);
    hash = hash.wrapping_mul(MIX);
    hash ^= (hash >> 35).wrapping_add(text.len() as u64);
    hash = hash.wrapping_mul(MIX);
    hash ^ hash >> 28
}

#[inline]
fn of_nine_to_sixteen(seed: u64, text: &[u8]) -> u64 {
    let eight = |at: usize| u64::from(four(text, at)) | u64::from(four(text, at + 4)) << 32;
    let low = (SECRET[3] ^ SECRET[4]).wrapping_add(seed) ^ eight(0);
    let high = (SECRET[5] ^ SECRET[6]).wrapping_sub(seed) ^ eight(text.len() - 8);
    let product = u128::from(low) * u128::from(high);
    let folded = product as u64 ^ (product >> 64) as u64;
    let mut hash = (text.len() as u64)
        .wrapping_add(low.swap_bytes())
        .wrapping_add(high)
        .wrapping_add(folded);
    hash = (hash ^ hash >> 37).wrapping_mul(0x1656_6791_9e37_79f9);
    hash ^ hash >> 32
}

#[inline]
fn four(text: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_length_is_hashed_as_the_library_does(
            seed: u64,
            text in prop_oneof![4 => prop::collection::vec(any::<u8>(), 0..24), 1 => prop::collection::vec(any::<u8>(), 0..600)],
        ) {
            prop_assert_eq!(of(seed, &text), XxHash3_64::oneshot_with_seed(seed, &text));
        }
    }
}
