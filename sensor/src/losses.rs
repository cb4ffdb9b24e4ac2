//! What was lost, by feed and reason: added up until a batch takes it along.

use anchorwatch_convert::feed_to_crd;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_crds::v1alpha1::Loss;
use anchorwatch_sensor_common::loss::LossPlace;
use std::collections::BTreeMap;

use crate::{loader, probes};

/// Why the sensor itself could not deliver an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LossReason {
    /// The kernel's record could not be decoded.
    MalformedRecord,
    /// What ran before the sensor was more than the kernel's maps hold: the origin of what descends from it is unknown.
    SnapshotFull,
    /// Its cgroup is not known, and its process was gone.
    CgroupUnknown,
    /// Its cgroup is among the pods, in a shape that is not known.
    CgroupUnrecognised,
    /// Its pod did not become known in time.
    PodUnknown,
    /// Its pod is known, and which of its containers it was did not become known in time.
    ContainerUnknown,
    /// Too much waited for containers to become known.
    WaitingFull,
    /// Too much waited for its container to become known.
    WaitingContainerFull,
    /// A connection was closed whose opening is not known any more: how much it sent, and where, goes uncounted.
    ConnectionForgotten,
    /// Its container showed more behaviours than are kept for one.
    ContainerQuota,
    /// The outbox had no room for it.
    OutboxFull,
    /// The outbox was damaged and began anew.
    OutboxDamaged,
    /// The API server never took the batch that it was in.
    ReportRefused,
    /// The sensor was not running: what happened meanwhile is not known.
    SensorRestarted,
}

impl LossReason {
    pub const ALL: [Self; 14] = [
        Self::MalformedRecord,
        Self::SnapshotFull,
        Self::CgroupUnknown,
        Self::CgroupUnrecognised,
        Self::PodUnknown,
        Self::ContainerUnknown,
        Self::WaitingFull,
        Self::WaitingContainerFull,
        Self::ConnectionForgotten,
        Self::ContainerQuota,
        Self::OutboxFull,
        Self::OutboxDamaged,
        Self::ReportRefused,
        Self::SensorRestarted,
    ];

    /// As reports and metrics have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MalformedRecord => "malformed_record",
            Self::SnapshotFull => "snapshot_full",
            Self::CgroupUnknown => "cgroup_unknown",
            Self::CgroupUnrecognised => "cgroup_unrecognised",
            Self::PodUnknown => "pod_unknown",
            Self::ContainerUnknown => "container_unknown",
            Self::WaitingFull => "waiting_full",
            Self::WaitingContainerFull => "waiting_container_full",
            Self::ConnectionForgotten => "connection_forgotten",
            Self::ContainerQuota => "container_quota",
            Self::OutboxFull => "outbox_full",
            Self::OutboxDamaged => "outbox_damaged",
            Self::ReportRefused => "report_refused",
            Self::SensorRestarted => "sensor_restarted",
        }
    }
}

/// Counts by the feed that lacks the events and by reason.
pub type ByFeed = BTreeMap<Feed, BTreeMap<String, u64>>;

/// Adds counts up.
pub fn by_feed(counts: impl IntoIterator<Item = (Feed, String, u64)>) -> ByFeed {
    let mut sums = ByFeed::new();
    for (feed, reason, count) in counts {
        let sum = sums.entry(feed).or_default().entry(reason).or_default();
        *sum = sum.saturating_add(count);
    }
    sums
}

/// Losses that no batch has taken along yet, and the totals of this run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    unreported: ByFeed,
    total: ByFeed,
    kernel: ByFeed,
    changed: bool,
}

impl Losses {
    /// With what a former run left.
    pub fn restored(unreported: ByFeed) -> Self {
        Self {
            unreported,
            ..Self::default()
        }
    }

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

