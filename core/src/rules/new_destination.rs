//! `new-destination`: a destination that the baseline, complete enough to judge by, does not know.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{behaviour::Behaviour, severity::Severity};

pub(super) const ID: &str = "new-destination";
pub(super) const SEVERITY: Severity = Severity::Medium;
pub(super) const PAGE: Page = Page {
    sees: "A connection, or datagrams, to a destination that the baseline does not know: a Service or workload of \
           the cluster, else a DNS name that the container looked up, else a /24 of IPv4 or a /56 of IPv6. Program, \
           protocol and port belong to it.",
    why: "Command and control, downloads of tools and the way out for data all begin with a destination that the \
           workload never talked to.",
    example: "`the connection of /usr/bin/python3.11 to files.example.net (tcp 443) is not in the baseline`",
    tune: "Let it learn for longer, accept the finding, or name networks that belong together in \
           `spec.feeds.network.destinationGroups`. `spec.feeds.network.enabled: false` switches the feed off.",
    techniques: &[
        Technique::new("T1071", "Application Layer Protocol"),
        Technique::new("T1105", "Ingress Tool Transfer"),
    ],
};

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    format!("{} is not in the baseline", subject(behaviour))
}
