//! What was lost, by feed and reason: added up until a batch takes it along. What is known to be one container's is kept
//! apart: it says nothing about the others.

mod owned;
mod reason;

use anchorwatch_convert::feed_to_crd;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_crds::v1alpha1::{ContainerLosses, Loss};
use anchorwatch_sensor_common::loss::{self, LossPlace};
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use crate::attribute::cgroup::ContainerId;
use crate::loader::filter::{SlotLoss, is_by_container};
use crate::{loader, probes};
use owned::Owned;
pub use owned::{Owner, OwnerLosses, Whose};
pub use reason::LossReason;

/// Counts by the feed that lacks the events and by reason.
pub type ByFeed = BTreeMap<Feed, BTreeMap<String, u64>>;

/// How long a container that lost something may stay without a name: as long as events wait for theirs.
const PATIENCE: Duration = Duration::from_mins(1);

/// Containers without a name that are told apart.
const UNNAMED: usize = 256;

/// Adds counts up.
pub fn by_feed(counts: impl IntoIterator<Item = (Feed, String, u64)>) -> ByFeed {
    let mut sums = ByFeed::new();
    for (feed, reason, count) in counts {
        add(&mut sums, feed, &reason, count);
    }
    sums
}

fn add(sums: &mut ByFeed, feed: Feed, reason: &str, count: u64) {
    let sum = sums.entry(feed).or_default().entry(reason.to_owned()).or_default();
    *sum = sum.saturating_add(count);
}

/// Losses that no batch has taken along yet, and the totals of this run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    /// Of nobody in particular: any container of the node may lack something.
    unreported: ByFeed,
    owned: Owned,
    /// Of containers that no status names yet.
    unnamed: HashMap<ContainerId, (Instant, ByFeed)>,
    total: ByFeed,
    kernel: ByFeed,
    changed: bool,
}

/// What a batch takes along.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    /// Of nobody in particular.
    pub losses: Vec<Loss>,
    pub of_containers: Vec<ContainerLosses>,
}

/// What was lost and nobody was told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unreported {
    /// Of nobody in particular.
    pub anybodys: ByFeed,
    pub of_containers: Vec<OwnerLosses>,
}

