//! `new-destination-group`: the first connection into a group of networks that the policy names, such as the ranges of a
//! cloud, whatever name led there.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{behaviour::Behaviour, severity::Severity};

pub(super) const ID: &str = "new-destination-group";
pub(super) const SEVERITY: Severity = Severity::Medium;
pub(super) const PAGE: Page = Page {
    sees: "The first connection of a program into a group of networks that the policy names, such as the ranges of \
           a cloud, whatever name led there.",
    why: "Data is often carried out to a cloud's storage, where a single name says little. A workload that never \
           used a provider and now does is worth a look.",
    example: "`the connection of /usr/bin/curl to the group other-cloud (tcp 443) is the first into that group`",
    tune: "Leave the group out of `spec.feeds.network.destinationGroups`, or accept the finding.",
    techniques: &[Technique::new("T1567", "Exfiltration Over Web Service")],
};

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!("{} is the first into that group", subject(behaviour))
}
