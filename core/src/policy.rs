//! The policy that holds for a workload, resolved: every default filled in.

mod absorb;
mod alerts;
pub mod approvals;
pub mod groups;
pub mod hashes;

use std::collections::BTreeSet;

use serde::Serialize;

pub use self::{absorb::AbsorbPolicy, alerts::AlertsPolicy};
use self::{approvals::Approvals, groups::Groups, hashes::Hashes};
use crate::{address::IpPrefix, behaviour::Feed, time::Duration};

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
    /// How many alerts chance may raise.
    pub tolerance: TolerancePolicy,
    /// Findings of one container within this time of each other join one alert.
    pub correlation_window: Duration,
    /// What a rollout explains.
    pub rollout: RolloutPolicy,
    /// How many alerts are kept, and for how long.
    pub alerts: AlertsPolicy,
    /// What is learned although it was raised, because it repeats harmlessly.
    pub absorb: AbsorbPolicy,
    /// What people approved and denied of the workload.
    pub approvals: Approvals,
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
    /// Shortest time of observation: measured, in hours in which a pod ran; elapsed, since the first of them.
    pub minimum: Duration,
    /// Longest time since the first observation, after which deviations are raised whatever was measured.
    pub maximum: Duration,
}

/// How it is decided that a baseline is complete enough.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, Serialize)]
pub enum MaturityMethod {
    /// By what was measured of the workload's novelty.
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
    /// DNS names, in lower case, that are never normal; `*.` before one stands for every name below it.
    pub deny_names: BTreeSet<String>,
    /// Networks whose addresses are never normal, whatever their name.
    pub deny_networks: BTreeSet<IpPrefix>,
    /// Groups whose addresses are never normal, whatever their name.
    pub deny_groups: BTreeSet<String>,
    /// Named groups of networks.
    pub groups: Groups,
    /// When many new destinations within an hour are a deviation of their own.
    pub spike: SpikePolicy,
}

/// When many new destinations within an hour are a deviation of their own.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct SpikePolicy {
    /// How many times what is usual.
    pub factor: u32,
    /// Fewest of them.
    pub minimum: u32,
}

/// What is watched of modules.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct ModulePolicy {
    /// Whether libraries and kernel modules are learned and judged at all.
    pub enabled: bool,
    /// Libraries, by their path inside the container, and kernel modules, by their name, that are never normal.
    pub deny: BTreeSet<String>,
    /// The only libraries that are approved. `None`: those of the running image's own layers are.
    pub approved: Option<Hashes>,
}

/// How many alerts chance may raise.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct TolerancePolicy {
    /// Alerts for unusual commands that a workload may raise by chance in a thousand weeks.
    pub alerts_per_thousand_weeks: u32,
}

impl TolerancePolicy {
    /// The same for one week.
    pub fn alerts_a_week(self) -> f64 {
        f64::from(self.alerts_per_thousand_weeks) / 1_000.0
    }
}

/// What a rollout explains.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct RolloutPolicy {
    /// What happens to a finding that a rollout explains.
    pub on_match: OnMatch,
    /// What happens to a finding that none explains. `None`: open below High, escalated from High.
    pub on_unmatched: Option<OnUnmatched>,
    /// How long after its start a rollout explains anything.
    pub window: Duration,
    /// Field managers whose rollouts explain anything. Empty: all of them.
    pub trusted_managers: BTreeSet<String>,
    /// Whether a manager's name counts only where admission ties it to its users.
    pub require_verified: bool,
    /// Users whose RolloutIntent has to have announced a rollout. Empty: none is needed.
    pub require_intent_from: BTreeSet<String>,
    /// Annotations and labels that tell the revision of the sources, the first that is there.
    pub git_revision_annotations: Vec<String>,
    /// How long records are kept, in days.
    pub retention_days: u8,
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

/// Annotations and labels that tell the revision of the sources, where nobody names others: our own, those of Argo CD and
/// Flux where they are told to set one, the image specification's, and Kubernetes' recommended label.
const GIT_REVISION: [&str; 5] = [
    "anchorwatch.dev/git-revision",
    "argocd.argoproj.io/revision",
    "kustomize.toolkit.fluxcd.io/revision",
    "org.opencontainers.image.revision",
    "app.kubernetes.io/version",
];

impl Default for Policy {
    /// A policy that leaves everything out, under no name: observes, 7 days, measured within 72 h and 14 days, an alert by
    /// chance in ten weeks, correlation within 10 minutes, rollouts explain for an hour.
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
            network: NetworkPolicy {
                enabled: true,
                deny_names: BTreeSet::new(),
                deny_networks: BTreeSet::new(),
                deny_groups: BTreeSet::new(),
                groups: Groups::default(),
                spike: SpikePolicy { factor: 3, minimum: 5 },
            },
            module: ModulePolicy {
                enabled: true,
                deny: BTreeSet::new(),
                approved: None,
            },
            tolerance: TolerancePolicy {
                alerts_per_thousand_weeks: 100,
            },
            correlation_window: Duration::from_mins(10),
            rollout: RolloutPolicy {
                on_match: OnMatch::default(),
                on_unmatched: None,
                window: Duration::from_hours(1),
                trusted_managers: BTreeSet::new(),
                require_verified: false,
                require_intent_from: BTreeSet::new(),
                git_revision_annotations: GIT_REVISION.map(str::to_owned).into(),
                retention_days: 90,
            },
            alerts: AlertsPolicy::default(),
            absorb: AbsorbPolicy::default(),
            approvals: Approvals::default(),
        }
    }
}
