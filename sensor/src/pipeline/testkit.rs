//! A kernel for tests.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

use super::{Intake, Kernel, Sources};
use crate::attribute::cgroup::slots::FilterOrder;
use crate::attribute::process::ProcFolder;
use crate::attribute::{AttributionLimits, Attributor};
use crate::decode::RawEvent;
use crate::loader::filter::{Reading, SlotLoss};
use crate::loader::{LoadError, Losses};
use crate::metrics::Metrics;
use crate::ring::Batch;

/// Gives its batches, one after the other, and says so when all are taken.
#[derive(Debug)]
pub struct Scripted {
    batches: std::vec::IntoIter<Batch>,
    done: Option<oneshot::Sender<()>>,
    pub losses: Losses,
    /// What the filter lost and nobody read yet.
    pub lost: Vec<SlotLoss>,
}

impl Scripted {
    pub fn new(batches: Vec<Batch>) -> (Self, oneshot::Receiver<()>) {
        let (done, all_taken) = oneshot::channel();
        let kernel = Self {
            batches: batches.into_iter(),
            done: Some(done),
            losses: Losses::default(),
            lost: Vec::new(),
        };
        (kernel, all_taken)
    }
}

impl Kernel for Scripted {
    async fn next(&mut self) -> std::io::Result<Batch> {
        if let Some(batch) = self.batches.next() {
            return Ok(batch);
        }
        if let Some(done) = self.done.take() {
            done.send(()).expect("somebody waits");
        }
        std::future::pending().await
    }

    fn losses(&self) -> Result<Losses, LoadError> {
        Ok(self.losses.clone())
    }

    fn filtered(&mut self) -> Result<Reading, LoadError> {
        Ok(Reading {
            lost: std::mem::take(&mut self.lost),
            ..Reading::default()
        })
    }

    fn set_resolvers(&mut self, _: &BTreeSet<SocketAddr>) {}

    fn order(&mut self, _: FilterOrder) -> Result<(), LoadError> {
        Ok(())
    }
}

/// One batch, without anything malformed.
pub fn batch(events: Vec<RawEvent>) -> Batch {
    Batch { events, malformed: 0 }
}

/// A cgroup that begins.
pub fn cgroup(id: u64, path: &str) -> RawEvent {
    RawEvent::CgroupCreated {
        time_ns: 0,
        id,
        path: path.into(),
    }
}

/// An attributor that finds nothing in `/proc`.
pub fn attributor() -> Attributor {
    Attributor::new(AttributionLimits::default(), ProcFolder::new("/nonexistent".into()))
}

/// Sources of which the kernel alone gives anything; code is told without hashes.
pub fn sources<K>(kernel: K, attributor: Attributor) -> Sources<K> {
    Sources {
        kernel,
        intake: Intake::new(attributor, None, "/nonexistent".into(), Arc::new(Metrics::new())),
        standing: mpsc::channel(1).1,
        pods: mpsc::channel(1).1,
        cluster: mpsc::channel(1).1,
    }
}
