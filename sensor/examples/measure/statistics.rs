//! What the kernel counts of programs' time, which takes some itself: on only while it is asked for.

use anyhow::{Context, Result};
use std::fs;

const STATISTICS: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// The kernel's statistics of programs, switched back to what they were when this is dropped.
#[derive(Debug)]
pub struct Statistics(String);

impl Statistics {
    pub fn on() -> Result<Self> {
        let before = fs::read_to_string(STATISTICS).with_context(|| format!("cannot read {STATISTICS}"))?;
        fs::write(STATISTICS, "1").with_context(|| format!("cannot write {STATISTICS}"))?;
        Ok(Self(before))
    }
}

impl Drop for Statistics {
    fn drop(&mut self) {
        if let Err(error) = fs::write(STATISTICS, self.0.trim()) {
            eprintln!("{STATISTICS} was {} before: {error}", self.0.trim());
        }
    }
}
