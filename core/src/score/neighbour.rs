//! The nearest learned commands, exactly: an inverted index whose lists are read only as far as a command that was not
//! met yet could still come into the result.

use std::{cmp::Ordering, collections::BTreeMap};

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

/// Learned commands, by number and by feature.
#[derive(Clone, Debug, Default)]
pub struct Index {
    entries: Vec<Features>,
    postings: BTreeMap<Feature, Vec<u32>>,
}

/// What a search counts in; kept between searches to spare its allocation.
#[derive(Clone, Debug, Default)]
pub struct Scratch {
    counts: Vec<u32>,
}

/// How many numbers of a list are read in the time in which two commands of usual length are compared, roughly.
const COMPARISON: usize = 100;
/// Longest list whose best command so far is compared at once.
const SHORT: usize = 256;

impl Index {
    /// Number of learned commands.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing was learned.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Takes a command in and returns its number.
    pub fn insert(&mut self, features: &Features) -> u32 {
        let entry = u32::try_from(self.entries.len()).expect("fewer than 2^32 commands");
        for feature in features.all() {
            self.postings.entry(*feature).or_default().push(entry);
        }
        self.entries.push(features.clone());
        entry
    }

    /// The features of a learned command.
    pub(super) fn features(&self, entry: u32) -> &Features {
        &self.entries[entry as usize]
    }

    /// Number of learned commands with this feature.
    pub fn frequency(&self, feature: Feature) -> usize {
        self.postings.get(&feature).map_or(0, Vec::len)
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
        let searched = features.compared();
        let mut lists: Vec<&Vec<u32>> = searched
            .iter()
            .filter_map(|feature| self.postings.get(feature))
            .collect();
        // The rarest first: they tell most, and their lists are short.
        lists.sort_by_key(|list| list.len());
        let counts = &mut scratch.counts;
        counts.clear();
        counts.resize(self.entries.len(), 0);
        let mut best = Best::new(wanted);
        let mut left = u32::try_from(lists.len()).unwrap_or(u32::MAX);
        let size = u32::try_from(searched.len()).unwrap_or(u32::MAX);
        let mut unread: usize = lists.iter().map(|list| list.len()).sum();
        let mut met = 0;
        for list in lists {
            // What was not met yet shares at most what is left, and the union is at least what is searched. Reading on
            // is worth it nevertheless where it costs less than comparing those that were met.
            if best.beats(left, size) && unread > met * COMPARISON {
                break;
            }
            for entry in list {
                counts[*entry as usize] += 1;
            }
            left -= 1;
            unread -= list.len();
            met = (met + list.len()).min(self.entries.len());
            // A good bound early on spares long lists later.
            if list.len() <= SHORT {
                let known = list.iter().filter(|entry| Some(**entry) != left_out);
                if let Some(entry) = known.max_by_key(|entry| counts[**entry as usize]) {
                    best.offer(self.compare(searched, *entry));
                }
            }
        }
        self.verify(searched, left, left_out, counts, &mut best);
        best.found
    }

    /// Compares those that were met and could still come into the result.
    fn verify(&self, searched: &[Feature], left: u32, left_out: Option<u32>, counts: &[u32], best: &mut Best) {
        let size = u32::try_from(searched.len()).unwrap_or(u32::MAX);
        let mut least = best.least_common(size).saturating_sub(left).max(1);
        for (entry, count) in (0_u32..).zip(counts) {
            if *count < least || Some(entry) == left_out {
                continue;
            }
            let own = u32::try_from(self.entries[entry as usize].compared().len()).unwrap_or(u32::MAX);
            let common = (count + left).min(own).min(size);
            if !best.beats(common, size + own - common) {
                best.offer(self.compare(searched, entry));
                least = best.least_common(size).saturating_sub(left).max(1);
            }
        }
    }

    fn compare(&self, searched: &[Feature], entry: u32) -> Neighbour {
        let own = self.entries[entry as usize].compared();
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

    /// Whether the result is full, and its last is nearer than anything with such a similarity.
    fn beats(&self, common: u32, union: u32) -> bool {
        let bound = Neighbour {
            entry: 0,
            common,
            union,
        };
        self.wanted == 0
            || (self.found.len() == self.wanted
                && self
                    .found
                    .last()
                    .is_some_and(|last| last.order(&bound) == Ordering::Less))
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

    /// Every learned command compared, with sets instead of merged lists.
    fn oracle(lines: &[String], searched: &str, wanted: usize, left_out: Option<u32>) -> Vec<Neighbour> {
        use std::collections::BTreeSet;
        let set = |line: &str| features(line).compared().iter().copied().collect::<BTreeSet<_>>();
        let one = set(searched);
        let mut all: Vec<Neighbour> = (0_u32..)
            .zip(lines)
            .map(|(entry, line)| {
                let other = set(line);
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
        #[test]
        fn the_nearest_are_those_that_comparing_with_every_command_finds(
            lines in prop::collection::vec(line(), 1..60),
            searched in line(),
            wanted in 0_usize..6,
            left_out in prop::option::of(0_u32..60),
        ) {
            let mut index = Index::default();
            for line in &lines {
                index.insert(&features(line));
            }
            let found = index.nearest(&features(&searched), wanted, left_out, &mut Scratch::default());
            prop_assert_eq!(found, oracle(&lines, &searched, wanted, left_out));
        }
    }
}