impl Losses {
    /// With what a former run left.
    pub fn restored(unreported: ByFeed, of_containers: Vec<OwnerLosses>) -> Self {
        Self {
            unreported,
            owned: of_containers.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Something that anybody on the node may lack.
    pub fn add(&mut self, feed: Feed, reason: LossReason, count: u64) {
        self.add_named(feed, reason.name(), count);
    }

    /// Something that every feed lacks events by.
    pub fn add_to_all(&mut self, reason: LossReason, count: u64) {
        for feed in Feed::ALL {
            self.add(feed, reason, count);
        }
    }

    pub fn add_all(&mut self, losses: &ByFeed) {
        for (feed, reason, count) in flat(losses) {
            self.add_named(feed, reason, count);
        }
    }

    /// Something that is known to be somebody's, or that nobody can place.
    pub fn charge(&mut self, whose: Whose, feed: Feed, reason: LossReason, count: u64, now: Instant) {
        self.charge_named(whose, feed, reason.name(), count, now);
    }

    /// What one container lost in the kernel.
    pub fn charge_slot(&mut self, whose: Whose, loss: SlotLoss, now: Instant) {
        let SlotLoss {
            container: _,
            place,
            reason,
            count,
        } = loss;
        self.charge_named(whose, feed_of(place), &kernel_reason(place, reason), count, now);
    }

    fn charge_named(&mut self, whose: Whose, feed: Feed, reason: &str, count: u64, now: Instant) {
        if count == 0 {
            return;
        }
        let of_nobody = match whose {
            Whose::Owner(owner) => !self.owned.add(owner, feed, reason, count),
            Whose::Container(id) if self.unnamed.len() < UNNAMED || self.unnamed.contains_key(&id) => {
                let (_, losses) = self.unnamed.entry(id).or_insert_with(|| (now, ByFeed::new()));
                add(losses, feed, reason, count);
                false
            }
            Whose::Unknown | Whose::Container(_) => true,
        };
        if of_nobody {
            add(&mut self.unreported, feed, reason, count);
        }
        add(&mut self.total, feed, reason, count);
        self.changed = true;
    }

    /// Charges what containers lost whose names were not known; what stays without one may be anybody's.
    pub fn name(&mut self, name: impl Fn(&ContainerId) -> Option<Owner>, now: Instant) {
        let of_containers = &mut self.owned;
        let unreported = &mut self.unreported;
        self.unnamed.retain(|id, (since, losses)| {
            let owner = name(id);
            if owner.is_none() && now.duration_since(*since) < PATIENCE {
                return true;
            }
            for (feed, reason, count) in flat(losses) {
                let is_owned = owner
                    .clone()
                    .is_some_and(|owner| of_containers.add(owner, feed, reason, count));
                if !is_owned {
                    add(unreported, feed, reason, count);
                }
            }
            false
        });
    }

    /// Takes over what the kernel's counters, which only rise, have counted since the last time. What is lost of one
    /// container is told by the filter's readings.
    pub fn add_kernel(&mut self, losses: &loader::Losses) {
        let counters = losses
            .counts
            .iter()
            .filter(|loss| !is_by_container(loss.place, loss.reason));
        let counters = counters.map(|loss| {
            let reason = kernel_reason(loss.place, loss.reason);
            (feed_of(loss.place), reason, loss.count)
        });
        let skipped = losses.recursion_misses.iter();
        let skipped = skipped.map(|(hook, misses)| (probes::feed_of(hook), "kernel_recursion".to_owned(), *misses));
        let now = by_feed(counters.chain(skipped));
        for (feed, reason, count) in flat(&now) {
            let before = self.kernel.get(&feed).and_then(|reasons| reasons.get(reason));
            let news = count.saturating_sub(before.copied().unwrap_or(0));
            self.add_named(feed, reason, news);
        }
        self.kernel = now;
    }

    fn add_named(&mut self, feed: Feed, reason: &str, count: u64) {
        if count > 0 {
            for counts in [&mut self.unreported, &mut self.total] {
                add(counts, feed, reason, count);
            }
            self.changed = true;
        }
    }

    /// Whether there is nothing that a batch could take.
    pub fn is_empty(&self) -> bool {
        self.unreported.is_empty() && self.owned.is_empty()
    }

    /// Of this run, by feed and reason.
    pub fn totals(&self) -> impl Iterator<Item = (Feed, &str, u64)> {
        flat(&self.total)
    }

    /// What is of nobody in particular. What still waits for a name is among it: a restart would not know the name.
    pub fn unreported(&self) -> ByFeed {
        let unnamed = self.unnamed.values().flat_map(|(_, losses)| flat(losses));
        let all = flat(&self.unreported).chain(unnamed);
        by_feed(all.map(|(feed, reason, count)| (feed, reason.to_owned(), count)))
    }

    /// What is known to be containers'.
    pub fn unreported_of_containers(&self) -> Vec<OwnerLosses> {
        self.owned.iter().collect()
    }

    /// Whether something was added since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// For a batch, which is answerable for them from now on. What finds no room in it waits for the next one.
    pub fn take(&mut self) -> Taken {
        self.changed = true;
        let unreported = std::mem::take(&mut self.unreported);
        Taken {
            losses: to_crd(&unreported),
            of_containers: self.owned.take(),
        }
    }

    /// All of it, for who keeps no batches.
    pub fn take_all(&mut self) -> Unreported {
        self.changed = true;
        Unreported {
            anybodys: std::mem::take(&mut self.unreported),
            of_containers: self.owned.take_all(),
        }
    }
}

fn to_crd(losses: &ByFeed) -> Vec<Loss> {
    flat(losses)
        .map(|(feed, reason, count)| Loss {
            feed: feed_to_crd(feed),
            reason: reason.to_owned(),
            count: i64::try_from(count).unwrap_or(i64::MAX),
        })
        .collect()
}

fn flat(counts: &ByFeed) -> impl Iterator<Item = (Feed, &str, u64)> {
    counts
        .iter()
        .flat_map(|(feed, reasons)| reasons.iter().map(|(reason, count)| (*feed, reason.as_str(), *count)))
}

fn kernel_reason(place: LossPlace, reason: loss::LossReason) -> String {
    format!("kernel_{}_{}", place.name(), reason.name())
}

/// Which feed lacks what a program could not tell. Without the record of a cgroup its events are looked up, so that no
/// feed lacks any; the record is counted where lineage is.
const fn feed_of(place: LossPlace) -> Feed {
    match place {
        LossPlace::Exec | LossPlace::Fork | LossPlace::Cgroup => Feed::Process,
        LossPlace::Flow | LossPlace::Dns => Feed::Network,
        LossPlace::Mmap | LossPlace::Kmod => Feed::Module,
    }
}

#[cfg(test)]
mod tests;
