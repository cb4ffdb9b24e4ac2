//! The protocol of calibration that is in use, and the other one beside it.

use anchorwatch_core::score::{Index, Pool, Scorer, Scratch};

use crate::{
    features,
    table::{Judged, Table},
};

/// The same learned commands, calibrated either way.
pub struct Protocols {
    /// Each by all others.
    pub leaving_one_out: Scorer,
    /// Each by those before it.
    in_order: Scorer,
}

impl Protocols {
    pub fn learn(lines: &[&String]) -> Self {
        let learned: Vec<_> = lines.iter().map(|line| features(line)).collect();
        let mut index = Index::default();
        for features in &learned {
            index.insert(features);
        }
        Self {
            leaving_one_out: Scorer::calibrate(index),
            in_order: Scorer::calibrate_in_order(&learned),
        }
    }

    /// What of a set each of the two raises.
    pub fn compare(&self, name: &str, lines: &[&String], table: &mut Table) {
        for (how, scorer) in [
            ("leaving one out", &self.leaving_one_out),
            ("by those before", &self.in_order),
        ] {
            let (mut scratch, pool) = (Scratch::default(), Pool::reference());
            let judged = lines
                .iter()
                .map(|line| Judged::of(scorer, line, &pool, &mut scratch))
                .collect::<Vec<_>>();
            table.protocol(name, how, &judged, scorer.calibration().len());
        }
    }
}
