//! Policies.

use anchorwatch_core::policy::{
    MaturityMethod, MaturityPolicy, Mode, ModulePolicy, NetworkPolicy, OnMatch, OnUnmatched, Policy, ProcessPolicy,
    RolloutPolicy,
};
use anchorwatch_crds::v1alpha1::{self as crd, DriftPolicySpec};

/// From what people ask for; `name` is how alerts name the policy.
pub fn policy_from_crd(name: String, spec: &DriftPolicySpec) -> Policy {
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
        network: NetworkPolicy { enabled: true },
        module: ModulePolicy { enabled: true },
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
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_has_the_same_defaults_in_objects_and_in_the_core() {
        let converted = policy_from_crd(String::new(), &DriftPolicySpec::default());
        assert_eq!(converted, Policy::default());
    }
}
