//! Several commands looked at together. Who splits what is strange into steps that are each usual enough shows it in their
//! sum: the unseen mass and the capabilities of all of them, against those of as many normal commands.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use super::{Calibration, Parts, Scorer, reference, unseen::idf};
use crate::features::{Feature, Features};

/// Most commands that are looked at together.
pub const MAX_TOGETHER: usize = 8;
/// Most groups of normal commands that they are compared with.
const MAX_GROUPS: usize = 1_024;
/// Scores of normal commands together, by how many they are: a container's own.
#[derive(Debug, Default)]
pub(super) struct Calibrations(BTreeMap<usize, Calibration>);

impl Calibrations {
    /// Of so many commands: a container's own, and the reference's.
    pub(super) fn of(&mut self, scorer: &Scorer, commands: usize) -> (&Calibration, &'static Calibration) {
        let size = commands.min(MAX_TOGETHER);
        let own = self.0.entry(size).or_insert_with(|| scorer.calibration_together(size));
        (own, reference_together(size))
    }
}

impl Scorer {
    /// How strange commands are together; `distances` are their own from the nearest learned command.
    pub(super) fn novelty_together(&self, commands: &[&Features], distances: &[f64]) -> f64 {
        self.scale.novelty(&self.parts_together(commands, distances, false))
    }

    /// Scores of so many normal commands together: each learned one with others from all over.
    ///
    /// One command is in several groups, so that their scores are less than independent; with none in two, a few dozen
    /// commands would make too few groups to tell anything.
    pub(super) fn calibration_together(&self, size: usize) -> Calibration {
        let learned = self.index.features();
        let scores = (0..self.parts.len().min(MAX_GROUPS)).map(|first| {
            let members = group(first, size, self.parts.len());
            let (commands, distances): (Vec<&Features>, Vec<f64>) = members
                .into_iter()
                .map(|at| &self.parts[at])
                .map(|(number, parts)| (&learned[*number as usize], parts.distance))
                .unzip();
            self.scale.novelty(&self.parts_together(&commands, &distances, true))
        });
        Calibration::new(scores.collect())
    }

    /// The mean distance, and the masses of the features that any of them has. `left_out` says whether they are among the
    /// learned and are to be taken out.
    #[allow(clippy::cast_precision_loss)] // a few commands
    fn parts_together(&self, commands: &[&Features], distances: &[f64], left_out: bool) -> Parts {
        let own = if left_out { commands.len() } else { 0 };
        let learned = self.index.len().saturating_sub(own);
        let rest = |feature: Feature, times: usize| {
            let taken = if left_out { times } else { 0 };
            self.index.frequency(feature).saturating_sub(taken)
        };
        let compared = times(commands.iter().flat_map(|command| command.compared()));
        let unseen = compared.iter().filter(|(feature, times)| rest(**feature, **times) == 0);
        let capabilities = times(commands.iter().flat_map(|command| command.capabilities()));
        Parts {
            distance: distances.iter().sum::<f64>() / distances.len().max(1) as f64,
            unseen: unseen.count() as f64 * idf(learned, 0),
            capability: capabilities
                .iter()
                .map(|(feature, times)| idf(learned, rest(*feature, *times)))
                .sum(),
        }
    }
}

/// The first and so many others, each once, that look drawn by lot of `all`, and are the same each time.
fn group(first: usize, size: usize, all: usize) -> BTreeSet<usize> {
    let mut members = BTreeSet::from([first]);
    let mut drawn = first as u64;
    while members.len() < size.min(all) {
        // Numerical Recipes' constants; the upper half is well mixed.
        drawn = drawn
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        members.insert(usize::try_from(drawn >> 33).unwrap_or(0) % all);
    }
    members
}

/// How many of the commands have each feature.
fn times<'a>(features: impl Iterator<Item = &'a Feature>) -> BTreeMap<Feature, usize> {
    let mut times = BTreeMap::new();
    for feature in features {
        *times.entry(*feature).or_default() += 1;
    }
    times
}

/// The same of commands of the shipped reference, made once.
fn reference_together(size: usize) -> &'static Calibration {
    static MADE: [OnceLock<Calibration>; MAX_TOGETHER + 1] = [const { OnceLock::new() }; MAX_TOGETHER + 1];
    MADE[size.min(MAX_TOGETHER)].get_or_init(|| reference().calibration_together(size))
}
