//! `returned-behaviour`: something that the baseline knew, that was not seen for the policy's window and is seen again within
//! 35 days after it: a monthly job is no news. Nothing else is raised for it.

use super::words::subject;
use crate::{behaviour::Behaviour, severity::Severity};

pub(super) const ID: &str = "returned-behaviour";
pub(super) const SEVERITY: Severity = Severity::Low;

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!(
        "{} was known before, and returned after longer than the window",
        subject(behaviour)
    )
}
