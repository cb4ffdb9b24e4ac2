//! `privileges-gained`: a process that the baseline knows, whose execution gave it capabilities that none gave while it was
//! learned: its file was marked setuid or was given capabilities, or another user runs it. A process that the baseline does
//! not know is raised as that, and its finding names what it gained.

use super::words::subject;
use crate::{
    behaviour::{Behaviour, CapabilitySet, ProcessBehaviour},
    severity::Severity,
};

pub(super) const ID: &str = "privileges-gained";
pub(super) const SEVERITY: Severity = Severity::Medium;

/// Most capabilities that a sentence names: the finding has all of them.
const NAMED: usize = 4;

pub(super) const fn fires(process: &ProcessBehaviour) -> bool {
    !process.gained().is_empty()
}

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    let gained = match behaviour {
        Behaviour::Process(process) => process.gained(),
        Behaviour::Network(_) | Behaviour::Module(_) => CapabilitySet::NONE,
    };
    let names: Vec<&str> = gained.names().collect();
    let gained = match names.len().saturating_sub(NAMED) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names[..NAMED].join(", ")),
    };
    format!(
        "{} gained capabilities that it was not learned with: {gained}",
        subject(behaviour)
    )
}
