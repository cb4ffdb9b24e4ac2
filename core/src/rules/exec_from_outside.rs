//! `exec-from-outside`: a process whose lineage was started from outside the container, as `kubectl exec` does, and by
//! no probe or hook. It is somebody's visit, never the workload's own behaviour, and so is never learned.

use super::{program, started};
use crate::{
    behaviour::{Origin, ProcessBehaviour},
    severity::Severity,
};

pub(super) const ID: &str = "exec-from-outside";
pub(super) const SEVERITY: Severity = Severity::Medium;

pub(super) fn fires(process: &ProcessBehaviour) -> bool {
    match process.origin() {
        Origin::Exec => true,
        Origin::Entrypoint | Origin::Probe | Origin::Unknown => false,
    }
}

pub(super) fn sentence(process: &ProcessBehaviour) -> String {
    if process.parent().is_empty() {
        format!("{} was {}", program(process), started(process))
    } else {
        format!(
            "{} {} descends from a command that was started from outside the container",
            program(process),
            started(process)
        )
    }
}
