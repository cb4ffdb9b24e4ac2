//! What the files are that were loaded as code: their SHA-256 and build-id, read by a thread of its own within a budget
//! of bytes a second, so that nothing that happens meanwhile waits for it.
//!
//! A file is read where the process itself has it mapped (`/proc/PID/map_files`), else by its path below the process's
//! root, and only counts if it is still what the kernel saw: another size or time of change gives no hash rather than
//! another file's. What can't be read is answered with the reason.

mod budget;
mod cache;
mod elf;
mod hash;
mod kernel;
mod lanes;
pub(crate) mod maps;
mod occupation;
pub(crate) mod open;
mod worker;

use crate::decode::{MappedBy, Mapping};
use anchorwatch_sensor_common::module::FileIdentity;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use lanes::LaneLimits;
use occupation::Occupation;
use worker::Worker;

/// How much reading and waiting there may be.
#[derive(Debug, Clone)]
pub struct ModuleLimits {
    /// Bytes read in a second, over all containers.
    pub bytes_per_second: u64,
    /// The largest file that is read; a sparse one costs its attacker nothing.
    pub largest_file: u64,
    /// Files that wait, over all containers and of one; each is open meanwhile.
    pub waiting: usize,
    pub waiting_of_one: usize,
    /// How long a file may wait and be read altogether.
    pub patience: Duration,
    /// How long a thread may be at one step, which takes milliseconds, until it is taken for one that waits for ever.
    pub step: Duration,
    /// How many such threads there may be.
    pub hanging: usize,
    /// Files whose hashes are remembered.
    pub cached: NonZeroUsize,
}

impl Default for ModuleLimits {
    fn default() -> Self {
        Self {
            // 2 to 10 % of one core, by what the processor has for SHA-256.
            bytes_per_second: 32 << 20,
            largest_file: 2 << 30,
            waiting: 256,
            waiting_of_one: 64,
            patience: Duration::from_mins(2),
            step: Duration::from_secs(20),
            hanging: 8,
            cached: NonZeroUsize::new(16_384).expect("not zero"),
        }
    }
}

/// Where to look.
#[derive(Debug, Clone)]
pub struct ModulePlaces {
    /// The host's `/proc`.
    pub proc: PathBuf,
    /// The folder that holds the running kernel's modules, as in `/lib/modules/6.1.0-1-amd64`.
    pub kernel_modules: PathBuf,
}

/// A file whose hash is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Comes back with the answer.
    pub token: u64,
    /// Who takes turns with whom: the container.
    pub lane: u64,
    pub what: WantedFile,
}

/// Which file it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WantedFile {
    Mapping(MappedFile),
    /// The name of a kernel module.
    KernelModule(String),
}

/// A file that a process has mapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedFile {
    /// The process, in the host's namespace.
    pub pid: u32,
    /// Absolute path inside the process's mounts; none where that is not known.
    pub path: Option<Vec<u8>>,
    pub identity: FileIdentity,
    /// Device and inode by which the process sees it; another than the identity's for an overlay's file.
    pub seen: (u32, u64),
    /// Low half of its filesystem's magic number.
    pub filesystem: u32,
    /// Whether the kernel saw a descriptor alone, so that it may be another file that was mapped.
    pub by_descriptor: bool,
}

impl From<&Mapping> for MappedFile {
    fn from(mapping: &Mapping) -> Self {
        let is_absolute = mapping.path.starts_with(b"/");
        Self {
            pid: mapping.loader.pid,
            path: is_absolute.then(|| mapping.path.clone()),
            identity: mapping.file,
            seen: mapping.seen,
            filesystem: mapping.filesystem,
            by_descriptor: mapping.way == MappedBy::Descriptor,
        }
    }
}

/// What is told of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// 64 lower-case hex digits.
    pub sha256: String,
    pub build_id: Option<String>,
}

/// Why there is no hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unhashed {
    /// The process or the file was gone.
    Gone,
    /// The file was changed since it was mapped.
    Changed,
    TooLarge,
    /// It lies on a filesystem that a process of the container's may serve, which could let us wait for ever.
    ForeignFilesystem,
    /// It may not be read, or reading failed.
    Unreadable,
    /// Too much waits to be read.
    QueueFull,
    /// It would have taken too long.
    TooSlow,
    /// The kernel itself says that the module is not the distribution's.
    Tainted,
}

impl Unhashed {
    pub const ALL: [Self; 8] = [
        Self::Gone,
        Self::Changed,
        Self::TooLarge,
        Self::ForeignFilesystem,
        Self::Unreadable,
        Self::QueueFull,
        Self::TooSlow,
        Self::Tainted,
    ];

    /// As metrics have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Changed => "changed",
            Self::TooLarge => "too_large",
            Self::ForeignFilesystem => "foreign_filesystem",
            Self::Unreadable => "unreadable",
            Self::QueueFull => "queue_full",
            Self::TooSlow => "too_slow",
            Self::Tainted => "tainted",
        }
    }
}

/// What became of a wanted hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub token: u64,
    pub facts: Result<Facts, Unhashed>,
    /// The process lives and has not mapped the file that the kernel saw: it was another one, or it is gone again.
    pub mismatch: bool,
}

/// The thread's other end.
#[derive(Debug)]
pub struct Modules {
    wanted: SyncSender<Wanted>,
    occupation: Occupation,
    thread: JoinHandle<()>,
}

impl Modules {
    /// Starts the thread; it ends when this is dropped.
    pub fn start(limits: ModuleLimits, places: ModulePlaces) -> std::io::Result<(Self, UnboundedReceiver<Answer>)> {
        let (wanted, arrivals) = sync_channel(limits.waiting);
        // As many answers as were wanted: bounded by what waits.
        let (answers, answered) = unbounded_channel();
        let lane_limits = LaneLimits {
            all: limits.waiting,
            lane: limits.waiting_of_one,
        };
        let worker = Worker::new(limits, places, lane_limits, arrivals, answers);
        let occupation = worker.occupation();
        let thread = std::thread::Builder::new()
            .name("module-hashes".to_owned())
            .spawn(move || worker.run())?;
        let started = Self {
            wanted,
            occupation,
            thread,
        };
        Ok((started, answered))
    }

    /// The container whose file the thread has been at, in one step, for so long.
    pub fn at_one_step_for(&self, limit: Duration, now: Instant) -> Option<u64> {
        self.occupation.for_longer(limit, now)
    }

    /// Asks for nothing more: the thread ends as soon as it can.
    pub fn leave(self) -> JoinHandle<()> {
        self.thread
    }

    /// Asks for a hash, without waiting; the answer comes if this is true.
    #[must_use]
    pub fn want(&self, wanted: Wanted) -> bool {
        match self.wanted.try_send(wanted) {
            Ok(()) => true,
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests;
