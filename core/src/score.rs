//! How unusual a command of a known process is: its distance from the nearest learned command, the mass of what was
//! never learned, and what it could do that the workload seldom or never does, summed up as one score after Fisher, and
//! ranked among the scores of what is normal.
//!
//! Each of the three answers an evasion of the others: distance alone is evaded by padding with learned words, which
//! leaves the unseen mass as it is; both by a short command made of learned words, which still shows its capabilities.

mod class;
mod commands;
mod company;
mod conformal;
mod explain;
mod neighbour;
mod pool;
mod pools;
mod reference;
pub mod spike;
mod strangeness;
#[cfg(test)]
mod tests;
mod together;
mod tolerance;
mod unseen;

use crate::features::Features;

pub use class::Class;
pub use commands::{Commands, Judged, LearnedCommands, NearCommand};
pub use company::Occasion;
pub use conformal::{Calibration, least_p, least_with, p_value};
pub use explain::{Explanation, explain};
pub use neighbour::{Index, Neighbour, Scratch};
pub use pool::Pool;
pub use pools::{Kin, MAX_MEMBERS, MAX_SHARE, Pools};
pub use reference::reference;
pub use strangeness::{Near, Strangeness};
pub use together::MAX_TOGETHER;
pub use tolerance::{MAX_ALPHA, Tolerance};

/// How many neighbours an explanation names.
pub const NEIGHBOURS: usize = 3;
/// Most commands that calibrate: the rank among four thousand tells one in a thousand apart.
const MAX_CALIBRATING: usize = 4_096;
/// Fewest own scores that a workload's parts are weighed by; until then by the reference.
const OWN_SCALE: usize = 20;
/// The unseen mass weighs half: long commands have more of everything, also where they are normal.
const UNSEEN_WEIGHT: f64 = 0.5;

/// The three parts of a score, each the larger the stranger.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Parts {
    /// Jaccard distance from the nearest learned command: 0 to 1.
    pub distance: f64,
    /// IDF mass of the features that were never learned.
    pub unseen: f64,
    /// IDF mass of what the command could do.
    pub capability: f64,
}

/// What was learned, ready to judge by.
#[derive(Clone, Debug)]
pub struct Scorer {
    index: Index,
    scale: Scale,
    own: Calibration,
    /// What they are made of, by the number of their command.
    parts: Vec<(u32, Parts)>,
}

/// The parts of normal commands, which make parts of different units comparable.
#[derive(Clone, Debug, Default, PartialEq)]
struct Scale {
    distance: Calibration,
    unseen: Calibration,
    capability: Calibration,
}

/// A command, judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Score {
    /// The parts that it adds up from.
    pub parts: Parts,
    /// The sum: 0 or more, the larger the stranger.
    pub novelty: f64,
    /// How often something normal is as strange.
    pub p: f64,
    /// The nearest learned commands.
    pub nearest: Vec<Neighbour>,
}

impl Scale {
    fn new(parts: &[(u32, Parts)]) -> Self {
        let column = |of: fn(&Parts) -> f64| Calibration::new(parts.iter().map(|(_, parts)| of(parts)).collect());
        Self {
            distance: column(|parts| parts.distance),
            unseen: column(|parts| parts.unseen),
            capability: column(|parts| parts.capability),
        }
    }

    fn novelty(&self, parts: &Parts) -> f64 {
        self.distance.surprise(parts.distance)
            + UNSEEN_WEIGHT * self.unseen.surprise(parts.unseen)
            + self.capability.surprise(parts.capability)
    }
}

impl Scorer {
    /// Calibrates on what was learned: each command (or, of very many, each so-and-so-manieth) is judged by all others.
    pub fn calibrate(index: Index) -> Self {
        let young = index.len() < OWN_SCALE;
        Self::scaled(index, young.then(|| &reference().scale))
    }

    /// Calibrates by the other protocol, which is measured beside the one in use (ADR 7): each command is judged by those
    /// that were learned before it alone.
    pub fn calibrate_in_order<'a>(learned: impl IntoIterator<Item = &'a Features>) -> Self {
        let (mut index, mut parts, mut scratch) = (Index::default(), Vec::new(), Scratch::default());
        for features in learned {
            let (own, _) = parts_of(&index, features, None, 1, &mut scratch);
            parts.push((index.insert(features), own));
        }
        index.settle();
        let young = index.len() < OWN_SCALE;
        Self::of(index, parts, young.then(|| &reference().scale))
    }

    fn scaled(mut index: Index, borrowed: Option<&Scale>) -> Self {
        index.settle();
        let learned = index.features();
        let mut scratch = Scratch::default();
        let step = index.len().div_ceil(MAX_CALIBRATING).max(1);
        let numbers = (0..index.len()).step_by(step);
        let numbers = numbers.filter_map(|entry| u32::try_from(entry).ok());
        let parts = numbers.map(|entry| {
            let features = &learned[entry as usize];
            (entry, parts_of(&index, features, Some(entry), 1, &mut scratch).0)
        });
        let parts = parts.collect();
        Self::of(index, parts, borrowed)
    }

    /// From the parts of learned commands, each with its command's number.
    fn of(index: Index, parts: Vec<(u32, Parts)>, borrowed: Option<&Scale>) -> Self {
        let scale = borrowed.cloned().unwrap_or_else(|| Scale::new(&parts));
        let scores = parts.iter().map(|(_, parts)| scale.novelty(parts)).collect();
        Self {
            index,
            scale,
            own: Calibration::new(scores),
            parts,
        }
    }

    /// Judges a command. `pool` holds scores of other workloads.
    pub fn score(&self, features: &Features, pool: &Pool<'_>, scratch: &mut Scratch) -> Score {
        let (parts, nearest) = parts_of(&self.index, features, None, NEIGHBOURS, scratch);
        let novelty = self.scale.novelty(&parts);
        Score {
            parts,
            novelty,
            p: p_value(&self.own, pool, novelty),
            nearest,
        }
    }

    /// What was learned.
    pub const fn index(&self) -> &Index {
        &self.index
    }

    /// Scores of what is normal.
    pub const fn calibration(&self) -> &Calibration {
        &self.own
    }

    /// The same scores, each with the number of its command.
    pub fn by_command(&self) -> impl Iterator<Item = (u32, f64)> {
        let parts = self.parts.iter();
        parts.map(|(number, parts)| (*number, self.scale.novelty(parts)))
    }
}

fn parts_of(
    index: &Index,
    features: &Features,
    left_out: Option<u32>,
    wanted: usize,
    scratch: &mut Scratch,
) -> (Parts, Vec<Neighbour>) {
    let nearest = index.nearest(features, wanted, left_out, scratch);
    let (unseen, capability) = unseen::masses(index, features, left_out.is_some());
    let distance = 1.0 - nearest.first().map_or(0.0, Neighbour::similarity);
    let parts = Parts {
        distance,
        unseen,
        capability,
    };
    (parts, nearest)
}
