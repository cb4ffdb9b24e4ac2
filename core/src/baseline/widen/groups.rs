//! What is learned of a feed, sorted below the templates that may stand for it, and what it takes with siblings told
//! apart only up to a number of them.
//!
//! With at most `n` siblings told apart, a template of height `h` stands for what is below it once that is more than
//! `n · 4^h`, where each template below counts for as many as it may have held. From then on it is charged as if it held
//! that many, although it takes one entry. So what a set of behaviours is charged with never falls as the set grows, and
//! which number of siblings fits is a function of the set alone: of the greatest group first, whatever came first.

use std::collections::BTreeMap;

use super::{super::size, is_member, rungs};
use crate::{
    baseline::{Baseline, Entry},
    behaviour::{Behaviour, Feed},
    id::{BehaviourId, ContainerName, NodeName},
    policy::Policy,
};

/// How many siblings are told apart, the most first.
const APART: [u8; 12] = [64, 48, 32, 24, 16, 12, 8, 6, 4, 3, 2, 1];
/// How many times as much the next rung holds.
const BRANCHES: usize = 4;
/// Heights of templates.
const HEIGHTS: u32 = 3;

/// A template of a container.
pub(super) type Key = (ContainerName, BehaviourId);

/// Behaviours that one node alone vouches for, and their bytes, by that node.
type Nodes = BTreeMap<NodeName, (usize, usize)>;

/// Whom a template takes in.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Members {
    /// All that is below it.
    All,
    /// What this node alone vouches for: but for its many siblings the others would be told apart. So whoever owns a node
    /// and floods it gets a template that stands for nothing elsewhere.
    OfNode(NodeName),
}

/// The learned behaviours of a feed below their templates.
#[derive(Debug, Default)]
pub(super) struct Groups {
    nodes: BTreeMap<Key, Node>,
    /// Bytes of what stands for itself.
    alone: usize,
    usual: usize,
}

/// What lies below a template.
#[derive(Clone, Debug, Default)]
struct Node {
    height: u32,
    above: Option<BehaviourId>,
    /// Behaviours right below it, and their bytes.
    members: usize,
    bytes: usize,
    /// Those of them that one node alone vouches for.
    alone: Nodes,
    /// It is learned, and stands for what is below it.
    stands: bool,
    /// The one node that vouches for it, where only one does.
    vouches: Option<NodeName>,
    /// It is in the baseline for another reason, and can't stand for anything.
    barred: bool,
}

impl Groups {
    pub(super) fn of(baseline: &Baseline, feed: Feed, policy: &Policy) -> Self {
        let mut groups = Self {
            usual: size::usual(feed),
            ..Self::default()
        };
        for (container, held) in &baseline.containers {
            for entry in held.feeds.get(&feed).iter().flat_map(|held| held.entries.values()) {
                groups.take(container, entry, policy);
            }
        }
        for ((container, id), node) in &mut groups.nodes {
            let held = baseline
                .containers
                .get(container)
                .and_then(|held| held.feeds.get(&feed));
            let entry = held.and_then(|held| held.entries.get(id));
            node.stands = entry.is_some_and(Entry::stands_for_others);
            node.vouches = entry
                .filter(|_| node.stands)
                .and_then(|entry| entry.lesson.node.one().cloned());
            node.barred = entry.is_some_and(|entry| !entry.is_learned());
        }
        groups
    }

    fn take(&mut self, container: &ContainerName, entry: &Entry, policy: &Policy) {
        let stands = entry.stands_for_others();
        if !stands && !is_member(entry, policy) {
            if !entry.is_quarantined() {
                self.alone += size::of_key(&entry.behaviour);
            }
            return;
        }
        // What reads like a template is one of those that it would stand for.
        let own = (stands || rungs::is_rung(&entry.behaviour)).then(|| entry.behaviour.clone());
        let path: Vec<Behaviour> = own.into_iter().chain(rungs::ladder(&entry.behaviour)).collect();
        let Some(nearest) = path.first() else {
            self.alone += size::of_key(&entry.behaviour);
            return;
        };
        if !stands {
            let node = self.nodes.entry((container.clone(), nearest.id())).or_default();
            let bytes = size::of_key(&entry.behaviour);
            node.members += 1;
            node.bytes += bytes;
            if let Some(alone) = entry.lesson.node.one() {
                add(&mut node.alone, alone, (1, bytes));
            }
        }
        for (index, template) in path.iter().enumerate() {
            let node = self.nodes.entry((container.clone(), template.id())).or_default();
            node.height = rungs::height(template);
            node.above = path.get(index + 1).map(Behaviour::id);
        }
    }

