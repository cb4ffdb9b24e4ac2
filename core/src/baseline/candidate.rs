//! Candidates: command lines of known programs that were judged usual, and therefore not raised. They are no neighbours of
//! what comes, and no measure of it, until they were seen on enough days in enough of the running pods: whoever comes nearer
//! to his aim by small steps, each near to the last, is measured against what was learned before his first one.

mod reach;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    Baseline, ContainerBaseline, Entry, FeedBaseline, Marks,
    cap::{self, Class, Used},
};
use crate::{
    behaviour::{Attributes, Feed, MAX_COMMAND},
    id::{BehaviourId, PodUid},
    text::{bounded_line, json_len},
    time::{Day, Timestamp},
};
use reach::Reach;

/// Most pods that are kept of a candidate: half of a larger workload's can't be named, and all of these have to run it.
pub const MAX_CANDIDATE_PODS: usize = 12;
/// Most bytes that the candidates of a baseline take together in its object. Of more, those are kept that were seen on the
/// most days, and then those that were seen last: a flood of new lines pushes out none that comes back.
pub(super) const CANDIDATE_BYTES: usize = 16 * 1_024;
/// What a candidate takes beside its line and its pods: its fields' names, the program's id, numbers at their widest.
const FRAME: usize = 190;
/// The uid of a pod, with its quotes and comma.
const POD: usize = 39;

/// Candidates by their program and line.
pub type Candidates = BTreeMap<BehaviourId, BTreeMap<String, Candidate>>;

/// When and where a command line was run that was judged usual.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Candidate {
    /// When it was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen.
    pub last_seen: Timestamp,
    /// The days on which it was seen.
    pub days: Marks,
    /// Pods that ran it; at most [`MAX_CANDIDATE_PODS`].
    pub pods: BTreeSet<PodUid>,
}

impl Candidate {
    /// Adds a sighting: commutative and idempotent.
    fn see(&mut self, pod: &PodUid, at: Timestamp) {
        if self.days.count() == 0 {
            self.first_seen = at;
        }
        self.first_seen = self.first_seen.min(at);
        self.last_seen = self.last_seen.max(at);
        self.days.mark(at.day().0);
        self.pods.insert(pod.clone());
        while self.pods.len() > MAX_CANDIDATE_PODS {
            self.pods.pop_last();
        }
    }

    fn bytes(&self, line: &str) -> usize {
        FRAME + json_len(line) + self.pods.len() * POD
    }
}

impl FeedBaseline {
    /// Its candidates, each with its program and line.
    pub fn candidates(&self) -> impl Iterator<Item = (BehaviourId, &String, &Candidate)> {
        let programs = self.candidates.iter();
        programs.flat_map(|(of, lines)| lines.iter().map(move |(line, candidate)| (*of, line, candidate)))
    }

    /// Whether a command line of a program was judged usual.
    pub(super) fn is_candidate(&self, of: BehaviourId, line: &str) -> bool {
        let lines = self.candidates.get(&of);
        lines.is_some_and(|lines| lines.contains_key(&bounded_line(line.to_owned(), MAX_COMMAND)))
    }

    /// Takes note of command lines of a program that were judged usual, when they were last run.
    pub(super) fn note_candidates(
        &mut self,
        of: BehaviourId,
        lines: impl IntoIterator<Item = String>,
        pod: &PodUid,
        at: Timestamp,
    ) {
        for line in lines {
            let held = self.candidates.entry(of).or_default();
            held.entry(bounded_line(line, MAX_COMMAND)).or_default().see(pod, at);
        }
    }

    /// A line that is raised, or learned, is a candidate no longer.
    pub(super) fn drop_candidate(&mut self, of: BehaviourId, line: &str) {
        if let Some(lines) = self.candidates.get_mut(&of) {
            lines.remove(&bounded_line(line.to_owned(), MAX_COMMAND));
            if lines.is_empty() {
                self.candidates.remove(&of);
            }
        }
    }

