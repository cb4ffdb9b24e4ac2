//! What the programs remember of processes and containers, in hash maps that user space seeds.

use core::mem::{offset_of, size_of};

/// How many exec ids of ancestors a process carries.
pub const CARRIED_ANCESTORS: usize = 3;

/// How many files a process carries: as many as a record names ancestors.
pub const CARRIED_FILES: usize = CARRIED_ANCESTORS + 1;

/// Origin mark: nothing is known, as of what ran before the sensor.
pub const ORIGIN_UNKNOWN: u32 = 0;
/// Origin mark: descends from the container's first process.
pub const ORIGIN_ENTRYPOINT: u32 = 1;
/// Origin mark: descends from a process that was put into the container later, from outside.
pub const ORIGIN_OUTSIDE: u32 = 2;

/// Nanoseconds in one tick of [`Process::start_ticks`]: `/proc/PID/stat` states a process's start in
/// hundredths of a second (`USER_HZ`), and both sides have to compute the same number.
pub const NANOSECONDS_PER_TICK: u64 = 10_000_000;

/// Low bits of an exec id: the CPU that made it. The bits above are `CLOCK_BOOTTIME` divided by
/// 2^[`EXEC_ID_TIME_SHIFT`] nanoseconds, which is less than an execution takes, so that ids are unique on a
/// CPU and also over restarts of the sensor.
pub const EXEC_ID_CPU_BITS: u32 = 12;
/// See [`EXEC_ID_CPU_BITS`].
pub const EXEC_ID_TIME_SHIFT: u32 = 4;
/// The "CPU" of exec ids that user space makes for what ran before it.
pub const EXEC_ID_SNAPSHOT_CPU: u64 = (1 << EXEC_ID_CPU_BITS) - 1;

/// What a process (thread group) carries; value of the map `PROCESSES`, whose key is its id in the host's
/// namespace.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// When the process started, in ticks of [`NANOSECONDS_PER_TICK`] since boot: tells a re-used id apart.
    pub start_ticks: u64,
    /// Id of the execution whose program it runs, its own or inherited over fork.
    pub exec_id: u64,
    /// The exec ids before that, nearest first, 0 where there is none.
    pub ancestors: [u64; CARRIED_ANCESTORS],
    /// The container in which that execution happened ([`crate::filter::Slot::container`]).
    pub container: u64,
    /// Hashes of the files that were executed, its own first and then those before it: what makes two lineages the
    /// same to the first-seen filter. Of what ran before the sensor they are exec ids, which nothing else equals.
    pub files: [u64; CARRIED_FILES],
    /// Of what was put into a container from outside: the key of the execution with which it came, arguments
    /// included, since they decide whose it was. 0 for all else.
    pub visit: u64,
    /// One of the `ORIGIN_` constants.
    pub origin: u32,
    /// Device of the overlay filesystem that was the container's root when its lineage came into the container, as the
    /// kernel encodes it; 0 where its root was none, or that is not known.
    pub root: u32,
    /// On whose account the entry is: the index of a container's slot ([`crate::filter::Slot::index`]), or
    /// [`ACCOUNT_NOBODYS`].
    pub account: u32,
    /// Zero.
    pub reserved: u32,
}

/// Account of the host's processes, and of all that user space told of.
pub const ACCOUNT_NOBODYS: u32 = u32::MAX;

/// What a container has of the map `PROCESSES`; value of `PROCESS_SHARES`, by the index of its slot.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Entries on its account: exact.
    pub held: u64,
    /// Processes that are not followed because it held as much as was free, since the programs were loaded.
    pub refused: u64,
}

/// Cell of `FOLLOWED`: entries that the programs made, less those that they removed. Below zero, as a signed number,
/// where they removed what user space told of.
pub const FOLLOWED_HELD: u32 = 0;
/// Cell of `FOLLOWED`: entries that user space made, which alone writes it.
pub const FOLLOWED_TOLD: u32 = 1;
/// Cell of `FOLLOWED`: how many processes are followed, 0 where none is; user space alone writes it.
pub const FOLLOWED_ROOM: u32 = 2;
/// How many cells there are.
pub const FOLLOWED_CELLS: u32 = 3;

/// An exec id from a moment and a CPU; never 0.
#[must_use]
pub const fn exec_id(boot_ns: u64, cpu: u64) -> u64 {
    let id = (boot_ns >> EXEC_ID_TIME_SHIFT) << EXEC_ID_CPU_BITS | (cpu & EXEC_ID_SNAPSHOT_CPU);
    if id == 0 { 1 } else { id }
}

const _: () = {
    assert!(size_of::<Process>() == 104);
    assert!(offset_of!(Process, exec_id) == 8);
    assert!(offset_of!(Process, ancestors) == 16);
    assert!(offset_of!(Process, container) == 40);
    assert!(offset_of!(Process, files) == 48);
    assert!(offset_of!(Process, visit) == 80);
    assert!(offset_of!(Process, origin) == 88);
    assert!(offset_of!(Process, root) == 92);
    assert!(offset_of!(Process, account) == 96);
    assert!(size_of::<Share>() == 16);
    assert!(offset_of!(Share, refused) == 8);
};
