//! What starts a container: it is done once, and as long as the container runs it has not stopped happening.

use super::{ContainerReport, Entry};
use crate::{
    behaviour::{Behaviour, Origin},
    time::{Duration, Timestamp},
};

/// How long after its first process a container starts: scripts, migrations, caches, first connections.
const STARTING: Duration = Duration::from_mins(10);
/// How much earlier than the first process something of the start may seem to be: replicas start at about the same time.
const BEFORE: Duration = Duration::from_mins(1);

/// When a report saw a container's first process start: the last time, and `None` where it saw none, found one that ran
/// already, or is of a pod that nobody knows.
pub(super) fn seen(report: &ContainerReport, now: Timestamp) -> Option<Timestamp> {
    let starts = report.behaviours.iter().filter(|seen| {
        let is_first = match &seen.behaviour {
            Behaviour::Process(process) => process.origin() == Origin::Entrypoint && process.parent().is_empty(),
            Behaviour::Network(_) | Behaviour::Module(_) => false,
        };
        is_first && !seen.snapshot && report.pod.verified
    });
    starts.map(|seen| seen.last_seen.min(now).whole_second()).max()
}

/// Whether that an entry was not seen says nothing: it was last seen when its container last started, and had no occasion
/// since; or that was today, and it may still be reported; or nobody saw a start, and it was only ever found.
///
/// A template stands for more than was done, and expires as ever.
pub(super) fn may_come(entry: &Entry, started: Option<Timestamp>, now: Timestamp) -> bool {
    match started {
        _ if entry.generalised => false,
        Some(started) => {
            let start = started.minus(BEFORE)..=started.plus(STARTING);
            start.contains(&entry.last_seen) || started.day() >= now.day()
        }
        None => entry.snapshot,
    }
}
