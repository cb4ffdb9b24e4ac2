//! `exec-from-outside`: a process, or a flow of one, whose lineage was started from outside the container, as `kubectl
//! exec` does, and by no probe or hook. It is somebody's visit, never the workload's own behaviour, and so is never
//! learned. The libraries that it loads are judged for themselves.

use super::words::{program, started, subject};
use crate::{
    behaviour::{Behaviour, Origin},
    severity::Severity,
};

pub(super) const ID: &str = "exec-from-outside";
pub(super) const SEVERITY: Severity = Severity::Medium;

pub(super) fn fires(behaviour: &Behaviour) -> bool {
    let origin = match behaviour {
        Behaviour::Process(process) => process.origin(),
        Behaviour::Network(network) => network.origin(),
        Behaviour::Module(_) => return false,
    };
    match origin {
        Origin::Exec => true,
        Origin::Entrypoint | Origin::Probe | Origin::Unknown => false,
    }
}

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    match behaviour {
        Behaviour::Process(process) if process.parent().is_empty() => {
            format!("{} was {}", program(process), started(process))
        }
        Behaviour::Process(_) | Behaviour::Network(_) | Behaviour::Module(_) => format!(
            "{} descends from a command that was started from outside the container",
            subject(behaviour)
        ),
    }
}
