//! What was learned of a workload: the entries of each container and feed, and the batches merged into them.

mod batch;
mod bounds;
mod candidate;
mod cap;
mod command_sample;
mod decided;
mod derive;
mod diff;
mod dormant;
mod entry;
mod gone;
mod horizon;
mod hours;
mod inherit;
mod left_out;
mod lesson;
mod maturity;
mod merge;
mod narrowing;
mod novelty;
mod outbox;
mod replaced;
mod revisions;
mod scoring;
mod sighting;
mod size;
mod start;
#[cfg(test)]
mod tests;
mod widen;
mod window;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    behaviour::Feed,
    id::{BatchId, BehaviourId, ContainerName, NodeName},
    time::Timestamp,
};

pub use batch::{Batch, BehaviourReport, ContainerReport, Losses, ReportingPod};
pub use candidate::{Candidate, Candidates, MAX_CANDIDATE_PODS};
pub use cap::{MAX_CONTAINERS, MAX_ENTRIES, MAX_REASONS};
pub use command_sample::{CommandSample, MAX_SAMPLED};
pub(crate) use derive::{Derived, Whose, split};
pub use diff::{Awaited, Difference, FeedDifference, Newly, Refusal, Watch, difference};
pub(crate) use dormant::judge;
pub use dormant::{Dormant, MAX_DORMANT};
pub use entry::{Entry, EntryState, MAX_LINEAGE, implied_lineage};
pub use gone::{Fate, Keeping, Presence, fate};
pub use hours::{HISTORY_HOURS, HourSet, Hours};
pub use inherit::{Inheritance, inherit};
pub use left_out::LeftOut;
pub use lesson::{Lesson, Past, Phase};
pub use maturity::{AgeOutcome, Maturity, age};
pub use merge::{MergeOutcome, Quarantine, merge, merge_scored};
pub use narrowing::Window;
pub use novelty::{DORMANT_DAYS, Novelty};
pub use outbox::Outbox;
pub use revisions::{MAX_REVISIONS, Revisions};
pub use scoring::{Scorability, Scoring, fingerprint, learned_commands};
pub use sighting::{MAX_SIGHTINGS, Sighting};
pub(crate) use sighting::{limit, sample};
pub(crate) use widen::stand_in;
pub use window::Marks;

/// What was learned of a workload.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Baseline {
    /// Its containers.
    pub containers: BTreeMap<ContainerName, ContainerBaseline>,
    /// Batches that were merged and are not yet seen acknowledged: merging one of them again changes nothing.
    pub merged: BTreeSet<BatchId>,
    /// How often a behaviour was reported of a container that there was no room for.
    pub overflowed: u64,
    /// The revisions that were watched.
    #[serde(default)]
    pub revisions: Revisions,
    /// Workloads of the namespace, as `Kind/name`, whose learned behaviour it was given once, and when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inherited: BTreeMap<String, Timestamp>,
    /// The window that it ages by; none before anything was observed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

/// What was learned of a container.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ContainerBaseline {
    /// When its first process was last seen to start, in any pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// Its feeds.
    pub feeds: BTreeMap<Feed, FeedBaseline>,
}

/// What was learned of a container through a feed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FeedBaseline {
    /// How complete it is. It never falls back.
    pub maturity: Maturity,
    /// When its first observation was merged.
    pub started_at: Timestamp,
    /// Wall-clock hours in which at least one pod was observed.
    pub hours: Hours,
    /// Hours in which the sensors lost something of it.
    #[serde(default)]
    pub lossy: HourSet,
    /// What the sensors lost, by reason, since the baseline began.
    pub losses: BTreeMap<String, Lost>,
    /// How often a behaviour was reported that no longer found room.
    pub overflowed: u64,
    /// What was new on the last day on which not all of that found room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
    /// How many siblings are told apart, where room ran short and more than that are joined; none where all are told apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<u8>,
    /// What was seen.
    pub entries: BTreeMap<BehaviourId, Entry>,
    /// What was known until it fell out of the window, and may have returned since.
    #[serde(default)]
    pub dormant: BTreeMap<BehaviourId, Dormant>,
    /// Command lines that were judged usual, and are not learned yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub candidates: Candidates,
    /// A sample of the command lines that it ran: how often they are new.
    #[serde(default, skip_serializing_if = "CommandSample::is_empty")]
    pub sampled: CommandSample,
}

/// What the sensors lost for one reason.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Lost {
    /// How many events, or how often.
    pub count: u64,
    /// When it was last reported, where that is known.
    pub last: Option<Timestamp>,
}

impl FeedBaseline {
    /// An empty one that begins now.
    pub const fn new(now: Timestamp) -> Self {
        Self {
            maturity: Maturity::Learning,
            started_at: now.whole_second(),
            hours: Hours::NONE,
            lossy: HourSet::NONE,
            losses: BTreeMap::new(),
            overflowed: 0,
            left_out: None,
            apart: None,
            entries: BTreeMap::new(),
            dormant: BTreeMap::new(),
            candidates: Candidates::new(),
            sampled: CommandSample::NONE,
        }
    }

    /// Begins now, where all that it holds was told by pods that the API server does not know: what somebody makes up must
    /// not begin the time that it learns for. Returns whether it had begun at another time.
    fn begin_anew(&mut self, now: Timestamp) -> bool {
        let made_up = self.hours.total == 0
            && self.dormant.is_empty()
            && !self.entries.is_empty()
            && self.entries.values().all(|entry| entry.unverified);
        let before = (self.maturity, self.started_at);
        if made_up {
            (self.maturity, self.started_at) = (Maturity::Learning, now.whole_second());
        }
        before != (self.maturity, self.started_at)
    }

