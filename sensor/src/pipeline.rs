//! From the kernel's events to batches: one task that owns all state, and one writer to the disk at a time.
//!
//! While a transaction is on its way to the disk, what comes meanwhile gathers for the next one: that is the group
//! commit. A batch is given to the sender when it is on the disk, and not before.

mod counters;
mod hashing;
mod intake;
mod kernel;
mod latency;
mod missed;
mod outcomes;
#[cfg(test)]
pub mod testkit;
mod writer;

use anchorwatch_core::time::Timestamp;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};
use tokio::time::MissedTickBehavior;

use crate::admin::Health;
use crate::attribute::destination::ClusterChange;
use crate::attribute::pod::PodChange;
use crate::attribute::{Attributed, Outcome};
use crate::clock::{WallClock, boot_nanos};
use crate::loader::LoadError;
use crate::losses::{LossReason, Losses, Owner, Whose};
use crate::metrics::Metrics;
use crate::outbox::{BatchChange, Change, Outbox};
use crate::report::send::Delivery;
use crate::report::{Outstanding, Refusal, Reporter};
use crate::ring::Batch;
use crate::seen::{Seen, Sight, Sighting};
use crate::snapshot::survey::{Progress, Standing};
use crate::state::StateError;
pub use hashing::Hashing;
pub use intake::Intake;
pub use kernel::{Kernel, LiveKernel};
use latency::Latency;
pub use missed::Missed;
pub use outcomes::{Outcomes, OutcomesError, Sources};
use writer::Writer;

/// How often time-outs are looked at.
const TICK: Duration = Duration::from_secs(1);
/// How long counts of known behaviours may be in memory alone; losses and hours are looked at as often.
const FLUSH: Duration = Duration::from_secs(10);

