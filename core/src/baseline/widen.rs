//! A feed that runs short of room is generalised before anything of it is cut off: siblings that are too many to be told
//! apart are joined into a template that stands for them, and for others of their kind. The greatest groups are joined
//! first, so that a scanner's hundred thousand addresses become one entry, and the rest stays as it was learned.
//!
//! What the baseline holds then is a function of what was learned, whatever the order ([`groups`]). What may stand for what
//! is fixed ([`rungs`]): never what is raised without a baseline, quarantined or denied, and never a shell for a program.
//! Whoever floods a workload while it learns gets no further than that: templates of what his own program did.

mod groups;
mod rungs;
mod telling;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, collections::btree_map};

use super::{
    Baseline, BehaviourReport, Entry, FeedBaseline, Marks, Phase,
    cap::{Used, comfortable},
};
use crate::{
    behaviour::{Attributes, Behaviour, Feed, SourceLayer},
    id::{ContainerName, NodeName},
    policy::{Policy, approvals::Standing},
    rules,
    seen::Seen,
};
use groups::{Groups, Key, Members};

impl FeedBaseline {
    /// What is known of a behaviour: its own entry or, where there is none, the narrowest that stands for it.
    pub fn known(&self, container: &ContainerName, behaviour: &Behaviour, policy: &Policy) -> Option<&Entry> {
        let own = self.entries.get(&behaviour.id());
        own.or_else(|| {
            self.entries
                .get(&self.template_of(container, behaviour, policy, None)?.id())
        })
    }

    /// The narrowest learned template that stands for a behaviour without an entry of its own. A rule that needs no
    /// baseline sees the behaviour itself, and so does what people said of it; and a file that may have been changed is none of its folder's.
    ///
    /// A template that only one `node` vouches for stands for nothing on another.
    fn template_of(
        &self,
        container: &ContainerName,
        behaviour: &Behaviour,
        policy: &Policy,
        node: Option<&NodeName>,
    ) -> Option<Behaviour> {
        self.apart?;
        let may_be_stood_for = match behaviour {
            Behaviour::Process(process) => process.source() == SourceLayer::Image,
            Behaviour::Network(_) => true,
            Behaviour::Module(_) => policy.module.approved.is_none(),
        };
        let is_unsaid = match policy.approvals.standing(container, behaviour) {
            Standing::Unsaid => true,
            Standing::Approved(_) | Standing::Denied(_) => false,
        };
        if !may_be_stood_for
            || !is_unsaid
            || self.entries.contains_key(&behaviour.id())
            || rules::without_baseline(behaviour, policy).is_some()
        {
            return None;
        }
        let here = |entry: &Entry| node.is_none_or(|node| !entry.is_known_elsewhere_alone(node));
        let stands = |template: &Behaviour| {
            let held = self.entries.get(&template.id());
            held.is_some_and(|entry| entry.stands_for_others() && here(entry))
        };
        rungs::ladder(behaviour).find(stands)
    }
}

impl Entry {
    /// Whether it is learned and stands for others.
    pub(super) const fn stands_for_others(&self) -> bool {
        self.generalised && self.is_learned()
    }
}

impl Baseline {
    /// Number of entries that stand for others.
    pub fn generalised(&self) -> usize {
        self.entries().filter(|(_, _, entry)| entry.stands_for_others()).count()
    }
}

/// A report as it counts for what is learned: of the template that stands for its behaviour, where one does on the node
/// that tells of it.
pub(crate) fn stand_in<'a>(
    feed: &FeedBaseline,
    container: &ContainerName,
    seen: &'a BehaviourReport,
    policy: &Policy,
    node: Option<&NodeName>,
) -> Cow<'a, BehaviourReport> {
    match feed.template_of(container, &seen.behaviour, policy, node) {
        None => Cow::Borrowed(seen),
        Some(behaviour) => {
            let mut report = BehaviourReport {
                behaviour,
                ..seen.clone()
            };
            // Of one file, not of many.
            report.attributes.build_id = None;
            Cow::Owned(report)
        }
    }
}

/// Whether an entry may be joined with its siblings. Libraries that are approved by their hash are told apart by it.
fn is_member(entry: &Entry, policy: &Policy) -> bool {
    let by_hash = entry.behaviour.feed() == Feed::Module && policy.module.approved.is_some();
    entry.is_learned() && !entry.generalised && !by_hash
}

/// Joins what has to be joined so that each feed keeps within its room.
pub(super) fn settle(baseline: &mut Baseline, policy: &Policy, used: &mut Used) {
    for feed in Feed::ALL {
        let room = comfortable(feed);
        if apart(baseline, feed).is_some() || used.learned(feed) > room {
            settle_within(baseline, feed, policy, used, room);
        }
    }
}

