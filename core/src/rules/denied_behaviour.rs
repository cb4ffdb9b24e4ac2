//! `denied-behaviour`: an executable or script that the policy denies, whatever was learned.

use super::{program, started};
use crate::{behaviour::ProcessBehaviour, policy::ProcessPolicy, severity::Severity};

pub(super) const ID: &str = "denied-behaviour";
pub(super) const SEVERITY: Severity = Severity::High;

pub(super) fn fires(process: &ProcessBehaviour, policy: &ProcessPolicy) -> bool {
    policy.deny.contains(process.executable()) || process.script().is_some_and(|script| policy.deny.contains(script))
}

pub(super) fn sentence(process: &ProcessBehaviour) -> String {
    format!("{} {} is denied by the policy", program(process), started(process))
}
