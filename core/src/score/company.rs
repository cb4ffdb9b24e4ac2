//! New commands of one lineage within an hour: each was usual enough by itself, and what they are together is another
//! question.
//!
//! What is remembered for that is bounded by pod and by lineage, so that neither another pod nor another lineage pushes it
//! out. Who puts new everyday commands of the same lineage between his steps is not found by this: of as many normal
//! commands some are as strange.

use std::collections::{BTreeMap, VecDeque};

use super::{Judged, MAX_TOGETHER, Pool, Scorer, Tolerance, least_p, p_value, together::Calibrations};
use crate::{
    features::Features,
    id::{BehaviourId, PodUid},
    time::{Duration, Timestamp},
};

/// How far apart commands may be that are looked at together.
const SPAN: Duration = Duration::from_hours(1);
/// Most lineages of a pod that are remembered, those that were seen last.
const MAX_LINEAGES: usize = 32;
/// Most pods of a container that are remembered, those that were seen last.
const MAX_PODS: usize = 64;

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

/// New commands that were not unusual, by pod.
#[derive(Debug, Default)]
pub(super) struct Company {
    pods: BTreeMap<PodUid, BTreeMap<Vec<String>, Lineage>>,
}

/// Those of one lineage, in the order in which they were told of.
#[derive(Debug, Default)]
struct Lineage {
    newest: Timestamp,
    commands: VecDeque<Recent>,
}

#[derive(Debug)]
struct Recent {
    key: (BehaviourId, String),
    at: Timestamp,
    features: Features,
    distance: f64,
}

impl Company {
    /// Remembers a new command that is not unusual by itself, and judges it together with those of its lineage within an
    /// hour. How many they are, where they are unusual together, and how much.
    pub(super) fn join(
        &mut self,
        (scorer, calibrations): (&Scorer, &mut Calibrations),
        tolerance: Tolerance,
        key: (BehaviourId, String),
        features: Features,
        judged: &Judged,
        occasion: Occasion<'_>,
    ) -> Option<(u32, Judged)> {
        self.remember(
            Recent {
                key,
                at: occasion.at,
                features,
                distance: judged.distance,
            },
            occasion,
        );
        let together = self.together(occasion);
        if together.len() < 2 {
            return None;
        }
        let features: Vec<&Features> = together.iter().map(|recent| &recent.features).collect();
        let distances: Vec<f64> = together.iter().map(|recent| recent.distance).collect();
        let novelty = scorer.novelty_together(&features, &distances);
        let size = together.len();
        let (calibration, reference) = calibrations.of(scorer, size);
        let pool = Pool::of([reference]);
        let (p, least) = (p_value(calibration, &pool, novelty), least_p(calibration, &pool));
        (least <= tolerance.together && p <= tolerance.together).then(|| {
            let judged = Judged {
                p,
                least_p: least,
                novelty,
                ..judged.clone()
            };
            (u32::try_from(size).unwrap_or(u32::MAX), judged)
        })
    }

    /// How many commands are remembered.
    pub(super) fn len(&self) -> usize {
        let lineages = self.pods.values().flat_map(BTreeMap::values);
        lineages.map(|lineage| lineage.commands.len()).sum()
    }

    fn remember(&mut self, recent: Recent, occasion: Occasion<'_>) {
        if !self.pods.contains_key(occasion.pod) && self.pods.len() >= MAX_PODS {
            let last = |lineages: &BTreeMap<_, Lineage>| lineages.values().map(|lineage| lineage.newest).max();
            drop_least(&mut self.pods, last);
        }
        let lineages = self.pods.entry(occasion.pod.clone()).or_default();
        if !lineages.contains_key(occasion.lineage) && lineages.len() >= MAX_LINEAGES {
            drop_least(lineages, |lineage| Some(lineage.newest));
        }
        let lineage = lineages.entry(occasion.lineage.to_vec()).or_default();
        lineage.newest = lineage.newest.max(recent.at);
        lineage.commands.retain(|held| held.key != recent.key);
        if lineage.commands.len() >= MAX_TOGETHER {
            lineage.commands.pop_front();
        }
        lineage.commands.push_back(recent);
    }

    /// The last commands of a lineage within an hour of an occasion.
    fn together(&self, occasion: Occasion<'_>) -> Vec<&Recent> {
        let lineages = self.pods.get(occasion.pod).into_iter().flatten();
        let related = lineages.filter(|(lineage, _)| is_of_one_lineage(lineage, occasion.lineage));
        let commands = related.flat_map(|(_, lineage)| &lineage.commands);
        let mut all: Vec<&Recent> = commands
            .filter(|recent| recent.at.distance(occasion.at) <= SPAN)
            .collect();
        // The keys make it the same whichever was told of first.
        all.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.key.cmp(&b.key)));
        all.truncate(MAX_TOGETHER);
        all
    }
}

/// Drops the entry of which this is the least.
fn drop_least<K: Clone + Ord, V, T: Ord>(map: &mut BTreeMap<K, V>, of: impl Fn(&V) -> T) {
    let least = map
        .iter()
        .min_by_key(|(_, value)| of(value))
        .map(|(key, _)| key.clone());
    if let Some(least) = least {
        map.remove(&least);
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