fn settle_within(baseline: &mut Baseline, feed: Feed, policy: &Policy, used: &mut Used, room: usize) {
    let groups = Groups::of(baseline, feed, policy);
    if let Some(apart) = groups.fitting(apart(baseline, feed), room) {
        join(baseline, feed, policy, used, apart, &groups);
    }
}

/// Joins what has to be joined or, where that is done and no room was won (names may be longer than usual), tells fewer
/// siblings apart than the reckoning asks for. Returns whether anything could be done.
pub(super) fn yield_room(baseline: &mut Baseline, feed: Feed, policy: &Policy, used: &mut Used) -> bool {
    let before = apart(baseline, feed);
    let groups = Groups::of(baseline, feed, policy);
    let fitting = groups.fitting(before, comfortable(feed));
    let fewer = fitting
        .filter(|fitting| Some(*fitting) != before)
        .or_else(|| Groups::fewer(before));
    if let Some(apart) = fewer {
        join(baseline, feed, policy, used, apart, &groups);
    }
    fewer.is_some()
}

/// How many siblings of a feed are told apart; none where all are.
fn apart(baseline: &Baseline, feed: Feed) -> Option<u8> {
    let feeds = baseline.containers.values().filter_map(|held| held.feeds.get(&feed));
    feeds.filter_map(|held| held.apart).min()
}

fn join(baseline: &mut Baseline, feed: Feed, policy: &Policy, used: &mut Used, apart: u8, groups: &Groups) {
    let (joined, _) = groups.joined(apart);
    let takes = |key: &Key, entry: &Entry| match joined.get(key) {
        None => false,
        Some(Members::All) => true,
        Some(Members::OfNode(node)) => entry.lesson.node.one() == Some(node),
    };
    for (container, held) in &mut baseline.containers {
        let Some(held) = held.feeds.get_mut(&feed) else {
            continue;
        };
        held.apart = Some(apart);
        let widest = |entry: &Entry| {
            let is_joined = |template: &Behaviour| takes(&(container.clone(), template.id()), entry);
            rungs::ladder(&entry.behaviour).filter(is_joined).last()
        };
        let moving: Vec<_> = held
            .entries
            .iter()
            .filter(|(_, entry)| entry.stands_for_others() || is_member(entry, policy))
            .filter_map(|(id, entry)| Some((*id, widest(entry)?)))
            .collect();
        for (id, template) in moving {
            if let Some(entry) = held.entries.remove(&id) {
                used.remove(&entry);
                put(held, entry, template, used);
            }
        }
    }
}

/// Makes an entry part of the one that stands for it.
fn put(held: &mut FeedBaseline, entry: Entry, template: Behaviour, used: &mut Used) {
    let mut part = Entry {
        behaviour: template,
        generalised: true,
        ..entry
    };
    part.attributes.build_id = None;
    part.lesson.phase = Phase::Steady;
    match held.entries.entry(part.behaviour.id()) {
        btree_map::Entry::Vacant(vacant) => {
            used.add(&part);
            vacant.insert(part);
        }
        btree_map::Entry::Occupied(mut occupied) => {
            let whole = occupied.get_mut();
            used.remove(whole);
            absorb(whole, part);
            used.add(whole);
        }
    }
}

/// Adds what one learned entry says to another one. Commutative and associative.
fn absorb(whole: &mut Entry, part: Entry) {
    if part.behaviour < whole.behaviour {
        whole.behaviour = part.behaviour;
    }
    if (part.first_seen, &part.lineage) < (whole.first_seen, &whole.lineage) {
        whole.lineage = part.lineage;
    }
    let attributes = std::mem::take(&mut whole.attributes)
        .into_inner()
        .join(part.attributes.into_inner());
    whole.attributes = Attributes {
        build_id: None,
        ..attributes
    }
    .into();
    whole.count = whole.count.saturating_add(part.count);
    whole.first_seen = whole.first_seen.min(part.first_seen);
    whole.last_seen = whole.last_seen.max(part.last_seen);
    whole.days = Marks::union(whole.days, part.days);
    whole.pods = whole.pods.max(part.pods);
    whole.snapshot &= part.snapshot;
    whole.lesson.revisions.extend(part.lesson.revisions);
    // Where they differ in whom they are known by, several vouch for the kind; and what stands for many is of no start.
    if whole.lesson.node != part.lesson.node {
        whole.lesson.node = Seen::Several;
    }
    whole.lesson.phase = Phase::Steady;
    whole.generalised = true;
}