    /// Takes an entry as it was read from an object, under the id that its behaviour really has. Where the object held
    /// it twice, a quarantined one goes before a learned one, then the one that was seen more often.
    pub fn insert(&mut self, entry: Entry) {
        let id = entry.behaviour.id();
        let rank = |entry: &Entry| (entry.is_quarantined(), entry.count);
        match self.entries.get(&id) {
            Some(held) if rank(held) >= rank(&entry) => {}
            Some(_) | None => {
                self.entries.insert(id, entry);
            }
        }
    }

    /// Takes in what an object says of the same feed a second time: whatever either knows stays known. Its times, hours and
    /// counts are those of the one that was observed for longer.
    pub fn take_in(&mut self, other: Self) {
        let (mut more, less) = if other.hours.total > self.hours.total {
            (other, std::mem::replace(self, Self::new(Timestamp::default())))
        } else {
            (std::mem::replace(self, Self::new(Timestamp::default())), other)
        };
        more.maturity = more.maturity.max(less.maturity);
        for entry in less.entries.into_values() {
            more.insert(entry);
        }
        for (id, dormant) in less.dormant {
            more.dormant.entry(id).or_insert(dormant);
        }
        for (reason, lost) in less.losses {
            more.losses.entry(reason).or_insert(lost);
        }
        for (program, lines) in less.candidates {
            let held = more.candidates.entry(program).or_default();
            for (line, candidate) in lines {
                held.entry(line).or_insert(candidate);
            }
        }
        more.left_out = more.left_out.or(less.left_out);
        more.apart = more.apart.or(less.apart);
        *self = more;
    }
}

impl Baseline {
    /// A feed of a container, made empty where it is not there yet.
    pub fn feed_mut(&mut self, container: &ContainerName, feed: Feed, now: Timestamp) -> &mut FeedBaseline {
        self.containers
            .entry(container.clone())
            .or_default()
            .feeds
            .entry(feed)
            .or_insert_with(|| FeedBaseline::new(now))
    }

    /// Whether a container has a feed.
    pub fn has_feed(&self, container: &ContainerName, feed: Feed) -> bool {
        let held = self.containers.get(container);
        held.is_some_and(|container| container.feeds.contains_key(&feed))
    }

    /// Every feed of every container.
    pub fn feeds(&self) -> impl Iterator<Item = (&ContainerName, Feed, &FeedBaseline)> {
        self.containers
            .iter()
            .flat_map(|(name, container)| container.feeds.iter().map(move |(feed, held)| (name, *feed, held)))
    }

    /// Every entry, with its container and id.
    pub fn entries(&self) -> impl Iterator<Item = (&ContainerName, BehaviourId, &Entry)> {
        self.feeds()
            .flat_map(|(name, _, feed)| feed.entries.iter().map(move |(id, entry)| (name, *id, entry)))
    }

    /// The least mature state of its feeds: Learning where there is none.
    pub fn maturity(&self) -> Maturity {
        self.feeds().map(|(_, _, feed)| feed.maturity).min().unwrap_or_default()
    }

    /// Number of learned entries.
    pub fn learned(&self) -> usize {
        self.entries().filter(|(_, _, entry)| entry.is_learned()).count()
    }

    /// Number of entries that people accepted.
    pub fn accepted(&self) -> usize {
        self.entries().filter(|(_, _, entry)| entry.is_accepted()).count()
    }

    /// Number of quarantined entries.
    pub fn quarantined(&self) -> usize {
        self.entries().filter(|(_, _, entry)| entry.is_quarantined()).count()
    }

    /// Number of dormant behaviours.
    pub fn dormant(&self) -> usize {
        let of_feed = |feed: &FeedBaseline| feed.dormant.keys().filter(|id| !feed.entries.contains_key(*id)).count();
        self.feeds().map(|(_, _, feed)| of_feed(feed)).sum()
    }

    /// The most hours in which any of its feeds was observed.
    pub fn hours_observed(&self) -> u64 {
        self.feeds().map(|(_, _, feed)| feed.hours.total).max().unwrap_or(0)
    }

    /// How often a behaviour was reported that found no room.
    pub fn all_overflowed(&self) -> u64 {
        let feeds = self.feeds().map(|(_, _, feed)| feed.overflowed);
        feeds.fold(self.overflowed, u64::saturating_add)
    }

    /// Forgets the merged batches that can't come again, as the reports of their nodes tell: what is acknowledged, what
    /// is of an epoch that the report knows no more, and all of a node that has no report. Batches of a node that
    /// `outboxes` lacks stay. So a node keeps batches of two epochs at most, that of its report and that of the last
    /// acknowledgement. Returns whether any was forgotten.
    ///
    /// An outbox must have been read after this baseline was: then a batch that is here and that the outbox does not
    /// hold, or shows as acknowledged, was acknowledged or given up for ever. A report read earlier may be behind, and
    /// forgetting too early would count a batch twice.
    pub fn forget(&mut self, outboxes: &BTreeMap<NodeName, Outbox>) -> bool {
        let before = self.merged.len();
        self.merged
            .retain(|batch| outboxes.get(&batch.node).is_none_or(|outbox| outbox.may_send(batch)));
        self.merged.len() != before
    }

    /// Drops the containers that hold no entries and that no pod declares any more. Returns how many.
    pub fn prune_containers(&mut self, declared: &BTreeSet<ContainerName>) -> usize {
        let before = self.containers.len();
        self.containers.retain(|name, container| {
            declared.contains(name) || container.feeds.values().any(|feed| !feed.entries.is_empty())
        });
        before - self.containers.len()
    }
}
