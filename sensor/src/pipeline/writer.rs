//! One transaction at a time, on a thread that may wait for the disk.

use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{JoinError, JoinHandle};

use crate::outbox::{Change, Outbox};
use crate::state::StateError;

/// How long to wait after a transaction that failed: a full disk is not emptied by trying.
const RETRY: Duration = Duration::from_secs(2);

/// Writes changes; one that fails is tried again before any other.
#[derive(Debug)]
pub struct Writer {
    outbox: Arc<Outbox>,
    running: Option<JoinHandle<Written>>,
    failed: Option<(Change, Instant)>,
}

#[derive(Debug)]
struct Written {
    change: Change,
    result: Result<(), StateError>,
    took: Duration,
}

/// What became of a change.
#[derive(Debug)]
pub enum Outcome {
    /// It is on the disk.
    Written(Duration),
    /// It will be tried again.
    Failed(StateError),
}

impl Writer {
    pub fn new(outbox: Outbox) -> Self {
        Self {
            outbox: Arc::new(outbox),
            running: None,
            failed: None,
        }
    }

    /// Whether a new change can be given.
    pub const fn is_free(&self) -> bool {
        self.running.is_none() && self.failed.is_none()
    }

    pub const fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// To be called only while it is free.
    pub fn start(&mut self, change: Change) {
        let outbox = Arc::clone(&self.outbox);
        self.running = Some(tokio::task::spawn_blocking(move || {
            let started = Instant::now();
            let result = outbox.apply(&change);
            Written {
                change,
                result,
                took: started.elapsed(),
            }
        }));
    }

    /// Tries again what failed, if it is time.
    pub fn retry(&mut self, now: Instant) {
        if let Some((change, _)) = self.failed.take_if(|(_, at)| *at <= now) {
            self.start(change);
        }
    }

    /// Waits for the running transaction, for ever if there is none. Safe to cancel.
    pub async fn done(&mut self) -> Result<Outcome, JoinError> {
        let Some(running) = &mut self.running else {
            return std::future::pending().await;
        };
        let written = running.await;
        self.running = None;
        let Written { change, result, took } = written?;
        match result {
            Ok(()) => Ok(Outcome::Written(took)),
            Err(error) => {
                self.failed = Some((change, Instant::now() + RETRY));
                Ok(Outcome::Failed(error))
            }
        }
    }

    /// Writes what failed and a last change, at once.
    pub fn finish(self, last: &Change) -> Result<(), StateError> {
        if let Some((change, _)) = &self.failed {
            self.outbox.apply(change)?;
        }
        self.outbox.apply(last)
    }
}
