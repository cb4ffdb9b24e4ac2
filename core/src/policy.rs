//! The policy that holds for a workload, resolved: every default filled in.

pub mod groups;

use std::collections::BTreeSet;

use serde::Serialize;

use crate::{behaviour::Feed, time::Duration};

/// What people ask for.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Policy {
    /// `<namespace>/<name>` or, for a ClusterDriftPolicy, `<name>`.
    pub name: String,
    /// Whether a deviation is only recorded or opens an alert.
    pub mode: Mode,
    /// The sliding window in days, besides today: 1 to 99.
    pub window_days: u8,
    /// When a baseline is complete enough to judge by.
    pub maturity: MaturityPolicy,
    /// What is watched of processes.
    pub process: ProcessPolicy,
    /// What is watched of the network.
    pub network: NetworkPolicy,
    /// What is watched of modules.
    pub module: ModulePolicy,
    /// Findings of one container within this time of each other join one alert.
    pub correlation_window: Duration,
    /// What a rollout explains.
    pub rollout: RolloutPolicy,
}

/// Whether a deviation is only recorded or opens an alert.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub enum Mode {
    /// Findings are recorded as Observed.
    #[default]
    Observe,
    /// Findings are opened.
    Alert,
}

/// When a baseline is complete enough to judge by.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct MaturityPolicy {
    /// How it is decided.
    pub method: MaturityMethod,
    /// Shortest time of observation.
    pub minimum: Duration,
    /// Longest time of observation, after which deviations are raised whatever was measured.
    pub maximum: Duration,
}

/// How it is decided that a baseline is complete enough.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub enum MaturityMethod {
    /// By what was measured of the workload's novelty. This version measures nothing yet and waits for `maximum`.
    #[default]
    Measured,
    /// By time alone: after `minimum`.
    Elapsed,
}

/// What is watched of processes.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ProcessPolicy {
    /// Whether processes are learned and judged at all.
    pub enabled: bool,
    /// Executables and scripts, by their path inside the container, that are never normal.
    pub deny: BTreeSet<String>,
}

/// What is watched of the network.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct NetworkPolicy {
    /// Whether destinations and listeners are learned and judged at all.
    pub enabled: bool,
}

/// What is watched of modules.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ModulePolicy {
    /// Whether libraries and kernel modules are learned and judged at all.
    pub enabled: bool,
}

/// What a rollout explains.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct RolloutPolicy {
    /// What happens to a finding that a rollout explains.
    pub on_match: OnMatch,
    /// What happens to a finding that none explains. `None`: open below High, escalated from High.
    pub on_unmatched: Option<OnUnmatched>,
    /// How long after its start a rollout explains anything.
    pub window: Duration,
}

/// What happens to a finding that a rollout explains.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub enum OnMatch {
    /// It is tagged with the record and suppressed, never deleted.
    #[default]
    Suppress,
    /// It is tagged with the record and stays open.
    Tag,
}

/// What happens to a finding that no rollout explains.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub enum OnUnmatched {
    /// It waits for review.
    Queue,
    /// It escalates.
    Escalate,
}

impl Policy {
    /// Whether a feed is learned and judged.
    pub const fn watches(&self, feed: Feed) -> bool {
        match feed {
            Feed::Process => self.process.enabled,
            Feed::Network => self.network.enabled,
            Feed::Module => self.module.enabled,
        }
    }
}

impl Default for Policy {
    /// A policy that leaves everything out, under no name: observes, 7 days, measured within 72 h and 14 days,
    /// correlation within 10 minutes, rollouts explain for an hour.
    fn default() -> Self {
        Self {
            name: String::new(),
            mode: Mode::default(),
            window_days: 7,
            maturity: MaturityPolicy {
                method: MaturityMethod::default(),
                minimum: Duration::from_hours(72),
                maximum: Duration::from_hours(14 * 24),
            },
            process: ProcessPolicy {
                enabled: true,
                deny: BTreeSet::new(),
            },
            network: NetworkPolicy { enabled: true },
            module: ModulePolicy { enabled: true },
            correlation_window: Duration::from_mins(10),
            rollout: RolloutPolicy {
                on_match: OnMatch::default(),
                on_unmatched: None,
                window: Duration::from_hours(1),
            },
        }
    }
}
