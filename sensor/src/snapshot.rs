//! What ran before the sensor: read from `/proc` and the cgroup tree, turned into entries for the kernel's maps.

mod plan;
mod read;
mod shares;
pub mod survey;

use crate::decode::OriginMark;
use crate::loader::maps::{Added, Maps};
use anchorwatch_sensor_common::lineage::NANOSECONDS_PER_TICK;
use plan::Entry;
use read::Found;
use shares::{Shares, in_turns};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Duration;

/// What was found at the start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When the reading began, in nanoseconds of `CLOCK_BOOTTIME`.
    pub time_ns: u64,
    /// Every cgroup of the unified hierarchy that existed, parents before children.
    pub cgroups: Vec<KnownCgroup>,
    /// Every process that the kernel's map took from us; those started meanwhile come as events.
    pub processes: Vec<SeededProcess>,
    /// Processes and cgroups for which the kernel's maps had no room; their origin is unknown.
    pub untold: u64,
}

/// A cgroup that existed before the sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownCgroup {
    pub id: u64,
    /// As in [`crate::decode::RawEvent::CgroupCreated`].
    pub path: Vec<u8>,
}

/// A process that ran before the sensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeededProcess {
    pub pid: u32,
    pub uid: u32,
    pub cgroup_id: u64,
    /// Made by us; events name it as an ancestor.
    pub exec_id: u64,
    /// Exec ids, nearest first; empty at the container's boundary.
    pub ancestors: Vec<u64>,
    pub origin: OriginMark,
    /// Path in the process's mount namespace; empty for kernel threads.
    pub executable: Vec<u8>,
    pub argv: Vec<Vec<u8>>,
    /// How long it had run.
    pub age: Duration,
    /// When it was found, in nanoseconds of `CLOCK_BOOTTIME`.
    pub found_ns: u64,
    /// In ticks of [`NANOSECONDS_PER_TICK`] since boot: tells whether its number was given to another one since.
    pub start_ticks: u64,
    /// It runs what its parent executed, and its exec id is that execution's.
    pub fork_without_exec: bool,
    /// A container runtime that has not become the container yet.
    pub in_host_mounts: bool,
    /// The kernel's name of it, at most 15 bytes.
    pub name: Vec<u8>,
}

/// Where to look.
#[derive(Debug, Clone)]
pub struct SeedOptions {
    /// Where the host's processes are seen.
    pub proc: PathBuf,
    /// The root of the unified hierarchy, as [`find_cgroup_root`] finds it.
    pub cgroup_root: PathBuf,
}

/// Why the programs could not be told.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    #[error("no unified cgroup hierarchy at /sys/fs/cgroup or /sys/fs/cgroup/unified")]
    NoHierarchy,
    #[error("{path} cannot be read")]
    Read { path: PathBuf, source: std::io::Error },
    #[error("what ran before cannot be told to the programs")]
    Map(#[from] aya::maps::MapError),
    #[error("the clock cannot be read")]
    Clock(#[source] std::io::Error),
}

/// How often `/proc` is read at most: a process that a not yet known one started meanwhile is unknown to the
/// programs, and is found by reading again.
const MAX_PASSES: usize = 4;

/// The root of the unified hierarchy: alone, or beside those of version 1.
pub fn find_cgroup_root() -> Result<PathBuf, SeedError> {
    ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        .into_iter()
        .map(PathBuf::from)
        .find(|root| root.join("cgroup.controllers").exists())
        .ok_or(SeedError::NoHierarchy)
}

/// Reads, decides and tells, until nothing new is found.
pub(crate) fn seed(options: &SeedOptions, maps: &mut Maps) -> Result<Snapshot, SeedError> {
    let mut snapshot = Snapshot {
        time_ns: boot_time()?,
        ..Snapshot::default()
    };
    let (mut told, mut shares) = (HashSet::new(), Shares::new(maps.room_for_processes()));
    for _ in 0..MAX_PASSES {
        let (cgroups, processes) = read::read(options)?;
        snapshot.cgroups = cgroups;
        let now = boot_time()?;
        let plan = plan::plan(&processes, now);
        for (cgroup, exec_id) in plan.roots {
            snapshot.untold += u64::from(maps.add_root(cgroup, exec_id)? == Added::NoRoom);
        }
        let mut news = false;
        for place in in_turns(processes.iter().map(|found| found.cgroup_id)) {
            let (entry, found) = (&plan.entries[place], &processes[place]);
            if !told.insert((found.pid, found.start_ticks)) {
                continue;
            }
            if !shares.take(found.cgroup_id) {
                snapshot.untold += 1;
                continue;
            }
            match maps.add_process(found.pid, &entry.process)? {
                Added::New => {
                    news = true;
                    snapshot.processes.push(seeded(entry, found, now));
                }
                Added::Known => {}
                Added::NoRoom => snapshot.untold += 1,
            }
        }
        if !news {
            break;
        }
    }
    // Older ones first, as they were found.
    snapshot
        .processes
        .sort_by_key(|process| (process.start_ticks, process.pid));
    forget_the_dead(options, maps, &mut snapshot)?;
    maps.count_told()?;
    Ok(snapshot)
}

/// A process that ended between our reading and our telling would stay in the map for ever.
fn forget_the_dead(options: &SeedOptions, maps: &mut Maps, snapshot: &mut Snapshot) -> Result<(), SeedError> {
    let (alive, dead): (Vec<_>, Vec<_>) = std::mem::take(&mut snapshot.processes)
        .into_iter()
        .partition(|process| options.proc.join(process.pid.to_string()).exists());
    snapshot.processes = alive;
    for process in dead {
        maps.remove_process(process.pid)?;
    }
    Ok(())
}

fn seeded(entry: &Entry, found: &Found, now: u64) -> SeededProcess {
    let ancestors = entry
        .process
        .ancestors
        .iter()
        .copied()
        .take_while(|id| *id != 0)
        .collect();
    SeededProcess {
        pid: found.pid,
        uid: found.uid,
        cgroup_id: found.cgroup_id,
        exec_id: entry.process.exec_id,
        ancestors,
        origin: entry.origin,
        executable: found.executable.clone(),
        argv: found.argv.clone(),
        age: Duration::from_nanos(now.saturating_sub(found.start_ticks * NANOSECONDS_PER_TICK)),
        found_ns: now,
        start_ticks: found.start_ticks,
        fork_without_exec: found.fork_without_exec,
        in_host_mounts: found.in_host_mounts,
        name: found.name.clone(),
    }
}

/// Nanoseconds of `CLOCK_BOOTTIME`.
fn boot_time() -> Result<u64, SeedError> {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let nanoseconds = u64::try_from(now.tv_sec).ok().zip(u64::try_from(now.tv_nsec).ok());
    nanoseconds
        .map(|(seconds, rest)| seconds * 1_000_000_000 + rest)
        .ok_or_else(|| SeedError::Clock(std::io::Error::other("negative time")))
}
