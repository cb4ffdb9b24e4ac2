//! `process-outside-baseline`: a process that the baseline, complete enough to judge by, does not know.

use super::{program, started};
use crate::{behaviour::ProcessBehaviour, severity::Severity};

pub(super) const ID: &str = "process-outside-baseline";
pub(super) const SEVERITY: Severity = Severity::Medium;

pub(super) fn sentence(process: &ProcessBehaviour) -> String {
    format!("{} {} is not in the baseline", program(process), started(process))
}
