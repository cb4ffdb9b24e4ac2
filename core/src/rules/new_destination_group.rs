//! `new-destination-group`: the first connection into a group of networks that the policy names, such as the ranges of a
//! cloud, whatever name led there.

use super::words::subject;
use crate::{behaviour::Behaviour, severity::Severity};

pub(super) const ID: &str = "new-destination-group";
pub(super) const SEVERITY: Severity = Severity::Medium;

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!("{} is the first into that group", subject(behaviour))
}
