//! `unusual-volume`: a connection to a known destination that sent at least 64 MiB, and 16 times what any sent while the
//! baseline learned.

use super::{
    page::{Page, Technique},
    words::subject,
};
use crate::{
    behaviour::{Behaviour, Destination},
    severity::Severity,
};

pub(super) const ID: &str = "unusual-volume";
pub(super) const SEVERITY: Severity = Severity::Medium;
pub(super) const PAGE: Page = Page {
    sees: "A connection to a known destination that, when it was closed, had sent at least 64 MiB and 16 times what \
           any sent while the baseline learned. A connection that is not closed has not been measured yet.",
    why: "Data is carried out best where the workload talks anyway.",
    example: "`the connection of /usr/bin/python3.11 to backup.example.org (tcp 443) sent 2 GiB or more, at least 16 \
           times what was learned`",
    tune: "Accept the finding where such transfers are normal: the larger volume is known from then on.",
    techniques: &[
        Technique::new("T1048", "Exfiltration Over Alternative Protocol"),
        Technique::new("T1041", "Exfiltration Over C2 Channel"),
    ],
};

pub(super) fn sentence(behaviour: &Behaviour) -> String {
    let log2 = match behaviour {
        Behaviour::Network(network) => match network.destination() {
            Destination::Volume { log2, .. } => *log2,
            _ => 0,
        },
        Behaviour::Process(_) | Behaviour::Module(_) => 0,
    };
    format!(
        "{} sent {} or more, at least 16 times what was learned",
        subject(behaviour),
        size(log2)
    )
}

/// A power of two of bytes as people say it.
fn size(log2: u8) -> String {
    let unit = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][usize::from(log2 / 10).min(6)];
    format!("{} {unit}", 1_u64 << (log2 - log2 / 10 * 10).min(9))
}
