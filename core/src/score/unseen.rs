//! What of a command was never learned: the mass that no padding takes away, because what is added to a command takes
//! nothing out of it.

use super::neighbour::Index;
use crate::features::{Feature, Features};

/// Inverse document frequency: how much it tells that a command has a feature which `frequency` of `learned` commands
/// have (natural logarithm, both smoothed by one).
pub(super) fn idf(learned: usize, frequency: usize) -> f64 {
    #[allow(clippy::cast_precision_loss)] // numbers of commands are far below 2^52
    let ratio = (learned + 1) as f64 / (frequency + 1) as f64;
    libm::log(ratio)
}

/// The sum over the compared features that were never learned, and over the capabilities, each weighed by how rarely it
/// was learned. `left_out` says whether the command itself is among the learned and is to be taken out.
pub(super) fn masses(index: &Index, features: &Features, left_out: bool) -> (f64, f64) {
    let learned = index.len() - usize::from(left_out);
    let frequency = |feature: &Feature| index.frequency(*feature).saturating_sub(usize::from(left_out));
    let unseen = features
        .compared()
        .iter()
        .filter(|feature| frequency(feature) == 0)
        .count();
    #[allow(clippy::cast_precision_loss)]
    let mass = unseen as f64 * idf(learned, 0);
    let capability = features
        .capabilities()
        .iter()
        .map(|feature| idf(learned, frequency(feature)))
        .sum();
    (mass, capability)
}
