//! Policies, and what they refer to.

mod document;
mod materials;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use anchorwatch_core::normalise::domain_name;
use anchorwatch_core::policy::{
    AbsorbPolicy, AlertsPolicy, MaturityMethod, MaturityPolicy, Mode, ModulePolicy, NetworkPolicy, OnMatch,
    OnUnmatched, Policy, ProcessPolicy, RolloutPolicy, SpikePolicy, TolerancePolicy, approvals::Approvals,
};
use anchorwatch_core::severity::Severity;
use anchorwatch_crds::v1alpha1::{self as crd, DriftPolicySpec, FeedPolicies};

use crate::number::unsigned;

pub use document::{DocumentError, arguments_from_document, policy_from_document};
pub use materials::{Materials, Text, inline_violations, materials};

/// What of a policy can't be taken as it is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Violation {
    /// Path of the field, `spec.…`.
    pub field: String,
    /// What was expected there.
    pub expected: String,
}

/// From what people ask for; `name` is how alerts name the policy.
pub fn policy_from_crd(name: String, spec: &DriftPolicySpec, materials: &Materials) -> Policy {
    let maturity = &spec.baseline.maturity;
    Policy {
        name,
        mode: match spec.mode {
            crd::Mode::Observe => Mode::Observe,
            crd::Mode::Alert => Mode::Alert,
        },
        window_days: spec.baseline.window.get(),
        maturity: MaturityPolicy {
            method: match maturity.method {
                crd::MaturityMethod::Measured => MaturityMethod::Measured,
                crd::MaturityMethod::Elapsed => MaturityMethod::Elapsed,
            },
            minimum: maturity.minimum.get(),
            maximum: maturity.maximum.get(),
        },
        process: ProcessPolicy {
            enabled: spec.feeds.process.enabled,
            deny: spec.feeds.process.deny.iter().cloned().collect(),
        },
        network: network(&spec.feeds, materials),
        module: ModulePolicy {
            enabled: spec.feeds.module.enabled,
            deny: spec.feeds.module.deny.iter().cloned().collect(),
            approved: materials.approved.clone(),
        },
        tolerance: TolerancePolicy {
            alerts_per_thousand_weeks: thousandths(spec.tolerance.alerts_per_workload_per_week),
        },
        correlation_window: spec.correlation.window.get(),
        rollout: RolloutPolicy {
            on_match: match spec.rollout.on_match {
                crd::OnMatch::Suppress => OnMatch::Suppress,
                crd::OnMatch::Tag => OnMatch::Tag,
            },
            on_unmatched: spec.rollout.on_unmatched.map(|unmatched| match unmatched {
                crd::OnUnmatched::Queue => OnUnmatched::Queue,
                crd::OnUnmatched::Escalate => OnUnmatched::Escalate,
            }),
            window: spec.rollout.window.get(),
            trusted_managers: spec.rollout.trusted_managers.iter().cloned().collect(),
            require_verified: spec.rollout.require_verified,
            require_intent_from: spec.rollout.require_intent_from.iter().cloned().collect(),
            git_revision_annotations: spec.rollout.git_revision_annotations.clone(),
            retention_days: spec.rollout.retention.get(),
        },
        alerts: AlertsPolicy {
            per_workload: unsigned(spec.alerts.per_workload),
            per_namespace: unsigned(spec.alerts.per_namespace),
            retention_days: spec.alerts.retention.get(),
        },
        absorb: absorb(&spec.baseline.absorb),
        approvals: Approvals::default(),
    }
}

/// So many thousandths, rounded; what is no number, or below 0, is none.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn thousandths(number: f64) -> u32 {
    (number * 1_000.0).round().clamp(0.0, f64::from(u32::MAX)) as u32
}

fn absorb(absorb: &crd::AbsorbPolicy) -> AbsorbPolicy {
    AbsorbPolicy {
        enabled: absorb.enabled,
        severity: match absorb.severity {
            crd::AbsorbSeverity::Low => Severity::Low,
            crd::AbsorbSeverity::Medium => Severity::Medium,
        },
        days: unsigned(absorb.days),
        pods_percent: unsigned(absorb.pods_percent),
    }
}

/// A name as it is listed and, as destinations are kept without what changes from request to request, as it is kept.
pub(crate) fn spellings(name: &str) -> Vec<String> {
    let name = name.to_ascii_lowercase();
    let kept = match name.strip_prefix("*.") {
        Some(above) => domain_name(above).map(|kept| format!("*.{kept}")),
        None => domain_name(&name),
    };
    kept.into_iter().chain([name]).collect()
}

fn network(feeds: &FeedPolicies, materials: &Materials) -> NetworkPolicy {
    let network = &feeds.network;
    let names: BTreeSet<String> = network.deny.names.iter().flat_map(|name| spellings(name)).collect();
    NetworkPolicy {
        enabled: network.enabled,
        deny_names: names,
        deny_networks: network
            .deny
            .networks
            .iter()
            .filter_map(|range| range.parse().ok())
            .collect(),
        deny_groups: network.deny.groups.iter().cloned().collect(),
        groups: materials.groups.clone(),
        spike: SpikePolicy {
            factor: unsigned(network.spike.factor),
            minimum: unsigned(network.spike.minimum),
        },
    }
}
