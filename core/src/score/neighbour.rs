//! The nearest learned commands, exactly: every learned command that shares a feature is counted, of rare features by
//! lists, of common ones 256 commands at a time, and only those whose count could bring them into the result are compared.

mod planes;
mod postings;

use std::cmp::Ordering;

use self::{
    planes::{BLOCK, Planes},
    postings::{Found, Postings},
};
use crate::features::{Feature, Features};

/// A learned command and how much of it the searched one shares.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Neighbour {
    /// Number of the learned command.
    pub entry: u32,
    /// Features that both have.
    pub common: u32,
    /// Features that either has.
    pub union: u32,
}

impl Neighbour {
    /// The Jaccard similarity: 0 to 1.
    pub fn similarity(&self) -> f64 {
        f64::from(self.common) / f64::from(self.union.max(1))
    }

    /// The nearer first; of two that are as near, the one that was learned first. Exact: no rounding is involved.
    fn order(&self, other: &Self) -> Ordering {
        let cross = |a: u32, b: u32| u64::from(a) * u64::from(b);
        cross(other.common, self.union)
            .cmp(&cross(self.common, other.union))
            .then(self.entry.cmp(&other.entry))
    }
}

/// Learned commands by feature. What a command consists of is told by the features alone.
#[derive(Clone, Debug, Default)]
pub struct Index {
    /// How many compared features each command has.
    sizes: Vec<u16>,
    postings: Postings,
    /// The last commands, which are not among the postings yet.
    fresh: Vec<Features>,
}

/// What a search counts in; kept between searches to spare its allocation.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    counts: Vec<u16>,
}

/// Commands that are taken in at once: a search compares those that wait one by one.
const FRESH: usize = 32;

impl Index {
    /// Number of learned commands.
    pub fn len(&self) -> usize {
        self.sizes.len()
    }

    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// Takes a command in and returns its number.
    pub fn insert(&mut self, features: &Features) -> u32 {
        let entry = u32::try_from(self.sizes.len()).expect("fewer than 2^32 commands");
        self.sizes
            .push(u16::try_from(features.compared().len()).unwrap_or(u16::MAX));
        self.fresh.push(features.clone());
        if self.fresh.len() >= FRESH {
            self.take_in();
        }
        entry
    }

    /// Takes in what waits, so that searches are as fast as they can be, and holds no more room than is needed.
    pub fn settle(&mut self) {
        self.take_in();
        self.fresh.shrink_to_fit();
        self.postings.shrink();
    }

    fn take_in(&mut self) {
        let first = self.sizes.len() - self.fresh.len();
        let first = u32::try_from(first).expect("fewer than 2^32 commands");
        self.postings.insert(first, &self.fresh);
        self.fresh.clear();
    }

    /// The features of all learned commands, put together again.
    pub(super) fn features(&self) -> Vec<Features> {
        let mut all: Vec<Vec<Feature>> = vec![Vec::new(); self.sizes.len()];
        for (feature, found) in self.postings.iter() {
            found.each(|entry| all[entry as usize].push(feature));
        }
        let settled = all.len() - self.fresh.len();
        let fresh = self.fresh.iter().cloned();
        let put_together = all
            .into_iter()
            .take(settled)
            .map(|features| Features::from_unsorted(&features));
        put_together.chain(fresh).collect()
    }

    /// Number of learned commands with this feature.
    pub fn frequency(&self, feature: Feature) -> usize {
        let settled = self.postings.get(feature).map_or(0, |found| found.count());
        let has = |features: &&Features| features.all().binary_search(&feature).is_ok();
        settled + self.fresh.iter().filter(has).count()
    }

    /// The `wanted` nearest commands, the nearest first, without the one that is `left_out`. Commands that share nothing
    /// are no neighbours.
    pub fn nearest(
        &self,
        features: &Features,
        wanted: usize,
        left_out: Option<u32>,
        scratch: &mut Scratch,
    ) -> Vec<Neighbour> {
        let mut best = Best::new(wanted);
        let searched = features.compared();
        let settled = self.sizes.len() - self.fresh.len();
        for (at, fresh) in self.fresh.iter().enumerate() {
            let entry = u32::try_from(settled + at).unwrap_or(u32::MAX);
            if Some(entry) != left_out {
                best.offer(compare(searched, fresh.compared(), entry));
            }
        }
        let counts = &mut scratch.counts;
        counts.clear();
        counts.resize(settled.next_multiple_of(BLOCK), 0);
        let mut many: Vec<&[u64]> = Vec::new();
        for found in searched.iter().filter_map(|feature| self.postings.get(*feature)) {
            match found {
                Found::One(entry) => counts[entry as usize] += 1,
                Found::Few(list) => list.iter().for_each(|entry| counts[*entry as usize] += 1),
                Found::Many(bits) => many.push(&bits.words),
            }
        }
        let size = u32::try_from(searched.len()).unwrap_or(u32::MAX);
        for (block, counts) in counts.chunks_exact(BLOCK).enumerate() {
            self.look_at(block, counts, &many, (size, left_out), &mut best);
        }
        best.found
    }