    /// Forgets the candidates that were not seen since a day, and those of programs that are known no longer. Returns how
    /// many.
    pub(super) fn expire_candidates(&mut self, oldest: Day) -> usize {
        let before = self.candidates().count();
        let entries = &self.entries;
        self.candidates.retain(|of, lines| {
            let known = entries
                .get(of)
                .filter(|entry| !entry.is_quarantined() || entry.is_bounded());
            lines.retain(|_, candidate| candidate.days.newest >= oldest.0);
            known.is_some() && !lines.is_empty()
        });
        before - self.candidates().count()
    }
}

impl Baseline {
    /// Number of candidates.
    pub fn candidates(&self) -> usize {
        self.feeds().map(|(_, _, feed)| feed.candidates().count()).sum()
    }

    /// Learns the candidates that show widely enough and could do no more than some learned command of their program, as far
    /// as there is room for them among these: none that was learned before gives way. Returns how many.
    pub(crate) fn learn_candidates(&mut self, is_wide: impl Fn(&Candidate) -> bool) -> usize {
        let mut used = Used::by(self);
        let mut learned = 0;
        for feed in self.containers.values_mut().filter_map(processes) {
            let wide = feed.candidates().filter(|(.., candidate)| is_wide(candidate));
            let wide: Vec<(BehaviourId, String)> = wide.map(|(of, line, _)| (of, line.clone())).collect();
            for (of, line) in wide {
                let entry = feed.entries.get_mut(&of).filter(|entry| entry.is_known_within_bounds());
                let within = entry.filter(|entry| Reach::of(entry).holds(&line));
                if within.is_some_and(|entry| learn(entry, &line, &mut used)) {
                    feed.drop_candidate(of, &line);
                    learned += 1;
                }
            }
        }
        learned
    }

    /// Forgets which pods of a candidate are gone, where it names as many as may be: others take their place. Returns
    /// whether any was forgotten.
    pub(crate) fn forget_candidates_pods(&mut self, exists: impl Fn(&PodUid) -> bool) -> bool {
        let mut forgot = false;
        for feed in self.containers.values_mut().filter_map(processes) {
            let all = feed.candidates.values_mut().flat_map(BTreeMap::values_mut);
            for candidate in all.filter(|held| held.pods.len() >= MAX_CANDIDATE_PODS) {
                candidate.pods.retain(&exists);
                forgot |= candidate.pods.len() < MAX_CANDIDATE_PODS;
            }
        }
        forgot
    }
}

fn processes(container: &mut ContainerBaseline) -> Option<&mut FeedBaseline> {
    container.feeds.get_mut(&Feed::Process)
}

/// Adds a line to the commands of a program, if it finds room and pushes out none of them.
fn learn(entry: &mut Entry, line: &str, used: &mut Used) -> bool {
    let more = Attributes {
        commands: BTreeSet::from([line.to_owned()]),
        ..Attributes::default()
    };
    let joined = entry.attributes.clone().into_inner().taking_in(more);
    if !joined.commands.contains(line) {
        return false;
    }
    used.remove(entry);
    let before = std::mem::replace(&mut entry.attributes, joined.into());
    let fits = cap::has_room_for(used, Class::Learned, entry);
    if !fits {
        entry.attributes = before;
    }
    used.add(entry);
    fits
}

/// Keeps the candidates that fit into their room: a function of what is there.
pub(super) fn bound(baseline: &mut Baseline) {
    let mut ranked = BTreeMap::new();
    for (name, _, feed) in baseline.feeds() {
        for (of, line, candidate) in feed.candidates() {
            let rank = (
                candidate.days.count(),
                candidate.last_seen,
                name.clone(),
                of,
                line.clone(),
            );
            ranked.insert(rank, candidate.bytes(line));
        }
    }
    let mut excess = ranked.values().sum::<usize>().saturating_sub(CANDIDATE_BYTES);
    for ((_, _, name, of, line), bytes) in ranked {
        if excess == 0 {
            break;
        }
        excess = excess.saturating_sub(bytes);
        if let Some(feed) = baseline.containers.get_mut(&name).and_then(processes) {
            feed.drop_candidate(of, &line);
        }
    }
}