    /// Takes over what the kernel's counters, which only rise, have counted since the last time.
    pub fn add_kernel(&mut self, losses: &loader::Losses) {
        let counters = losses.counts.iter().map(|loss| {
            let reason = format!("kernel_{}_{}", loss.place.name(), loss.reason.name());
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
                *counts.entry(feed).or_default().entry(reason.to_owned()).or_default() += count;
            }
            self.changed = true;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.unreported.is_empty()
    }

    /// Of this run, by feed and reason.
    pub fn totals(&self) -> impl Iterator<Item = (Feed, &str, u64)> {
        flat(&self.total)
    }

    pub const fn unreported(&self) -> &ByFeed {
        &self.unreported
    }

    /// Whether something was added since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// For a batch, which is answerable for them from now on.
    pub fn take(&mut self) -> Vec<Loss> {
        self.changed = true;
        let taken = std::mem::take(&mut self.unreported);
        flat(&taken)
            .map(|(feed, reason, count)| Loss {
                feed: feed_to_crd(feed),
                reason: reason.to_owned(),
                count: i64::try_from(count).unwrap_or(i64::MAX),
            })
            .collect()
    }
}

fn flat(counts: &ByFeed) -> impl Iterator<Item = (Feed, &str, u64)> {
    counts
        .iter()
        .flat_map(|(feed, reasons)| reasons.iter().map(|(reason, count)| (*feed, reason.as_str(), *count)))
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
mod tests {
    use super::*;
    use crate::loader::Loss as KernelLoss;
    use anchorwatch_crds::v1alpha1::FeedName;
    use anchorwatch_sensor_common::loss::LossReason as KernelReason;

    /// As the resource's schema has it.
    const MOST_REASONS_OF_A_REPORT: usize = 128;

    fn kernel(count: u64, misses: u64) -> loader::Losses {
        loader::Losses {
            counts: vec![KernelLoss {
                place: LossPlace::Exec,
                reason: KernelReason::RingFull,
                count,
            }],
            recursion_misses: vec![("tp_btf/sched_process_exec", misses)],
        }
    }

    #[test]
    fn the_kernels_counters_are_taken_over_as_differences() {
        let mut losses = Losses::default();
        losses.add_kernel(&kernel(5, 0));
        losses.add_kernel(&kernel(7, 1));
        losses.add(Feed::Process, LossReason::PodUnknown, 1);
        let taken: Vec<(String, i64)> = losses
            .take()
            .into_iter()
            .map(|loss| (loss.reason, loss.count))
            .collect();
        let expected = [
            ("kernel_exec_ring_full", 7),
            ("kernel_recursion", 1),
            ("pod_unknown", 1),
        ];
        assert_eq!(taken, expected.map(|(reason, count)| (reason.to_owned(), count)));
        losses.add_kernel(&kernel(7, 1));
        assert!(losses.is_empty());
        let first = losses.totals().next();
        assert_eq!(first, Some((Feed::Process, "kernel_exec_ring_full", 7)));
    }

    #[test]
    fn each_feed_is_told_what_it_lacks() {
        let mut losses = Losses::default();
        let mut kernel = kernel(1, 0);
        for (place, count) in [(LossPlace::Flow, 2), (LossPlace::Dns, 3)] {
            let reason = KernelReason::RingFull;
            kernel.counts.push(KernelLoss { place, reason, count });
        }
        let hook = probes::all()
            .find(|probe| probe.feed == Feed::Network)
            .map(probes::Probe::name);
        kernel
            .recursion_misses
            .push((hook.expect("the network feed has hooks"), 4));
        losses.add_kernel(&kernel);
        losses.add_to_all(LossReason::SensorRestarted, 1);
        let taken: Vec<(FeedName, String, i64)> = losses
            .take()
            .into_iter()
            .map(|loss| (loss.feed, loss.reason, loss.count))
            .collect();
        let expected = [
            (FeedName::Process, "kernel_exec_ring_full", 1),
            (FeedName::Process, "sensor_restarted", 1),
            (FeedName::Network, "kernel_dns_ring_full", 3),
            (FeedName::Network, "kernel_flow_ring_full", 2),
            (FeedName::Network, "kernel_recursion", 4),
            (FeedName::Network, "sensor_restarted", 1),
            (FeedName::Module, "sensor_restarted", 1),
        ];
        assert_eq!(
            taken,
            expected.map(|(feed, reason, count)| (feed, reason.to_owned(), count))
        );
    }

    #[test]
    fn every_reason_fits_into_one_report() {
        let feeds = Feed::ALL.len();
        let kernel = LossPlace::ALL.len() * KernelReason::ALL.len() + feeds;
        assert!(kernel + feeds * LossReason::ALL.len() <= MOST_REASONS_OF_A_REPORT);
    }
}
