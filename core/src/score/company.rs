//! New commands of one lineage within an hour: each was usual enough by itself, and what they are together is another
//! question.

use std::collections::{BTreeMap, VecDeque};

use super::{
    Calibration, Judged, MAX_TOGETHER, Pool, Scorer, Tolerance, least_p, p_value, together::reference_together,
};
use crate::{
    features::Features,
    id::{BehaviourId, PodUid},
    time::{Duration, Timestamp},
};

/// How far apart commands may be that are looked at together.
const SPAN: Duration = Duration::from_hours(1);
/// Most new commands of a container that are remembered for it.
const MAX_REMEMBERED: usize = 64;
/// The share of the tolerance that what is judged together may take: each new command is judged by itself, too.
const SHARE: f64 = 0.5;

/// When, where and by whom a command was run.
#[derive(Clone, Copy, Debug)]
pub struct Occasion<'a> {
    /// The pod.
    pub pod: &'a PodUid,
    /// Executables that led to it, outermost first, its own last.
    pub lineage: &'a [String],
    /// When it was first seen.
    pub at: Timestamp,
}

/// New commands that were not unusual.
#[derive(Debug, Default)]
pub(super) struct Company {
    recent: VecDeque<Recent>,
    /// Scores of normal commands together, by how many they are: a container's own, and the reference's.
    calibrations: BTreeMap<usize, (Calibration, Calibration)>,
}

#[derive(Debug)]
struct Recent {
    key: (BehaviourId, String),
    pod: PodUid,
    lineage: Vec<String>,
    at: Timestamp,
    features: Features,
    distance: f64,
}

impl Company {
    /// Remembers a new command that is not unusual by itself, and judges it together with those of its lineage within the
    /// last hour. How many they are, where they are unusual together, and how much.
    pub(super) fn join(
        &mut self,
        scorer: &Scorer,
        tolerance: Tolerance,
        key: (BehaviourId, String),
        features: Features,
        judged: &Judged,
        occasion: Occasion<'_>,
    ) -> Option<(u32, Judged)> {
        self.recent
            .retain(|recent| recent.key != key || recent.pod != *occasion.pod);
        while self.recent.len() >= MAX_REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back(Recent {
            key,
            pod: occasion.pod.clone(),
            lineage: occasion.lineage.to_vec(),
            at: occasion.at,
            distance: judged.distance,
            features,
        });
        let goes_along = |recent: &&Recent| {
            recent.pod == *occasion.pod
                && recent.at.distance(occasion.at) <= SPAN
                && is_of_one_lineage(&recent.lineage, occasion.lineage)
        };
        // The last ones: the new one is among them.
        let together: Vec<&Recent> = self.recent.iter().rev().filter(goes_along).take(MAX_TOGETHER).collect();
        if together.len() < 2 {
            return None;
        }
        let features: Vec<&Features> = together.iter().map(|recent| &recent.features).collect();
        let distances: Vec<f64> = together.iter().map(|recent| recent.distance).collect();
        let novelty = scorer.novelty_together(&features, &distances);
        let size = together.len();
        let (own, reference) = self
            .calibrations
            .entry(size)
            .or_insert_with(|| (scorer.calibration_together(size), reference_together(size)));
        let pool = Pool::of([&*reference]);
        let (p, least) = (p_value(own, &pool, novelty), least_p(own, &pool));
        let share = Tolerance {
            alpha: tolerance.alpha * SHARE,
            ..tolerance
        };
        (share.is_scorable(least) && p <= share.alpha).then(|| {
            let judged = Judged {
                p,
                least_p: least,
                novelty,
                ..judged.clone()
            };
            (u32::try_from(size).unwrap_or(u32::MAX), judged)
        })
    }
}

/// Whether one command was started by what started the other, or by what came of that. What the container's first process
/// starts by itself is everybody's: only the same program is of one lineage there.
fn is_of_one_lineage(a: &[String], b: &[String]) -> bool {
    let parent = |lineage: &[String]| lineage.len().saturating_sub(1);
    let (from_a, from_b) = (&a[..parent(a)], &b[..parent(b)]);
    if from_a.is_empty() || from_b.is_empty() {
        return a == b;
    }
    a.starts_with(from_b) || b.starts_with(from_a)
}
