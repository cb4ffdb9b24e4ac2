//! One file on its way to its hash, piece by piece.

use super::open::{is_as_seen, nanoseconds};
use super::{Facts, Unhashed, elf};
use anchorwatch_sensor_common::module::FileIdentity;
use sha2::{Digest, Sha256};
use std::fs::{File, Metadata};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How much is read at a time.
pub const PIECE: usize = 256 << 10;

/// The least that a piece costs: opening, looking and answering are no less work than this many bytes.
const LEAST_COST: u64 = 16 << 10;

/// A file changed so shortly ago may change again without another time of change: the kernel's clock for files ticks
/// every 1 to 10 ms.
const SETTLED: Duration = Duration::from_secs(1);

/// A file that is being read.
#[derive(Debug)]
pub struct Reading {
    file: File,
    /// What the kernel saw; none for a file that was found by its name.
    seen: Option<FileIdentity>,
    before: Metadata,
    began: SystemTime,
    deadline: Instant,
    position: u64,
    digest: Sha256,
    build_id: Option<String>,
}

/// What a step led to.
#[derive(Debug)]
pub enum Step {
    More,
    /// With whether the answer holds for whoever maps the same file.
    Done {
        facts: Facts,
        settled: bool,
    },
    Failed(Unhashed),
}

impl Reading {
    pub fn begin(file: File, seen: Option<FileIdentity>, largest: u64, deadline: Instant) -> Result<Self, Unhashed> {
        let before = file.metadata().map_err(|_| Unhashed::Unreadable)?;
        if !before.is_file() {
            return Err(Unhashed::Unreadable);
        }
        if before.len() > largest {
            return Err(Unhashed::TooLarge);
        }
        Ok(Self {
            file,
            seen,
            before,
            began: SystemTime::now(),
            deadline,
            position: 0,
            digest: Sha256::new(),
            build_id: None,
        })
    }

    /// Bytes that the next step is worth.
    pub fn cost(&self) -> u64 {
        let left = self.before.len().saturating_sub(self.position);
        left.min(PIECE as u64).max(LEAST_COST)
    }

    /// Reads the next piece.
    pub fn step(&mut self, buffer: &mut [u8], now: Instant) -> Step {
        if now >= self.deadline {
            return Step::Failed(Unhashed::TooSlow);
        }
        let left = self.before.len().saturating_sub(self.position);
        let want = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = match self.file.read_at(&mut buffer[..want], self.position) {
            Ok(0) if want > 0 => return Step::Failed(Unhashed::Changed),
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => return Step::More,
            Err(_) => return Step::Failed(Unhashed::Unreadable),
        };
        let piece = &buffer[..read];
        if self.position == 0 {
            self.build_id = elf::build_id(piece);
        }
        self.digest.update(piece);
        self.position += read as u64;
        if self.position < self.before.len() {
            return Step::More;
        }
        self.finish()
    }

    fn finish(&mut self) -> Step {
        let Ok(after) = self.file.metadata() else {
            return Step::Failed(Unhashed::Unreadable);
        };
        let before = identity(&self.before);
        if !is_as_seen(&after, &self.seen.unwrap_or(before)) {
            return Step::Failed(Unhashed::Changed);
        }
        let unchanged = self.seen.is_some_and(|seen| changed_at(&after) == seen.ctime_ns);
        Step::Done {
            facts: Facts {
                sha256: hex::encode(std::mem::take(&mut self.digest).finalize()),
                build_id: self.build_id.take(),
            },
            settled: unchanged && self.is_settled(),
        }
    }

    fn is_settled(&self) -> bool {
        let now = self.began.duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = i64::try_from(now.as_nanos()).unwrap_or(i64::MAX);
        let age = now.saturating_sub(changed_at(&self.before));
        u64::try_from(age).is_ok_and(|age| Duration::from_nanos(age) >= SETTLED)
    }
}

fn changed_at(metadata: &Metadata) -> i64 {
    nanoseconds(metadata.ctime(), metadata.ctime_nsec())
}

/// As far as it can be told from outside the kernel; for comparing a file with itself.
fn identity(metadata: &Metadata) -> FileIdentity {
    FileIdentity {
        inode: metadata.ino(),
        size: metadata.len(),
        ctime_ns: changed_at(metadata),
        mtime_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        device: 0,
        generation: 0,
    }
}