    /// How many siblings can be told apart within so many bytes, at most as many as before; none where all can.
    pub(super) fn fitting(&self, before: Option<u8>, room: usize) -> Option<u8> {
        if before.is_none() && self.plain() + self.alone_charged(room) <= room {
            return None;
        }
        let mut candidates = APART
            .into_iter()
            .filter(|apart| before.is_none_or(|before| *apart <= before));
        let fits = |apart: &u8| self.joined(*apart).1 + self.alone_charged(room) <= room;
        candidates.find(fits).or(Some(1))
    }

    /// The next number of siblings below one.
    pub(super) fn fewer(before: Option<u8>) -> Option<u8> {
        APART
            .into_iter()
            .find(|apart| before.is_none_or(|before| *apart < before))
    }

    /// Bytes of what may be joined, and is not.
    fn plain(&self) -> usize {
        self.nodes.values().map(|node| node.bytes).sum()
    }

    /// What stands for itself counts, too, but leaves a quarter to the others: else a flood of it would join all of them.
    const fn alone_charged(&self, room: usize) -> usize {
        let most = room / 4 * 3;
        if self.alone < most { self.alone } else { most }
    }

    /// The templates that stand for what is below them where so many siblings are told apart, and what all is charged with.
    pub(super) fn joined(&self, apart: u8) -> (BTreeMap<Key, Members>, usize) {
        let mut joined = BTreeMap::new();
        let mut sums: BTreeMap<&Key, Sum> = BTreeMap::new();
        let mut charge: usize = 0;
        for height in 0..HEIGHTS {
            let most = usize::from(apart) * BRANCHES.pow(height);
            for (key, node) in self.nodes.iter().filter(|(_, node)| node.height == height) {
                let mut below = sums.remove(key).unwrap_or_default();
                below.add(&Sum {
                    units: node.members,
                    bytes: node.bytes,
                    alone: node.alone.clone(),
                });
                let (members, sum) = node.joined(below, most, most * self.usual);
                joined.extend(members.map(|members| (key.clone(), members)));
                let above = node.above.map(|above| (key.0.clone(), above));
                match above.and_then(|above| self.nodes.get_key_value(&above)) {
                    Some((above, _)) => sums.entry(above).or_default().add(&sum),
                    None => charge += sum.bytes,
                }
            }
        }
        (joined, charge)
    }
}

/// What lies below a template: how many behaviours it counts for, what they are charged with, and those of them that one
/// node alone vouches for.
#[derive(Clone, Debug, Default)]
struct Sum {
    units: usize,
    bytes: usize,
    alone: Nodes,
}

impl Sum {
    fn add(&mut self, other: &Self) {
        self.units += other.units;
        self.bytes += other.bytes;
        for (node, counts) in &other.alone {
            add(&mut self.alone, node, *counts);
        }
    }
}

fn add(nodes: &mut Nodes, node: &NodeName, (units, bytes): (usize, usize)) {
    let held = nodes.entry(node.clone()).or_default();
    *held = (held.0 + units, held.1 + bytes);
}

impl Node {
    /// Whom it takes in where it stands for more than so many, and what it counts for in the template above it.
    fn joined(&self, below: Sum, most: usize, charge: usize) -> (Option<Members>, Sum) {
        let stands = self.stands || (below.units > most && !self.barred);
        if !stands {
            let bytes = if self.barred {
                below.bytes
            } else {
                below.bytes.min(charge)
            };
            return (None, Sum { bytes, ..below });
        }
        let most_of_one = below
            .alone
            .iter()
            .max_by_key(|(_, counts)| counts.0)
            .map(|(node, _)| node.clone());
        let lead = self.vouches.clone().or_else(|| most_of_one.filter(|_| !self.stands));
        let of_lead = lead
            .as_ref()
            .and_then(|lead| below.alone.get(lead))
            .copied()
            .unwrap_or_default();
        let rest = (below.units - of_lead.0, below.bytes - of_lead.1);
        match lead {
            Some(lead) if rest.0 <= most => {
                let mut alone = below.alone;
                alone.insert(lead.clone(), (most, charge));
                let sum = Sum {
                    units: most + rest.0,
                    bytes: charge + rest.1.min(charge),
                    alone,
                };
                (Some(Members::OfNode(lead)), sum)
            }
            Some(_) | None => {
                let sum = Sum {
                    units: most,
                    bytes: charge,
                    alone: Nodes::new(),
                };
                (Some(Members::All), sum)
            }
        }
    }
}
