//! `known-name-elsewhere`: a name that the baseline knows, and that led to another network (a /16, or a /32 of IPv6) than
//! any that was learned. Names of content networks do that by themselves: of a name for which as many addresses were
//! learned as are kept, nothing is expected.

use super::words::subject;
use crate::{behaviour::Behaviour, severity::Severity};

pub(super) const ID: &str = "known-name-elsewhere";
pub(super) const SEVERITY: Severity = Severity::Low;

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!("{} leads where the name did not lead before", subject(behaviour))
}
