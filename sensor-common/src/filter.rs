//! The first-seen filter in the kernel: what its maps hold, and how their keys and indices are made.
//!
//! What a container does repeatedly is sent once and then counted. A key is a [`crate::siphash`] of the container and
//! of all that the event says, under a secret of this boot; a container is a cgroup that user space registered, with
//! all cgroups below it.
#![allow(clippy::inline_always, reason = "the programs' verifier walks calls anew each time")]

use crate::loss::{LossPlace, LossReason};
use core::mem::{offset_of, size_of};

/// What is observed; each has quotas and totals of its own.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FilterFeed {
    /// Executions.
    Process = 0,
    /// Connections, sends and listeners.
    Network = 1,
    /// Answers of name servers.
    Dns = 2,
    /// Executable mappings and kernel modules.
    Module = 3,
}

/// How many of them there are.
pub const FILTER_FEEDS: usize = 4;
const FEEDS: u32 = 4;

impl FilterFeed {
    /// All of them, in the order of their indices.
    pub const ALL: [Self; FILTER_FEEDS] = [Self::Process, Self::Network, Self::Dns, Self::Module];

    /// The name used in metrics and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Network => "network",
            Self::Dns => "dns",
            Self::Module => "module",
        }
    }

    /// The programs whose events pass the filter in this feed.
    #[must_use]
    pub const fn place(self) -> LossPlace {
        match self {
            Self::Process => LossPlace::Exec,
            Self::Network => LossPlace::Flow,
            Self::Dns => LossPlace::Dns,
            Self::Module => LossPlace::Mmap,
        }
    }
}

/// Why an event that passed the filter, or would have, was not sent.
#[repr(u32)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lost {
    /// [`LossReason::RingFull`].
    RingFull = 0,
    /// [`LossReason::Quota`].
    Quota = 1,
    /// [`LossReason::SensitiveRingFull`].
    SensitiveRingFull = 2,
    /// [`LossReason::SensitiveQuota`].
    SensitiveQuota = 3,
}

/// How many of them there are: a power of two.
pub const LOST: usize = 4;

impl Lost {
    /// All of them, in the order of their indices.
    pub const ALL: [Self; LOST] = [
        Self::RingFull,
        Self::Quota,
        Self::SensitiveRingFull,
        Self::SensitiveQuota,
    ];

    /// The same as all programs count it.
    #[must_use]
    pub const fn reason(self) -> LossReason {
        match self {
            Self::RingFull => LossReason::RingFull,
            Self::Quota => LossReason::Quota,
            Self::SensitiveRingFull => LossReason::SensitiveRingFull,
            Self::SensitiveQuota => LossReason::SensitiveQuota,
        }
    }
}

/// Index of all that belongs to no registered container: what was just created, and what is the host's.
pub const UNREGISTERED: u32 = 0;

/// A container, as the programs know it; value of `CONTAINERS` (registered by user space, by cgroup id) and `NESTED`
/// (found by the programs, for cgroups below).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Id of the container's own cgroup: goes into keys, since an index is used again and an id never is. Of what is
    /// not registered, the id of the cgroup itself.
    pub container: u64,
    /// Where its buckets and totals are; [`UNREGISTERED`] or what user space chose.
    pub index: u32,
    /// Zero.
    pub reserved: u32,
}

/// Value of the maps `SEEN_…`, by the event's key.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenValue {
    /// `CLOCK_BOOTTIME` in nanoseconds from which on the event is let through again, with what was swallowed.
    pub due_ns: u64,
    /// How many were swallowed since one was sent.
    pub repeats: u64,
    /// What the sender of the last one that was sent gave to stand for all: an exec id, or 0.
    pub stands_for: u64,
}

/// What became of a container's events in one feed on one CPU, since the programs were loaded; value of `TOTALS`.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Put into a ring.
    pub delivered: u64,
    /// Known, and told by the next one of its kind that is let through.
    pub swallowed: u64,
    /// Not sent, in the order of [`Lost`].
    pub lost: [u64; LOST],
}

impl Totals {
    /// Not sent, for whatever reason.
    #[must_use]
    pub fn all_lost(&self) -> u64 {
        self.lost.iter().sum()
    }
}

/// How fast a container may send what is new: a bucket that holds `burst_ns / cost_ns` events and gains one every
/// `cost_ns`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Nanoseconds that one event costs; 0 for no limit.
    pub cost_ns: u64,
    /// Nanoseconds that can be saved up.
    pub burst_ns: u64,
}

impl Quota {
    /// `per_second` (at most 10^9) events in the long run, and `burst` at once.
    #[must_use]
    pub const fn new(per_second: u64, burst: u64) -> Self {
        let cost_ns = match 1_000_000_000u64.checked_div(per_second) {
            Some(cost_ns) => cost_ns,
            None => u64::MAX >> 24, // none within a year
        };
        Self {
            cost_ns,
            burst_ns: cost_ns.saturating_mul(burst),
        }
    }

    /// No limit.
    pub const UNLIMITED: Self = Self {
        cost_ns: 0,
        burst_ns: 0,
    };
}

/// How many quotas there are: of each feed, for registered containers and for what is none, ordinary and sensitive.
pub const QUOTAS: usize = FILTER_FEEDS * 4;

/// Which of the quotas counts.
#[inline(always)]
#[must_use]
pub const fn quota_index(feed: FilterFeed, registered: bool, sensitive: bool) -> usize {
    feed as usize * 4 + registered as usize * 2 + sensitive as usize
}

/// Where a container's bucket is in `BUCKETS`.
#[inline(always)]
#[must_use]
pub const fn bucket_index(slot: u32, feed: FilterFeed, sensitive: bool) -> u32 {
    (slot * FEEDS + feed as u32) * 2 + sensitive as u32
}

/// Where a container's totals are in `TOTALS`.
#[inline(always)]
#[must_use]
pub const fn totals_index(slot: u32, feed: FilterFeed) -> u32 {
    slot * FEEDS + feed as u32
}

const _: () = {
    assert!(size_of::<Slot>() == 16);
    assert!(offset_of!(Slot, index) == 8);
    assert!(size_of::<SeenValue>() == 24);
    assert!(offset_of!(SeenValue, repeats) == 8);
    assert!(offset_of!(SeenValue, stands_for) == 16);
    assert!(size_of::<Totals>() == 48);
    assert!(offset_of!(Totals, swallowed) == 8);
    assert!(offset_of!(Totals, lost) == 16);
    assert!(size_of::<Quota>() == 16);
    assert!(FEEDS as usize == FILTER_FEEDS);
    assert!(LOST.is_power_of_two() && LOST == Lost::ALL.len());
};
