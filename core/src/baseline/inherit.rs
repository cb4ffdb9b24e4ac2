//! What a workload is given of what another one learned: the green one of a blue-green pair, which runs the same image.
//!
//! It is known here from then on, and nothing else: it counts for no maturity, and is forgotten after the window unless it is
//! seen here. What is raised, accepted, denied or known within bounds alone is not given, nor what was itself taken over and
//! never seen: whoever poisoned the other workload gives what a copy of its image could have learned by itself, for a window.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Baseline, Entry, EntryState, Lesson, Marks, Past,
    cap::{self, Class, Used},
};
use crate::{
    id::{ContainerName, WorkloadKey},
    policy::Policy,
    rules,
    time::Timestamp,
};

/// From whom, and of which containers.
#[derive(Clone, Copy, Debug)]
pub struct Inheritance<'a> {
    /// The other workload, of the same namespace.
    pub from: &'a WorkloadKey,
    /// What it learned.
    pub learned: &'a Baseline,
    /// The containers that run an image which the other workload's container of that name runs, too.
    pub containers: &'a BTreeSet<ContainerName>,
}

impl Baseline {
    /// Whether it was given what another workload learned.
    pub fn has_inherited(&self, from: &WorkloadKey) -> bool {
        self.inherited.contains_key(&source(from))
    }
}

fn source(from: &WorkloadKey) -> String {
    format!("{}/{}", from.kind, from.name)
}

/// Gives a baseline what another one learned, once a source: what lapsed does not come back. Returns how many behaviours it
/// took; none where it was given them before, or where nothing may be learned.
pub fn inherit(baseline: &mut Baseline, inheritance: Inheritance<'_>, policy: &Policy, now: Timestamp) -> usize {
    let Inheritance {
        from,
        learned,
        containers,
    } = inheritance;
    if baseline.has_inherited(from) || policy.approvals.frozen.is_some() {
        return 0;
    }
    let mut used = Used::by(baseline);
    let mut taken = 0;
    for (name, feed, held) in learned.feeds().filter(|(name, ..)| containers.contains(*name)) {
        let may_be_given = |entry: &&Entry| is_given(entry) && !is_refused(entry, name, policy);
        for entry in held
            .entries
            .values()
            .filter(may_be_given)
            .filter(|_| policy.watches(feed))
        {
            let own = baseline.feed_mut(name, feed, now);
            let id = entry.behaviour.id();
            if own.entries.contains_key(&id) || !cap::has_room_for(&used, Class::Learned, entry) {
                continue;
            }
            let entry = given(entry, now);
            used.add(&entry);
            own.entries.insert(id, entry);
            taken += 1;
        }
    }
    baseline.inherited.insert(source(from), now.whole_second());
    taken
}

/// Whether the other workload knows it by having done it, wherever it ran.
fn is_given(entry: &Entry) -> bool {
    let own = match entry.lesson.past {
        Past::Plain | Past::Denied | Past::Absorbed | Past::Bounded => true,
        Past::Inherited => false,
    };
    own && entry.is_learned() && !entry.generalised && entry.lesson.node.one().is_none()
}

/// Whether it is raised here whatever was learned.
fn is_refused(entry: &Entry, container: &ContainerName, policy: &Policy) -> bool {
    rules::without_baseline(&entry.behaviour, policy).is_some()
        || rules::denied_by(policy, container, &entry.behaviour).is_some()
}

/// An entry as it is taken over: seen by nobody here, and kept for a window from now on.
fn given(entry: &Entry, now: Timestamp) -> Entry {
    let now = now.whole_second();
    let mut days = Marks::NONE;
    days.mark(now.day().0);
    Entry {
        state: EntryState::Learned,
        count: 0,
        first_seen: now,
        last_seen: now,
        days,
        pods: 0,
        shown_by: BTreeMap::new(),
        unverified: false,
        snapshot: false,
        provisional: false,
        lesson: Lesson {
            past: Past::Inherited,
            ..Lesson::default()
        },
        ..entry.clone()
    }
}