/// Why the sensor can't go on.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    #[error("the ring buffer can't be read")]
    Ring(#[source] std::io::Error),
    #[error("the kernel's counters can't be read")]
    Counters(#[source] Box<LoadError>),
    #[error("the outbox can't be written")]
    Outbox(#[from] StateError),
    #[error("the writer of the outbox panicked")]
    Writer(#[from] tokio::task::JoinError),
}

/// Where things come from and go to.
#[derive(Debug)]
pub struct Channels {
    /// What was found running at the start.
    pub standing: mpsc::Receiver<Standing>,
    pub pods: mpsc::Receiver<PodChange>,
    pub cluster: mpsc::Receiver<ClusterChange>,
    pub deliveries: mpsc::Receiver<Delivery>,
    pub batches: watch::Sender<Option<Outstanding>>,
}

/// What a pipeline is made of.
#[derive(Debug)]
pub struct Parts {
    pub intake: Intake,
    pub seen: Seen,
    pub losses: Losses,
    pub reporter: Reporter,
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
    pub survey: Arc<Progress>,
    /// Whether containers are observed at all.
    pub attached: bool,
}

/// All state of the sensor.
#[derive(Debug)]
pub struct Pipeline {
    parts: Parts,
    /// Decided by a delivery, and not yet given to the writer.
    pending: Change,
    pods_listed: bool,
    next_flush: Instant,
    /// Everything that is in memory alone goes with the next change.
    flush_due: bool,
    latency: Latency,
}

impl Pipeline {
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            pending: Change::default(),
            pods_listed: false,
            next_flush: Instant::now(),
            flush_due: false,
            latency: Latency::default(),
        }
    }

    /// Runs until `shutdown`, then writes what is in memory alone.
    pub async fn run(
        mut self,
        mut kernel: impl Kernel,
        outbox: Outbox,
        channels: Channels,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), PipelineError> {
        let Channels {
            mut standing,
            mut pods,
            mut cluster,
            mut deliveries,
            batches,
        } = channels;
        let mut writer = Writer::new(outbox);
        let mut shutdown = std::pin::pin!(shutdown);
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // A batch that a former run left is on the disk already.
        batches.send_replace(self.parts.reporter.outstanding().cloned());
        self.parts.intake.settle(&mut kernel); // of what was there before
        loop {
            let wake = self.parts.reporter.wake(&self.parts.seen, Instant::now());
            let takes_standing = self.pods_listed && self.parts.intake.takes_standing();
            tokio::select! {
                () = &mut shutdown => break,
                batch = kernel.next() => self.events(batch.map_err(PipelineError::Ring)?),
                Some(change) = pods.recv() => self.pod(change),
                Some(found) = standing.recv(), if takes_standing => self.standing(found),
                Some(change) = cluster.recv() => self.cluster(change),
                outcome = self.parts.intake.answered() => self.outcome(outcome, WallClock::read()),
                Some(delivery) = deliveries.recv() => {
                    self.delivery(delivery)?;
                    if writer.is_free() {
                        self.offer(&batches);
                    }
                }
                written = writer.done() => self.written(written?, &batches),
                () = sleep_until(wake), if writer.is_free() => {}
                _ = tick.tick() => self.tick(&mut kernel)?,
            }
            self.parts.intake.settle(&mut kernel);
            self.write(&mut writer, Instant::now(), WallClock::now());
        }
        if writer.is_running() {
            self.written(writer.done().await?, &batches);
        }
        self.flush(&mut kernel)?;
        let last = self.everything();
        writer.finish(&last)?;
        Ok(())
    }

    fn events(&mut self, batch: Batch) {
        let now = Instant::now();
        let clock = WallClock::read();
        // What such a record was about is in its unreadable part.
        self.parts
            .losses
            .add_to_all(LossReason::MalformedRecord, batch.malformed);
        let outcomes = self.parts.intake.events(batch.events, now);
        self.outcomes(outcomes, clock);
    }

    fn standing(&mut self, standing: Standing) {
        let outcomes = self.parts.intake.standing(standing);
        self.outcomes(outcomes, WallClock::read());
    }

    fn pod(&mut self, change: PodChange) {
        if matches!(change, PodChange::Listed(_)) {
            self.pods_listed = true;
            self.parts.health.pods_listed();
        }
        let outcomes = self.parts.intake.pod(change);
        self.outcomes(outcomes, WallClock::read());
    }

    fn cluster(&mut self, change: ClusterChange) {
        let outcomes = self.parts.intake.cluster(change);
        self.outcomes(outcomes, WallClock::read());
    }

    fn outcomes(&mut self, outcomes: Vec<Outcome>, clock: WallClock) {
        for outcome in outcomes {
            self.outcome(outcome, clock);
        }
    }

    fn outcome(&mut self, outcome: Outcome, clock: WallClock) {
        self.parts.metrics.event(&outcome);
        match outcome {
            Outcome::Waiting | Outcome::Host | Outcome::RuntimeStage | Outcome::Sandbox | Outcome::Loopback => {}
            Outcome::Lost(feed, reason, whose) => self.parts.losses.charge(whose, feed, reason, 1, Instant::now()),
            Outcome::Attributed(attributed) => {
                let at = clock.at(attributed.time_ns);
                if attributed.lacks_ancestor() {
                    self.charge(&attributed, LossReason::AncestorUnknown);
                }
                let sight = self.sight(&attributed, at);
                self.parts.metrics.sight(sight);
                match sight {
                    Sight::Known => {}
                    Sight::New => self.latency.seen(attributed.time_ns),
                    Sight::Refused(reason) => {
                        self.parts.intake.attributor.show_again(attributed.key);
                        self.charge(&attributed, reason);
                    }
                }
            }
        }
    }

    /// Counts a loss of its container's.
    fn charge(&mut self, attributed: &Attributed, reason: LossReason) {
        let whose = Whose::Owner(Owner::from(&*attributed.container));
        let feed = attributed.behaviour.feed();
        self.parts.losses.charge(whose, feed, reason, 1, Instant::now());
    }

    fn sight(&mut self, attributed: &Attributed, at: Timestamp) -> Sight {
        let Attributed {
            container,
            behaviour,
            lineage,
            attributes,
            command,
            time_ns: _,
            standing,
            startup,
            repeats,
            key: _,
            observed: _,
        } = attributed;
        let seen = &mut self.parts.seen;
        // A name that was looked up before the sensor started again is not known any more, but the address is.
        let is_known =
            || seen.has_seen_today(container, behaviour, at) || seen.knows_by_address(container, behaviour, attributes);
        let sighting = Sighting {
            behaviour,
            attributes,
            command: command.as_ref(),
            lineage,
            at,
            repeats: *repeats,
            standing: *standing,
            startup: *startup,
        };
        if *standing && is_known() {
            return seen.enrich(container, &sighting);
        }
        seen.observe(container, &sighting)
    }

    fn delivery(&mut self, delivery: Delivery) -> Result<(), PipelineError> {
        match delivery {
            Delivery::Acknowledged { epoch, seq } => {
                if let Some(batch) = self.parts.reporter.acknowledged(&epoch, seq) {
                    self.pending.batch = batch;
                    self.parts.metrics.acknowledged_at.set(WallClock::now().as_secs());
                }
            }
            Delivery::Refused { epoch, seq, message } => match self.parts.reporter.refused(&epoch, seq)? {
                None => {}
                Some(Refusal::NewEpoch(state, batch)) => {
                    tracing::error!(epoch, seq, message, "report refused, beginning a new epoch");
                    self.parts.metrics.epoch_refused();
                    self.parts.seen.report_again();
                    self.pending = Change {
                        rows: Vec::new(),
                        state: Some(state),
                        batch,
                    };
                }
                Some(Refusal::LaidAside(state, batch, lost)) => {
                    tracing::error!(epoch, seq, ?lost, message, "report refused for what it is, laid aside");
                    self.parts.losses.add_all(&lost);
                    self.pending = Change {
                        rows: Vec::new(),
                        state: Some(state),
                        batch,
                    };
                }
            },
        }
        Ok(())
    }

    fn tick(&mut self, kernel: &mut impl Kernel) -> Result<(), PipelineError> {
        let now = Instant::now();
        self.parts.health.beat(now);
        let clock = WallClock::read();
        let outcomes = self.parts.intake.tick(now);
        self.outcomes(outcomes, clock);
        if now >= self.next_flush {
            self.next_flush = now + FLUSH;
            self.flush(kernel)?;
            self.flush_due = true;
        }
        self.export();
        Ok(())
    }

    /// Takes over the kernel's counters and the hour, and forgets pods that are gone.
    fn flush(&mut self, kernel: &mut impl Kernel) -> Result<(), PipelineError> {
        self.count_losses(kernel)?;
        if self.parts.attached {
            let hour = WallClock::now().hour();
            for container in self.parts.intake.attributor.running() {
                self.parts.seen.observe_hour(&container, hour);
            }
        }
        if self.pods_listed && self.parts.reporter.outstanding().is_none() {
            let Parts { seen, intake, .. } = &mut self.parts;
            seen.forget_gone(|uid| intake.attributor.knows_pod(uid));
        }
        self.parts.reporter.set_jitter(random_share());
        Ok(())
    }

    /// Gives the writer what is due, if it is free.
    fn write(&mut self, writer: &mut Writer, now: Instant, wall: Timestamp) {
        writer.retry(now);
        if !writer.is_free() {
            return;
        }
        if let Some(change) = self.due(now, wall) {
            writer.start(change);
        }
    }

    fn due(&mut self, now: Instant, wall: Timestamp) -> Option<Change> {
        let mut change = std::mem::take(&mut self.pending);
        // A refused batch and a new one would need the same place.
        if matches!(change.batch, BatchChange::Keep | BatchChange::Clear)
            && let Some((state, batch)) =
                self.parts
                    .reporter
                    .close(&mut self.parts.seen, &mut self.parts.losses, now, wall)
        {
            self.parts.metrics.batches.inc();
            change.state = Some(state);
            change.batch = batch;
        }
        let (dirty, urgent) = self.parts.seen.dirty();
        let flush = std::mem::take(&mut self.flush_due)
            && (dirty || self.parts.losses.take_changed() || change != Change::default());
        if change.can_wait() && !urgent && !flush {
            self.pending = change;
            return None;
        }
        change.state = Some(self.parts.reporter.state_with(&self.parts.losses));
        change.rows = self.parts.seen.take_rows();
        self.latency.given();
        Some(change)
    }

    /// All that is in memory alone.
    fn everything(&mut self) -> Change {
        let mut change = std::mem::take(&mut self.pending);
        change.rows = self.parts.seen.take_rows();
        change.state = Some(self.parts.reporter.state_with(&self.parts.losses));
        change
    }

    fn written(&mut self, outcome: writer::Outcome, batches: &watch::Sender<Option<Outstanding>>) {
        match outcome {
            writer::Outcome::Written(took) => {
                self.parts.metrics.commits.observe(took.as_secs_f64());
                self.latency.written(boot_nanos(), &self.parts.metrics.latency);
                self.offer(batches);
            }
            writer::Outcome::Failed(error) => {
                self.parts.metrics.commit_errors.inc();
                tracing::error!(error = %crate::error::Chain(&error), "outbox not written, trying again");
            }
        }
    }

    /// Has the batch sent that is outstanding, unless a delivery decided on it and it is not on the disk yet.
    fn offer(&self, batches: &watch::Sender<Option<Outstanding>>) {
        if !self.pending.can_wait() {
            return;
        }
        let outstanding = self.parts.reporter.outstanding();
        batches.send_if_modified(|current| {
            let news = current.as_ref() != outstanding;
            if news {
                *current = outstanding.cloned();
            }
            news
        });
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake.into()).await,
        None => std::future::pending().await,
    }
}

/// A random number between 0 and 1.
pub fn random_share() -> f64 {
    f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests;
