//! What the pipeline asks of the kernel's side.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;

use crate::attribute::cgroup::slots::FilterOrder;
use crate::decode::FilterKey;
use crate::error::Chain;
use crate::loader::filter::{Reading, Registration};
use crate::loader::{self, LoadError, Loaded};
use crate::ring::{Batch, RingReader};

/// Events and counters.
pub trait Kernel {
    /// Waits for events, for ever if nothing is attached. Safe to cancel.
    fn next(&mut self) -> impl Future<Output = io::Result<Batch>>;

    /// What the kernel lost since the programs were loaded.
    fn losses(&self) -> Result<loader::Losses, LoadError>;

    /// What became of events in the filter.
    fn filtered(&mut self) -> Result<Reading, LoadError>;

    /// From whom answers are looked at from now on. Those that find no room are not looked at.
    fn set_resolvers(&mut self, resolvers: &BTreeSet<SocketAddr>);

    /// Tells the filter of containers, and of events that are to show again.
    fn order(&mut self, order: FilterOrder) -> Result<(), LoadError>;
}

/// The programs in this node's kernel.
#[derive(Debug)]
pub struct LiveKernel {
    pub loaded: Loaded,
    /// Absent where nothing is attached.
    pub events: Option<RingReader>,
    /// What the programs know of resolvers.
    resolvers: BTreeSet<SocketAddr>,
}

impl LiveKernel {
    /// Programs that know no resolver yet.
    pub const fn new(loaded: Loaded, events: Option<RingReader>) -> Self {
        Self {
            loaded,
            events,
            resolvers: BTreeSet::new(),
        }
    }
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

    fn filtered(&mut self) -> Result<Reading, LoadError> {
        Ok(self.loaded.filter_mut().read()?)
    }

    fn set_resolvers(&mut self, resolvers: &BTreeSet<SocketAddr>) {
        let gone: Vec<SocketAddr> = self.resolvers.difference(resolvers).copied().collect();
        for resolver in gone {
            match self.loaded.remove_resolver(resolver) {
                Ok(()) => drop(self.resolvers.remove(&resolver)),
                Err(error) => tracing::warn!(%resolver, error = %Chain(&error), "resolver still looked at"),
            }
        }
        let new: Vec<SocketAddr> = resolvers.difference(&self.resolvers).copied().collect();
        for resolver in new {
            match self.loaded.add_resolver(resolver) {
                Ok(()) => drop(self.resolvers.insert(resolver)),
                Err(error) => tracing::warn!(%resolver, error = %Chain(&error), "answers of a resolver name nothing"),
            }
        }
    }

    fn order(&mut self, order: FilterOrder) -> Result<(), LoadError> {
        let filter = self.loaded.filter_mut();
        match order {
            FilterOrder::Ignore(cgroup) => self.loaded.ignore_cgroup(cgroup),
            FilterOrder::Heed(cgroup) => self.loaded.heed_cgroup(cgroup),
            FilterOrder::Register(cgroup) => {
                if filter.register(cgroup)? == Registration::NoRoom {
                    tracing::warn!(
                        cgroup,
                        "no slot for a container, which shares one with all that have none"
                    );
                }
            }
            FilterOrder::Below { cgroup, container } => filter.register_below(cgroup, container)?,
            FilterOrder::Release(cgroup) => drop(filter.release(cgroup)?),
            FilterOrder::Forget(FilterKey { feed, hash }) => filter.forget(feed, hash)?,
            FilterOrder::LetThrough(FilterKey { feed, hash }) => filter.let_through(feed, hash)?,
        }
        Ok(())
    }
}
