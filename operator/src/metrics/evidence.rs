//! What is told of the chains of evidence.

use anchorwatch_core::chain::Check;
use prometheus::{IntGauge, IntGaugeVec, Registry};

use super::{gauge, gauges};
use crate::heads::Heads;

/// What is told of the chains of evidence.
#[derive(Clone, Debug)]
pub struct EvidenceMetrics {
    /// When all chains were checked last, in seconds since 1970.
    pub verified: IntGauge,
    breaks: IntGaugeVec,
    chains: IntGauge,
    records: IntGauge,
    heads: IntGauge,
}

impl EvidenceMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            verified: gauge(
                r,
                "evidence_verified_timestamp_seconds",
                "When all chains of RolloutRecords were checked last",
            )?,
            breaks: gauges(
                r,
                "evidence_breaks",
                "Chains of RolloutRecords that are broken, by the check that failed first",
                &["check"],
            )?,
            chains: gauge(r, "evidence_chains", "Chains of RolloutRecords that are whole")?,
            records: gauge(r, "evidence_records", "RolloutRecords that are sealed")?,
            heads: gauge(
                r,
                "evidence_heads",
                "First 48 bits of the SHA-256 over the heads of all chains, as a number: what an outside log holds of them",
            )?,
        })
    }

    /// Shows what an audit found broken. Every check is named, so that a rule sees the first break as a change.
    pub fn show_breaks(&self, broken: impl Iterator<Item = Check>) {
        for check in Check::ALL {
            self.breaks.with_label_values(&[check.name()]).set(0);
        }
        for check in broken {
            self.breaks.with_label_values(&[check.name()]).inc();
        }
    }

    /// Shows how many chains are whole, and how many records are sealed.
    pub fn show_chains(&self, whole: usize, records: usize) {
        self.chains.set(whole.try_into().unwrap_or(i64::MAX));
        self.records.set(records.try_into().unwrap_or(i64::MAX));
    }

    /// Shows the heads of all chains.
    pub fn show_heads(&self, heads: &Heads) {
        self.heads.set(heads.digest().number());
    }
}
