//! The ring buffer's reader.

use crate::decode::{RawEvent, decode};
use aya::maps::{MapData, RingBuf};
use std::fmt;
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How long to let records gather after a wake-up: at most 200 wake-ups a second, and none when idle.
const GATHER: Duration = Duration::from_millis(5);

/// Most records in a batch, so that a flood is handed on in bounded pieces.
const MAX_BATCH: u64 = 4096;

/// Reads decoded events as they come.
pub struct RingReader {
    ring: AsyncFd<RingBuf<MapData>>,
    /// The last batch was full: more is waiting without a new wake-up.
    more: bool,
}

/// What was read at once.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub events: Vec<RawEvent>,
    /// Records that could not be decoded.
    pub malformed: u64,
}

impl RingReader {
    /// Has to be called inside a tokio runtime with I/O and time enabled.
    pub(crate) fn new(ring: RingBuf<MapData>) -> std::io::Result<Self> {
        // SAFETY: `RingBuf` owns its map's descriptor, opens no other, and closes it when it is dropped.
        let ring = unsafe { AsyncFd::register_with_interest(ring, Interest::READABLE) }?;
        // Records may be there from before, for which no wake-up comes.
        Ok(Self { ring, more: true })
    }

    /// Waits for records and returns what has gathered. Safe to cancel: nothing is read before the last wait.
    pub async fn next(&mut self) -> std::io::Result<Batch> {
        loop {
            let batch = if std::mem::take(&mut self.more) {
                drain(self.ring.get_mut())
            } else {
                let mut ready = self.ring.readable_mut().await?;
                tokio::time::sleep(GATHER).await;
                let batch = drain(ready.get_inner_mut());
                if !batch.is_full() {
                    ready.clear_ready();
                }
                batch
            };
            self.more = batch.is_full();
            if !batch.is_empty() {
                return Ok(batch);
            }
        }
    }
}

impl fmt::Debug for RingReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RingReader")
            .field("more", &self.more)
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

    fn is_full(&self) -> bool {
        self.events.len() as u64 + self.malformed >= MAX_BATCH
    }

    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.malformed == 0
    }
}

fn drain(ring: &mut RingBuf<MapData>) -> Batch {
    let mut batch = Batch::default();
    while !batch.is_full() {
        let Some(record) = ring.next() else { break };
        batch.add(&record);
    }
    batch
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
