//! `unusual-volume`: a connection to a known destination that sent at least 64 MiB, and 16 times what any sent while the
//! baseline learned.

use super::words::subject;
use crate::{
    behaviour::{Behaviour, Destination},
    severity::Severity,
};

pub(super) const ID: &str = "unusual-volume";
pub(super) const SEVERITY: Severity = Severity::Medium;

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
