//! What the pipeline asks of the kernel's side.

use std::io;

use crate::loader::{self, LoadError, Loaded};
use crate::ring::{Batch, RingReader};

/// Events and counters.
pub trait Kernel {
    /// Waits for events, for ever if nothing is attached. Safe to cancel.
    fn next(&mut self) -> impl Future<Output = io::Result<Batch>>;

    /// What the kernel lost since the programs were loaded.
    fn losses(&self) -> Result<loader::Losses, LoadError>;
}

/// The programs in this node's kernel.
#[derive(Debug)]
pub struct LiveKernel {
    pub loaded: Loaded,
    /// Absent where nothing is attached.
    pub events: Option<RingReader>,
}

impl Kernel for LiveKernel {
    async fn next(&mut self) -> io::Result<Batch> {
        match &mut self.events {
            Some(events) => events.next().await,
            None => std::future::pending().await,
        }
    }

    fn losses(&self) -> Result<loader::Losses, LoadError> {
        self.loaded.losses()
    }
}
