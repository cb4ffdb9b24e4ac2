//! `denied-behaviour`: an executable or script that the policy denies, whatever was learned.

use super::words::subject;
use crate::{behaviour::Behaviour, policy::Policy, severity::Severity};

pub(super) const ID: &str = "denied-behaviour";
pub(super) const SEVERITY: Severity = Severity::High;

pub(super) fn fires(behaviour: &Behaviour, policy: &Policy) -> bool {
    match behaviour {
        Behaviour::Process(process) => {
            let denied = |path: &str| policy.process.deny.contains(path);
            denied(process.executable()) || process.script().is_some_and(denied)
        }
        Behaviour::Network(_) | Behaviour::Module(_) => false,
    }
}

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!("{} is denied by the policy", subject(behaviour))
}
