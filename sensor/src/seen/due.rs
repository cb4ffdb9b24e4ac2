//! What the next batch tells.

use anchorwatch_convert::{attributes_to_crd, behaviour_to_crd};
use anchorwatch_core::id::BehaviourId;
use anchorwatch_core::time::{Duration, Timestamp};
use anchorwatch_crds::v1alpha1::{PodReference, ReportedBehavior, ReportedContainer};
use serde::Serialize;
use std::collections::HashMap;

use super::commands::Room;
use super::{ContainerKey, Entry, Seen, SeenContainer, Unreported};
use crate::convert;

/// Counts of a young behaviour are told at every mark: somebody may be looking at its alert.
const YOUNG: Duration = Duration::from_hours(1);

/// As the resource's schema has it.
const MAX_CONTAINERS: usize = 256;
/// As the resource's schema has it.
const MAX_BEHAVIOURS: usize = 256;

impl Seen {
    /// Whether something is to be told that was never told before.
    pub fn has_fresh(&self) -> bool {
        !self.queues.fresh.is_empty()
    }

    /// Whether more is to be told than new command lines of behaviours that were told of.
    pub fn is_pressing(&self) -> bool {
        (self.pressing && self.has_fresh()) || !self.queues.marks.is_empty() || !self.queues.hours.is_empty()
    }

    /// Whether anything is to be told.
    pub fn has_due(&self) -> bool {
        self.has_fresh() || self.is_pressing()
    }

    /// Queues what is due at a mark: behaviours seen in an hour that was not told of yet, the counts of young ones,
    /// whatever is left of pods that are gone, and the hours in which containers were observed.
    pub fn queue_marks(&mut self, now: Timestamp) {
        for (key, container) in &mut self.containers {
            let gone = container.gone;
            for (id, entry) in &mut container.entries {
                if !entry.queued && entry.is_due(gone, now) {
                    entry.queued = true;
                    self.queues.marks.push_back((key.clone(), *id));
                }
            }
            if !container.row.hours.is_empty() && !self.queues.hours.contains(key) {
                self.queues.hours.push_back(key.clone());
            }
        }
    }

    /// Takes as much of what is queued as fits into so many bytes of JSON; what was taken counts as reported.
    pub fn take_due(&mut self, space: usize) -> Vec<ReportedContainer> {
        let mut batch = Batch {
            containers: Vec::new(),
            index: HashMap::new(),
            space,
            freed: 0,
        };
        self.full = false;
        while self.take_behaviour(&mut batch, true) {}
        self.pressing &= self.has_fresh();
        while self.take_behaviour(&mut batch, false) {}
        while let Some(key) = self.queues.hours.front() {
            if let Some(container) = self.containers.get_mut(key)
                && !container.row.hours.is_empty()
                && batch.slot(key, container).is_none()
            {
                break;
            }
            self.queues.hours.pop_front();
        }
        self.bytes -= batch.freed;
        let told: Vec<ContainerKey> = batch.index.into_keys().collect();
        for key in told {
            if let Some(container) = self.containers.get_mut(&key) {
                container.mark_dirty(&key, &mut self.dirty);
            }
        }
        batch.containers
    }

    /// Whether there is more to take.
    fn take_behaviour(&mut self, batch: &mut Batch, fresh: bool) -> bool {
        let queue = if fresh {
            &mut self.queues.fresh
        } else {
            &mut self.queues.marks
        };
        let Some((key, id)) = queue.front() else { return false };
        let container = self.containers.get_mut(key);
        let taken = container.map_or(Taken::Whole, |container| batch.take(key, container, *id));
        if taken == Taken::No {
            return false;
        }
        if let Some((key, id)) = queue.pop_front() {
            let container = self.containers.get_mut(&key);
            if let Some(entry) = container.and_then(|container| container.entries.get_mut(&id)) {
                if !std::mem::replace(&mut entry.dirty, true) {
                    self.dirty.behaviours.push((key.clone(), id));
                }
                if taken == Taken::InPart {
                    // The others first.
                    queue.push_back((key, id));
                } else if !fresh {
                    entry.queued = false;
                }
            }
        }
        true
    }
}

