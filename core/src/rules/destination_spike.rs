//! `destination-spike`: more new destinations within an hour than the policy's factor times what is usual, and so many as
//! chance gives one hour in a thousand ([`crate::score::spike`]). Each of them is a finding of its own, too.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{
    behaviour::{Behaviour, Destination},
    severity::Severity,
    time::Timestamp,
};

pub(super) const ID: &str = "destination-spike";
pub(super) const SEVERITY: Severity = Severity::Medium;
pub(super) const PAGE: Page = Page {
    sees: "More new destinations within an hour than `spec.feeds.network.spike.factor` times what is usual, and \
           more than chance gives one hour in a thousand. Each of the destinations is a finding of its own, too.",
    why: "A scan of the network, and malware that tries one generated name after the other, show by their number.",
    example: "`48 new destinations in the hour from 2026-01-01T10:00:00Z, where 1.3 are usual`",
    tune: "Raise `spec.feeds.network.spike.factor` or `minimum`.",
    techniques: &[
        Technique::new("T1046", "Network Service Discovery"),
        Technique::new("T1568.002", "Dynamic Resolution: Domain Generation Algorithms"),
    ],
};

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    let burst = match behaviour {
        Behaviour::Network(network) => match network.destination() {
            Destination::Many(burst) => Some(burst),
            _ => None,
        },
        Behaviour::Process(_) | Behaviour::Module(_) => None,
    };
    burst.map_or_else(
        || format!("{} is more than usual", subject(behaviour)),
        |burst| {
            format!(
                "{} new destinations in the hour from {}, where {}.{} are usual",
                burst.count,
                Timestamp::from_secs(burst.hour.0.saturating_mul(3_600)),
                burst.usual_thousandths / 1_000,
                burst.usual_thousandths % 1_000 / 100
            )
        },
    )
}
