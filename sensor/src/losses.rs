//! What was lost, by reason: added up until a batch takes it along.

use anchorwatch_crds::v1alpha1::{FeedName, Loss};
use std::collections::BTreeMap;

use crate::loader;

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

/// Losses that no batch has taken along yet, and the totals of this run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Losses {
    unreported: BTreeMap<String, u64>,
    total: BTreeMap<String, u64>,
    kernel: BTreeMap<String, u64>,
    changed: bool,
}

impl Losses {
    /// With what a former run left.
    pub fn restored(unreported: BTreeMap<String, u64>) -> Self {
        Self {
            unreported,
            ..Self::default()
        }
    }

    pub fn add(&mut self, reason: LossReason, count: u64) {
        self.add_named(reason.name().to_owned(), count);
    }

    /// Takes over what the kernel's counters, which only rise, have counted since the last time.
    pub fn add_kernel(&mut self, losses: &loader::Losses) {
        let counts = losses.counts.iter().map(|loss| {
            (
                format!("kernel_{}_{}", loss.place.name(), loss.reason.name()),
                loss.count,
            )
        });
        let recursion = losses.recursion_misses.iter().map(|(_, misses)| misses).sum();
        for (reason, count) in counts.chain([("kernel_recursion".to_owned(), recursion)]) {
            let before = self.kernel.insert(reason.clone(), count).unwrap_or(0);
            self.add_named(reason, count.saturating_sub(before));
        }
    }

    fn add_named(&mut self, reason: String, count: u64) {
        if count > 0 {
            *self.unreported.entry(reason.clone()).or_default() += count;
            *self.total.entry(reason).or_default() += count;
            self.changed = true;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.unreported.is_empty()
    }

    /// Of this run, by reason.
    pub fn totals(&self) -> impl Iterator<Item = (&str, u64)> {
        self.total.iter().map(|(reason, count)| (reason.as_str(), *count))
    }

    pub const fn unreported(&self) -> &BTreeMap<String, u64> {
        &self.unreported
    }

    /// Whether something was added since this was last asked.
    pub fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// For a batch, which is answerable for them from now on.
    pub fn take(&mut self) -> Vec<Loss> {
        self.changed = true;
        std::mem::take(&mut self.unreported)
            .into_iter()
            .map(|(reason, count)| Loss {
                feed: FeedName::Process,
                reason,
                count: i64::try_from(count).unwrap_or(i64::MAX),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::Loss as KernelLoss;
    use anchorwatch_sensor_common::loss::{LossPlace, LossReason as KernelReason};

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
        losses.add(LossReason::PodUnknown, 1);
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
        assert_eq!(losses.totals().next(), Some(("kernel_exec_ring_full", 7)));
    }

    #[test]
    fn every_reason_fits_into_one_report() {
        let kernel = LossPlace::ALL.len() * KernelReason::ALL.len() + 1;
        assert!(kernel + LossReason::ALL.len() <= MOST_REASONS_OF_A_REPORT);
    }
}
