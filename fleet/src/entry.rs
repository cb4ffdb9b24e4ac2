//! What is searched, and what is found.

use std::sync::Arc;

use anchorwatch_core::{features::Features, id::WorkloadKey, time::Timestamp};

/// A command line that a container runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// Redacted and templated.
    pub command: String,
    /// What it is compared by.
    pub features: Features,
    /// Who runs it.
    pub holder: Holder,
}

/// Who runs a command line. Of one workload there are as many as it runs lines: they share what they have in common.
#[derive(Clone, Debug, PartialEq)]
pub struct Holder {
    /// The workload.
    pub workload: Arc<WorkloadKey>,
    /// The container in it.
    pub container: Arc<str>,
    /// Executable of the process.
    pub executable: Arc<str>,
    /// When it was first seen there.
    pub first_seen: Timestamp,
    /// When it was last seen there.
    pub last_seen: Timestamp,
}

/// A command line that is like what was asked for, at one holder.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Redacted and templated.
    pub command: String,
    /// Who runs it.
    pub holder: Holder,
    /// Features that both have.
    pub common: u32,
    /// Features that either has.
    pub union: u32,
}

impl Answer {
    /// The Jaccard similarity, exactly: 0 to 1.
    pub fn similarity(&self) -> f64 {
        f64::from(self.common) / f64::from(self.union.max(1))
    }
}
