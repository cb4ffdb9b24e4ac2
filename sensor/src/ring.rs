//! The reader of the ring buffers.

use crate::decode::{RawEvent, decode};
use aya::maps::{MapData, RingBuf};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How long to rest after the rings were read: what comes alone is taken at once, and in a storm records gather, since to
/// wake up costs more than to take a record. What is new is to be on the disk within 10 ms, of which the disk takes half.
const REST: Duration = Duration::from_millis(6);

/// Most records of one ring in a batch, so that a flood is handed on in bounded pieces.
const MAX_BATCH: u32 = 4096;

/// The programs' ring buffers.
#[expect(missing_debug_implementations, reason = "a ring has none")]
pub struct Rings {
    /// Executions, cgroups, flows and answers of name servers.
    pub events: RingBuf<MapData>,
    /// Executable mappings.
    pub modules: RingBuf<MapData>,
}

/// Reads decoded events as they come: a flood of mappings delays nothing else by more than a batch.
///
/// While records keep coming, the rings are looked at by the clock and nobody waits for them: so the kernel wakes nobody,
/// either. Only when there was nothing more is it asked to.
pub struct RingReader {
    rings: Rings,
    /// Records may be there for which no wake-up comes.
    ready: bool,
    /// Not to be read before.
    rested_at: Instant,
    /// How often the rings were looked at.
    drains: u64,
}

/// What was read at once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub events: Vec<RawEvent>,
    /// Records that could not be decoded.
    pub malformed: u64,
}

impl RingReader {
    /// Has to be used inside a tokio runtime with I/O and time enabled.
    pub(crate) fn new(rings: Rings) -> Self {
        Self {
            rings,
            ready: true,
            rested_at: Instant::now(),
            drains: 0,
        }
    }

    /// How often the rings were looked at: each time, the sensor was awake for it.
    pub const fn drains(&self) -> u64 {
        self.drains
    }

    /// Waits for records and returns what has gathered. Safe to cancel: nothing is read before the last wait.
    pub async fn next(&mut self) -> std::io::Result<Batch> {
        loop {
            if !self.ready {
                self.rings.readable().await?;
                self.ready = true;
            }
            if Instant::now() < self.rested_at {
                tokio::time::sleep_until(self.rested_at.into()).await;
            }
            let batch = self.drain();
            if !batch.is_empty() {
                return Ok(batch);
            }
        }
    }

    /// What runs comes before what it loads, so that a mapping finds its process.
    fn drain(&mut self) -> Batch {
        self.drains += 1;
        let mut batch = Batch::default();
        let events = batch.fill(&mut self.rings.events);
        let modules = batch.fill(&mut self.rings.modules);
        // A full batch: more is waiting.
        let is_full = events || modules;
        self.ready = is_full || !batch.is_empty();
        self.rested_at = Instant::now() + if is_full { Duration::ZERO } else { REST };
        batch
    }
}

impl Rings {
    /// Waits until either holds a record. Whatever is there already counts: to be waited for by nobody costs the kernel, and
    /// us, nothing.
    async fn readable(&self) -> std::io::Result<()> {
        let (events, modules) = (watched(&self.events)?, watched(&self.modules)?);
        tokio::select! {
            ready = events.readable() => drop(ready?),
            ready = modules.readable() => drop(ready?),
        }
        Ok(())
    }
}

fn watched(ring: &RingBuf<MapData>) -> std::io::Result<AsyncFd<BorrowedFd<'_>>> {
    // SAFETY: the descriptor stays open, and the same, for as long as it is borrowed.
    Ok(unsafe { AsyncFd::register_with_interest(ring.as_fd(), Interest::READABLE) }?)
}

impl fmt::Debug for RingReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RingReader")
            .field("ready", &self.ready)
            .finish_non_exhaustive()
    }
}

impl Batch {
    fn add(&mut self, record: &[u8]) {
        match decode(record) {
            Ok(event) => self.events.push(event),
            Err(error) => {
                self.malformed += 1;
                tracing::trace!(%error, "malformed record");
            }
        }
    }

    /// Takes what is there; whether more is left, because the ring had more than a batch holds.
    fn fill(&mut self, ring: &mut RingBuf<MapData>) -> bool {
        for _ in 0..MAX_BATCH {
            let Some(record) = ring.next() else { return false };
            self.add(&record);
        }
        true
    }

    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.malformed == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_malformed_record_is_counted_and_the_rest_goes_on() {
        let mut batch = Batch::default();
        batch.add(&[1, 2, 3]);
        assert_eq!(
            batch,
            Batch {
                events: Vec::new(),
                malformed: 1
            }
        );
    }
}
