//! `unusual-command`: a process that the baseline knows, run with a command line that it was not learned with and that is
//! less probable than the policy's tolerance ([`crate::score`]). The finding says how improbable it is, which learned
//! commands are nearest, and what of it is strange.

use super::words::subject;
use crate::{
    behaviour::{Behaviour, ProcessBehaviour},
    severity::Severity,
    text::shown,
};

pub(super) const ID: &str = "unusual-command";
pub(super) const SEVERITY: Severity = Severity::Medium;

pub(super) const fn fires(process: &ProcessBehaviour) -> bool {
    process.command().is_some()
}

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    let command = match behaviour {
        Behaviour::Process(process) => process.command().unwrap_or_default(),
        Behaviour::Network(_) | Behaviour::Module(_) => "",
    };
    // It is escaped already: what `shown` does is to cut it.
    format!(
        "{} ran a command unlike those that were learned: {}",
        subject(behaviour),
        shown(command)
    )
}
