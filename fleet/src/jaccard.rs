//! How alike two sets of features are.

use anchorwatch_core::features::{Feature, Features, Kind};
use hnsw_rs::prelude::Distance;

/// The Jaccard distance of sets, each in ascending order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Jaccard;

impl Distance<u32> for Jaccard {
    #[allow(clippy::cast_precision_loss)] // counts of features are far below 2^24
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        let (common, union) = common_and_union(a, b);
        1.0 - common as f32 / union.max(1) as f32
    }
}

/// How many both sets have, and how many either has.
pub(crate) fn common_and_union(a: &[u32], b: &[u32]) -> (u32, u32) {
    let (mut i, mut j, mut common) = (0, 0, 0_u32);
    while let (Some(one), Some(other)) = (a.get(i), b.get(j)) {
        common += u32::from(one == other);
        let (step_a, step_b) = (usize::from(one <= other), usize::from(other <= one));
        i += step_a;
        j += step_b;
    }
    let union = u32::try_from(a.len() + b.len()).unwrap_or(u32::MAX) - common;
    (common, union)
}

/// What a search compares: the command line alone. Whoever asks seldom knows which program started which.
pub(crate) fn compared(features: &Features) -> Vec<u32> {
    let of_line = features
        .compared()
        .iter()
        .filter(|feature| feature.kind() != Kind::Context);
    of_line.map(|feature: &Feature| feature.bits()).collect()
}
