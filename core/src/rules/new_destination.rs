//! `new-destination`: a destination that the baseline, complete enough to judge by, does not know.

use super::words::subject;
use crate::{behaviour::Behaviour, severity::Severity};

pub(super) const ID: &str = "new-destination";
pub(super) const SEVERITY: Severity = Severity::Medium;

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!("{} is not in the baseline", subject(behaviour))
}
