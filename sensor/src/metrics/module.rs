//! Metrics of the module feed.

use super::Register;
use crate::modules::{Facts, Unhashed};
use prometheus::{IntCounter, IntGauge};

/// Registered once.
#[derive(Debug)]
pub struct ModuleMetrics {
    hashed: IntCounter,
    /// In the order of [`Unhashed::ALL`].
    unhashed: Vec<IntCounter>,
    mismatches: IntCounter,
    hanging: IntGauge,
}

impl ModuleMetrics {
    pub(super) fn new(register: &Register<'_>) -> Self {
        Self {
            hashed: register.counter("modules_hashed_total", "Loaded files whose hash was told."),
            unhashed: register.labelled(
                "modules_unhashed_total",
                "Loaded files that were told without a hash, by reason.",
                "reason",
                &Unhashed::ALL.map(Unhashed::name),
            ),
            mismatches: register.counter(
                "module_mismatches_total",
                "Descriptors given for mapping whose file the process did not have mapped afterwards.",
            ),
            hanging: register.gauge(
                "module_threads_hanging",
                "Threads that wait for a file system that does not answer; hashes of that container's files are left out.",
            ),
        }
    }

    pub fn facts(&self, facts: &Result<Facts, Unhashed>) {
        match facts {
            Ok(_) => self.hashed.inc(),
            Err(reason) => self.unhashed[*reason as usize].inc(),
        }
    }

    pub fn mismatch(&self) {
        self.mismatches.inc();
    }

    pub fn hanging(&self, threads: usize) {
        self.hanging.set(i64::try_from(threads).unwrap_or(i64::MAX));
    }
}
