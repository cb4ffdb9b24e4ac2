//! `privileges-gained`: a process that the baseline knows, whose execution gave it capabilities that none gave while it was
//! learned: its file was marked setuid or was given capabilities, or another user runs it. A process that the baseline does
//! not know is raised as that, and its finding names what it gained.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{
    behaviour::{Behaviour, CapabilitySet, ProcessBehaviour},
    severity::Severity,
};

pub(super) const ID: &str = "privileges-gained";
pub(super) const SEVERITY: Severity = Severity::Medium;
pub(super) const PAGE: Page = Page {
    sees: "A program that the baseline knows, whose execution gave it capabilities that none gave while it was \
           learned: its file was marked setuid or was given capabilities, or another user runs it.",
    why: "More rights than before are what somebody looks for who has come in with few.",
    example: "`/usr/bin/ping started by /usr/bin/bash gained capabilities that it was not learned with: NET_RAW`",
    tune: "Set `allowPrivilegeEscalation: false`, under which it can't happen, or accept the finding.",
    techniques: &[
        Technique::new("T1548.001", "Abuse Elevation Control Mechanism: Setuid and Setgid"),
        Technique::new("T1068", "Exploitation for Privilege Escalation"),
    ],
};

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
