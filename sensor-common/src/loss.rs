//! Where and why something was lost in the kernel: indices of the per-CPU array `LOSSES`.

/// A program that can lose something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossPlace {
    /// The exec program.
    Exec = 0,
    /// The fork program.
    Fork = 1,
    /// The cgroup programs.
    Cgroup = 2,
    /// The programs that see connections, sends and listeners.
    Flow = 3,
    /// The programs that read the answers of name servers.
    Dns = 4,
    /// The programs that see executable mappings.
    Mmap = 5,
    /// The programs that see kernel modules.
    Kmod = 6,
}

/// Why it was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LossReason {
    /// The ring buffer had no room for the record, beside what is kept free for sensitive ones.
    RingFull = 0,
    /// A hash map had no room for the entry.
    MapFull = 1,
    /// Memory that should be readable was not; the record went out without that part.
    ReadFault = 2,
    /// Something that had to be looked at was not, because this kernel lacks a field. What is missing in every
    /// record for that reason is a matter of capabilities and not counted.
    NoOffset = 3,
    /// Its container had sent more that was new than it may.
    Quota = 4,
    /// The ring buffer had no room at all for a sensitive record.
    SensitiveRingFull = 5,
    /// Its container had sent more sensitive records than it may, and this one was not known.
    SensitiveQuota = 6,
    /// Its container had as many processes as there was room for all others together: this one is not followed, and
    /// what descends from it is of unknown origin.
    ProcessShare = 7,
}

impl LossPlace {
    /// All of them, in the order of their indices.
    pub const ALL: [Self; 7] = [
        Self::Exec,
        Self::Fork,
        Self::Cgroup,
        Self::Flow,
        Self::Dns,
        Self::Mmap,
        Self::Kmod,
    ];

    /// The name used in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exec => "exec",
            Self::Fork => "fork",
            Self::Cgroup => "cgroup",
            Self::Flow => "flow",
            Self::Dns => "dns",
            Self::Mmap => "mmap",
            Self::Kmod => "kmod",
        }
    }
}

impl LossReason {
    /// All of them, in the order of their indices.
    pub const ALL: [Self; 8] = [
        Self::RingFull,
        Self::MapFull,
        Self::ReadFault,
        Self::NoOffset,
        Self::Quota,
        Self::SensitiveRingFull,
        Self::SensitiveQuota,
        Self::ProcessShare,
    ];

    /// The name used in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::RingFull => "ring_full",
            Self::MapFull => "map_full",
            Self::ReadFault => "read_fault",
            Self::NoOffset => "no_offset",
            Self::Quota => "quota",
            Self::SensitiveRingFull => "sensitive_ring_full",
            Self::SensitiveQuota => "sensitive_quota",
            Self::ProcessShare => "process_share",
        }
    }
}

const REASONS: u32 = 8;

/// How many counters there are.
pub const LOSS_COUNTERS: u32 = 56;

/// The counter of one place and reason.
#[must_use]
pub const fn loss_index(place: LossPlace, reason: LossReason) -> u32 {
    place as u32 * REASONS + reason as u32
}

const _: () = {
    assert!(REASONS as usize == LossReason::ALL.len());
    assert!(LOSS_COUNTERS as usize == LossPlace::ALL.len() * LossReason::ALL.len());
};
