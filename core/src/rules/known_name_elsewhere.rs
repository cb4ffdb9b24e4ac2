//! `known-name-elsewhere`: a name that the baseline knows, and that led to another network (a /16, or a /32 of IPv6) than
//! any that was learned. Names of content networks do that by themselves: of a name for which as many addresses were
//! learned as are kept, nothing is expected.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{behaviour::Behaviour, severity::Severity};

pub(super) const ID: &str = "known-name-elsewhere";
pub(super) const SEVERITY: Severity = Severity::Low;
pub(super) const PAGE: Page = Page {
    sees: "A DNS name that the baseline knows, and that led to a network (a /16, or a /32 of IPv6) where it did not \
           lead while it was learned. Of a name for which 16 addresses were learned nothing is expected: names of \
           content networks move by themselves.",
    why: "Whoever takes over a name, or answers for it, gets the workload's traffic without any new name showing.",
    example: "`the connection of /usr/bin/python3.11 to api.example.org in 203.0.0.0/16 (tcp 443) leads where the name \
           did not lead before`",
    tune: "Accept the finding once the owner of the name has moved it. A longer `spec.baseline.window` learns more \
           addresses of each name.",
    techniques: &[
        Technique::new("T1584.002", "Compromise Infrastructure: DNS Server"),
        Technique::new("T1568", "Dynamic Resolution"),
    ],
};

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!("{} leads where the name did not lead before", subject(behaviour))
}
