//! Why the sensor itself loses events.

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
    /// What it descends from is not known any more: it is told with `?` in place of a parent, and may look new by that.
    AncestorUnknown,
    /// A connection was closed whose opening is not known any more: how much it sent, and where, goes uncounted.
    ConnectionForgotten,
    /// A descriptor was given for mapping, and the process had not mapped its file afterwards: another one was put there
    /// meanwhile, or it was unmapped at once.
    FileSwapped,
    /// Its container found no free slot in the kernel's filter and shares one with others: what is lost of it there is
    /// known to be one of theirs, and no more. Once a container and feed, not by event.
    SlotsFull,
    /// Its container showed more behaviours than are kept for one.
    ContainerQuota,
    /// Its container ran more new command lines than wait to be told of one, and this one is not remembered.
    CommandQuota,
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
    pub const ALL: [Self; 18] = [
        Self::MalformedRecord,
        Self::SnapshotFull,
        Self::CgroupUnknown,
        Self::CgroupUnrecognised,
        Self::PodUnknown,
        Self::ContainerUnknown,
        Self::WaitingFull,
        Self::WaitingContainerFull,
        Self::AncestorUnknown,
        Self::ConnectionForgotten,
        Self::FileSwapped,
        Self::SlotsFull,
        Self::ContainerQuota,
        Self::CommandQuota,
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
            Self::AncestorUnknown => "ancestor_unknown",
            Self::ConnectionForgotten => "connection_forgotten",
            Self::FileSwapped => "file_swapped",
            Self::SlotsFull => "slots_full",
            Self::ContainerQuota => "container_quota",
            Self::CommandQuota => "command_quota",
            Self::OutboxFull => "outbox_full",
            Self::OutboxDamaged => "outbox_damaged",
            Self::ReportRefused => "report_refused",
            Self::SensorRestarted => "sensor_restarted",
        }
    }
}