impl Entry {
    fn is_due(&self, gone: bool, now: Timestamp) -> bool {
        match (self.row.unreported, self.row.reported_hour) {
            // Never told: it is in the other queue.
            (_, None) | (None, Some(_)) => false,
            (Some(unreported), Some(reported)) => {
                // Another hour, not a later one: the clock may have been ahead when it was last told of or seen.
                let another = unreported.first.hour() != reported || unreported.last.hour() != reported;
                gone || another || now.distance(self.row.first_seen) < YOUNG
            }
        }
    }

    /// As a report has it; nothing if there is nothing to tell.
    fn reported(&self) -> Option<ReportedBehavior> {
        let unreported = self.row.unreported?;
        Some(ReportedBehavior {
            behavior: behaviour_to_crd(&self.row.behaviour),
            attributes: attributes_to_crd(&self.row.told()),
            lineage: self.row.lineage.iter().map(|path| path.as_ref().to_owned()).collect(),
            count: i64::try_from(self.told_count(unreported)).unwrap_or(i64::MAX),
            first_seen: convert::micro_time(unreported.first),
            last_seen: convert::micro_time(unreported.last),
            snapshot: self.row.snapshot,
            startup: self.row.startup,
        })
    }

    /// How many of the sightings are told now: one is kept back for each command line that finds no room beside the others,
    /// so that there is one to be told with it.
    fn told_count(&self, unreported: Unreported) -> u64 {
        unreported.count.saturating_sub(self.row.commands_left() as u64).max(1)
    }

    /// A report has told what it holds; what command lines are left wait for the next. Returns how many bytes that gives
    /// back.
    fn settle(&mut self, room: &mut Room) -> usize {
        let Some(unreported) = self.row.unreported.take() else {
            return 0;
        };
        let left = self.row.commands_left() as u64;
        if left > 0 {
            self.row.unreported = Some(Unreported {
                count: left,
                ..unreported
            });
        } else {
            self.row.reported_hour = Some(unreported.last.hour());
        }
        self.row.settle_commands(room)
    }
}

/// How much of an entry a batch has taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    No,
    /// Command lines are left.
    InPart,
    /// All that there was to tell.
    Whole,
}

/// A batch in the making.
struct Batch {
    containers: Vec<ReportedContainer>,
    index: HashMap<ContainerKey, usize>,
    space: usize,
    /// Bytes that need no longer be remembered.
    freed: usize,
}

impl Batch {
    /// Takes in what a behaviour has to tell, as much as a report of it holds.
    fn take(&mut self, key: &ContainerKey, container: &mut SeenContainer, id: BehaviourId) -> Taken {
        let Some(behaviour) = container.entries.get(&id).and_then(Entry::reported) else {
            return Taken::Whole;
        };
        let size = json_size(&behaviour);
        let head = if self.index.contains_key(key) {
            0
        } else {
            json_size(&head(container))
        };
        if head + size > self.space {
            return Taken::No;
        }
        let Some(slot) = self.slot(key, container) else {
            return Taken::No;
        };
        let told = &mut self.containers[slot].behaviors;
        if told.len() >= MAX_BEHAVIOURS {
            return Taken::No;
        }
        told.push(behaviour);
        self.space -= size;
        let SeenContainer { entries, room, .. } = container;
        let Some(entry) = entries.get_mut(&id) else {
            return Taken::Whole;
        };
        self.freed += entry.settle(room);
        if entry.row.unreported.is_some() {
            Taken::InPart
        } else {
            Taken::Whole
        }
    }

    /// Where the container stands; it takes its hours along.
    fn slot(&mut self, key: &ContainerKey, container: &mut SeenContainer) -> Option<usize> {
        if let Some(slot) = self.index.get(key) {
            return Some(*slot);
        }
        let head = head(container);
        let size = json_size(&head);
        if self.containers.len() >= MAX_CONTAINERS || size > self.space {
            return None;
        }
        self.space -= size;
        container.row.hours.clear();
        let slot = self.containers.len();
        self.containers.push(head);
        self.index.insert(key.clone(), slot);
        Some(slot)
    }
}

fn head(container: &SeenContainer) -> ReportedContainer {
    let row = &container.row;
    ReportedContainer {
        pod: PodReference {
            namespace: row.namespace.clone(),
            name: row.pod.clone(),
            uid: row.pod_uid.clone(),
        },
        container: row.container.clone(),
        container_id: row.container_id.clone(),
        hours: row.hours.iter().map(|hour| hour.0).collect(),
        behaviors: Vec::new(),
    }
}

/// With the comma that follows.
fn json_size(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(0, |json| json.len()) + 1
}