    /// Offers those of a block's commands that could come into the result. `counts` holds what they share of features that
    /// few have, `many` who has those that many have.
    fn look_at(
        &self,
        block: usize,
        counts: &[u16],
        many: &[&[u64]],
        (size, left_out): (u32, Option<u32>),
        best: &mut Best,
    ) {
        let most = counts.iter().copied().max().map_or(0, u32::from);
        let mut least = best.least_common(size).max(1);
        // Whoever reaches the least by what many share, and the most that anybody shares beside it.
        let planes = Planes::count(many, block);
        let candidates = planes.at_least(least.saturating_sub(most));
        for (word, mut left) in candidates.into_iter().enumerate() {
            while left != 0 {
                let at = word * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                let few = u32::from(counts[at]);
                let common = few + planes.of(at);
                let Some(own) = self.sizes.get(block * BLOCK + at) else {
                    return;
                };
                let entry = u32::try_from(block * BLOCK + at).unwrap_or(u32::MAX);
                if common >= least && Some(entry) != left_out {
                    let union = size + u32::from(*own) - common;
                    best.offer(Neighbour { entry, common, union });
                    least = best.least_common(size).max(1);
                }
            }
        }
    }
}

fn compare(searched: &[Feature], own: &[Feature], entry: u32) -> Neighbour {
    let (mut at, mut common) = (0, 0_u32);
    for feature in searched {
        while own.get(at).is_some_and(|held| held < feature) {
            at += 1;
        }
        common += u32::from(own.get(at) == Some(feature));
    }
    let union = u32::try_from(searched.len() + own.len()).unwrap_or(u32::MAX) - common;
    Neighbour { entry, common, union }
}

/// The best so far, the nearest first.
#[derive(Debug)]
struct Best {
    wanted: usize,
    found: Vec<Neighbour>,
}

impl Best {
    const fn new(wanted: usize) -> Self {
        Self {
            wanted,
            found: Vec::new(),
        }
    }

    /// The fewest features that a command must share with `size` searched ones to come into the result: the union is at
    /// least as large.
    fn least_common(&self, size: u32) -> u32 {
        match self.found.last() {
            Some(last) if self.found.len() == self.wanted => {
                let bound = u64::from(last.common) * u64::from(size) / u64::from(last.union.max(1));
                u32::try_from(bound).unwrap_or(u32::MAX)
            }
            Some(_) | None => 1,
        }
    }

    fn offer(&mut self, neighbour: Neighbour) {
        let Err(at) = self.found.binary_search_by(|held| held.order(&neighbour)) else {
            return;
        };
        if neighbour.common > 0 && at < self.wanted {
            self.found.insert(at, neighbour);
            self.found.truncate(self.wanted);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::features::Command;

    fn features(line: &str) -> Features {
        Features::of(&Command {
            executable: "/x",
            parent: "/p",
            argv: &[line.to_owned()],
        })
    }

    /// Every learned command compared, with sets instead of lists and bits.
    fn oracle(learned: &[Features], searched: &Features, wanted: usize, left_out: Option<u32>) -> Vec<Neighbour> {
        use std::collections::BTreeSet;
        let set = |features: &Features| features.compared().iter().copied().collect::<BTreeSet<_>>();
        let one = set(searched);
        let mut all: Vec<Neighbour> = (0_u32..)
            .zip(learned)
            .map(|(entry, features)| {
                let other = set(features);
                let common = u32::try_from(one.intersection(&other).count()).unwrap();
                let union = u32::try_from(one.union(&other).count()).unwrap();
                Neighbour { entry, common, union }
            })
            .filter(|neighbour| neighbour.common > 0 && Some(neighbour.entry) != left_out)
            .collect();
        all.sort_by(|a, b| b.similarity().total_cmp(&a.similarity()).then(a.entry.cmp(&b.entry)));
        all.truncate(wanted);
        all
    }

    fn line() -> impl Strategy<Value = String> {
        prop::collection::vec("(ls|cat|find|grep|-la|-name|/tmp|/etc|x[a-d]{1,3}|[|] sh|; )", 1..8)
            .prop_map(|words| words.join(" "))
    }

    proptest! {
        // Hundreds of commands each: beyond 64 that share a feature, they are bits.
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn the_nearest_are_those_that_comparing_with_every_command_finds(
            lines in prop::collection::vec(line(), 1..400),
            settled: bool,
            searched in line(),
            wanted in 0_usize..6,
            left_out in prop::option::of(0_u32..400),
        ) {
            let learned: Vec<Features> = lines.iter().map(|line| features(line)).collect();
            let searched = features(&searched);
            let mut index = Index::default();
            for features in &learned {
                index.insert(features);
            }
            if settled {
                index.settle();
            }
            let found = index.nearest(&searched, wanted, left_out, &mut Scratch::default());
            prop_assert_eq!(found, oracle(&learned, &searched, wanted, left_out));
            for feature in searched.all() {
                let having = learned.iter().filter(|features| features.all().binary_search(feature).is_ok());
                prop_assert_eq!(index.frequency(*feature), having.count());
            }
            prop_assert_eq!(index.features(), learned);
        }
    }
}
