//! From what becomes of events to lines, until somebody asks for the end.

use anchorwatch_core::behaviour::Feed;
use anchorwatch_core::id::ContainerName;
use anchorwatch_core::observation::Observation;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;

use super::Recorder;
use crate::attribute::pod::Setting;
use crate::attribute::{Attributed, Outcome};
use crate::clock::WallClock;
use crate::pipeline::{Kernel, Outcomes, OutcomesError, Sources};

/// Why a recording can't go on.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error(transparent)]
    Outcomes(#[from] OutcomesError),
    #[error("the recording can't be written")]
    Write(#[source] std::io::Error),
}

/// What a recording holds, and what it lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    pub written: u64,
    /// What is not in it, by reason: nothing is dropped in silence.
    pub missing: BTreeMap<String, u64>,
}

impl fmt::Display for Summary {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} observations recorded", self.written)?;
        for (reason, count) in &self.missing {
            write!(formatter, ", {count} not recorded: {reason}")?;
        }
        Ok(())
    }
}

/// Writes what is seen of some feeds until `end`. The attributor has to make observations.
pub async fn record(
    sources: Sources<impl Kernel>,
    feeds: &BTreeSet<Feed>,
    mut recorder: Recorder,
    end: impl Future<Output = ()>,
) -> Result<Summary, RecordError> {
    let mut end = std::pin::pin!(end);
    let mut outcomes = Outcomes::new(sources);
    loop {
        let next = tokio::select! {
            () = &mut end => break,
            next = outcomes.next() => next?,
        };
        let clock = WallClock::read();
        let attributed = next.into_iter().filter_map(|outcome| match outcome {
            Outcome::Attributed(attributed) => Some(*attributed),
            // Counted where they come from.
            Outcome::Waiting
            | Outcome::Host
            | Outcome::RuntimeStage
            | Outcome::Sandbox
            | Outcome::Loopback
            | Outcome::Lost(..) => None,
        });
        for attributed in attributed.filter(|attributed| feeds.contains(&attributed.behaviour.feed())) {
            if let Some(observation) = observation(attributed, clock) {
                recorder.write(&observation).map_err(RecordError::Write)?;
            }
        }
        recorder.flush().map_err(RecordError::Write)?;
    }
    recorder.flush().map_err(RecordError::Write)?;
    Ok(Summary {
        written: recorder.written(),
        missing: outcomes.missing()?,
    })
}

/// `None` where the attributor was not asked for observations.
fn observation(attributed: Attributed, clock: WallClock) -> Option<Observation> {
    let container = &attributed.container;
    Some(Observation {
        time: clock.at(attributed.time_ns),
        workload: container.workload.as_ref().clone(),
        container: ContainerName::new(container.name.clone()),
        pod: match container.setting {
            Setting::Pod | Setting::Visit => Some(container.pod.name.clone()),
            Setting::Alone | Setting::Unit => None,
        },
        snapshot: attributed.standing,
        what: *attributed.observed?,
    })
}

#[cfg(test)]
mod tests;
