//! What is forgotten: to make room, with its pod, and as told where the API server lost it.

use anchorwatch_core::id::BehaviourId;
use anchorwatch_core::time::{Hour, Timestamp};

use super::size::{behaviour_size, container_size};
use super::{RowChange, Seen};
use crate::attribute::pod::ContainerKey;
use crate::losses::LossReason;

/// The share of the room that is freed at once: the search for what is oldest looks at everything.
const EVICTED_SHARE: usize = 16;

impl Seen {
    /// Forgets the containers of pods that are gone, once everything about them was taken by a batch.
    /// To be called while no batch is outstanding.
    pub fn forget_gone(&mut self, pod_is_known: impl Fn(&str) -> bool) {
        let mut settled = Vec::new();
        for (key, container) in &mut self.containers {
            container.gone = !container.row.is_node() && !pod_is_known(&container.row.pod_uid);
            if container.gone && container.is_settled() {
                settled.push(key.clone());
            }
        }
        for key in settled {
            let Some(container) = self.containers.remove(&key) else {
                continue;
            };
            self.bytes -= container_size(&container.row);
            for (id, entry) in container.entries {
                self.bytes -= behaviour_size(&entry.row);
                self.dirty.removed.push(RowChange::remove_behaviour(key.clone(), id));
            }
            self.dirty.removed.push(RowChange::remove_container(key));
        }
    }

    /// The API server lost what was reported: everything that is seen again is reported again.
    pub fn report_again(&mut self) {
        for (key, container) in &mut self.containers {
            for (id, entry) in &mut container.entries {
                if entry.row.reported_hour.take().is_some() {
                    entry.row.reported_hour = Some(Hour(0));
                    self.bytes -= entry.row.forget_told(&mut container.room);
                    if !std::mem::replace(&mut entry.dirty, true) {
                        self.dirty.behaviours.push((key.clone(), *id));
                    }
                }
            }
        }
    }

    /// Forgets the oldest of what is reported already.
    pub(super) fn make_room(&mut self, size: usize) -> Result<(), LossReason> {
        if self.bytes + size <= self.limits.bytes {
            return Ok(());
        }
        if self.full {
            return Err(LossReason::OutboxFull);
        }
        let mut known: Vec<(Timestamp, ContainerKey, BehaviourId)> = Vec::new();
        for (key, container) in &self.containers {
            let reported = container
                .entries
                .iter()
                .filter(|(_, entry)| entry.row.unreported.is_none());
            known.extend(reported.map(|(id, entry)| (entry.row.last_seen, key.clone(), *id)));
        }
        known.sort_unstable();
        let target = (self.limits.bytes - self.limits.bytes / EVICTED_SHARE).saturating_sub(size);
        for (_, key, id) in known {
            if self.bytes <= target {
                break;
            }
            self.evict(key, id);
        }
        self.full = self.bytes + size > self.limits.bytes;
        if self.full { Err(LossReason::OutboxFull) } else { Ok(()) }
    }

    fn evict(&mut self, key: ContainerKey, id: BehaviourId) {
        let container = self.containers.get_mut(&key);
        if let Some(entry) = container.and_then(|container| container.forget(id)) {
            self.bytes -= behaviour_size(&entry.row);
            self.evicted += 1;
            self.dirty.removed.push(RowChange::remove_behaviour(key, id));
        }
    }
}
