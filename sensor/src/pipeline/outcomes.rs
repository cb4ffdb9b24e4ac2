//! What becomes of everything that happens, as it comes: for those who neither report to a cluster nor keep an outbox.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::intake::Intake;
use super::kernel::Kernel;
use super::missed::Missed;
use crate::attribute::Outcome;
use crate::attribute::destination::ClusterChange;
use crate::attribute::pod::PodChange;
use crate::loader::LoadError;
use crate::losses::LossReason;
use crate::snapshot::survey::Standing;

/// How often time-outs are looked at.
const TICK: Duration = Duration::from_secs(1);

/// Why there is nothing more to be had.
#[derive(Debug, thiserror::Error)]
pub enum OutcomesError {
    #[error("the ring buffer can't be read")]
    Ring(#[source] std::io::Error),
    #[error("the kernel's counters can't be read")]
    Counters(#[source] Box<LoadError>),
}

/// Where things come from. A channel without a sender is one that nothing comes from.
#[derive(Debug)]
pub struct Sources<K> {
    pub kernel: K,
    pub intake: Intake,
    /// What was found running at the start.
    pub standing: mpsc::Receiver<Standing>,
    pub pods: mpsc::Receiver<PodChange>,
    pub cluster: mpsc::Receiver<ClusterChange>,
}

/// The outcomes, and what is missing among them.
#[derive(Debug)]
pub struct Outcomes<K> {
    pub sources: Sources<K>,
    pub missed: Missed,
    tick: Interval,
}

impl<K: Kernel> Outcomes<K> {
    /// Has to be called inside a tokio runtime.
    pub fn new(sources: Sources<K>) -> Self {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            sources,
            missed: Missed::default(),
            tick,
        }
    }

    /// Waits for what comes next. Safe to cancel.
    pub async fn next(&mut self) -> Result<Vec<Outcome>, OutcomesError> {
        let Sources {
            kernel,
            intake,
            standing,
            pods,
            cluster,
        } = &mut self.sources;
        intake.settle(kernel);
        let takes_standing = intake.takes_standing();
        let outcomes = tokio::select! {
            batch = kernel.next() => {
                let batch = batch.map_err(OutcomesError::Ring)?;
                // What such a record was about is in its unreadable part.
                self.missed.losses.add_to_all(LossReason::MalformedRecord, batch.malformed);
                intake.events(batch.events, Instant::now())
            }
            Some(found) = standing.recv(), if takes_standing => intake.standing(found),
            Some(change) = pods.recv() => intake.pod(change),
            Some(change) = cluster.recv() => intake.cluster(change),
            outcome = intake.answered() => vec![outcome],
            _ = self.tick.tick() => intake.tick(Instant::now()),
        };
        for outcome in &outcomes {
            self.missed.count(outcome);
        }
        Ok(outcomes)
    }

    /// What is missing up to now, by reason.
    pub fn missing(&mut self) -> Result<BTreeMap<String, u64>, OutcomesError> {
        let Sources { kernel, intake, .. } = &mut self.sources;
        let counted = intake.count_losses(&mut self.missed.losses, kernel);
        counted.map_err(|error| OutcomesError::Counters(Box::new(error)))?;
        Ok(self.missed.by_reason())
    }
}
