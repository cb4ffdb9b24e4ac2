//! From what becomes of events to alerts, until somebody asks for the end.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

use super::output::Output;
use super::store::Store;
use super::watch::{Room, Watch};
use crate::attribute::Outcome;
use crate::clock::WallClock;
use crate::losses::{LossReason, Unreported};
use crate::pipeline::{Kernel, Outcomes, OutcomesError, Sources};
use crate::record::Summary;
use crate::state::StateError;

/// How long what belongs together gathers before it is told, and before it is written: a power cut costs no more.
const GATHER: Duration = Duration::from_secs(1);
/// How often time alone is looked at, and what was lost meanwhile.
const LOOK: Duration = Duration::from_mins(1);
/// How long counts may be in memory alone: disks of small hosts wear out.
const FLUSH: Duration = Duration::from_mins(10);

/// Why a host can't be watched any more.
#[derive(Debug, thiserror::Error)]
pub enum StandaloneError {
    #[error(transparent)]
    Outcomes(#[from] OutcomesError),
    #[error("alerts can't be told")]
    Tell(#[source] std::io::Error),
    #[error("what is known can't be kept")]
    Keep(#[source] StateError),
}

/// What watches a host.
#[derive(Debug)]
pub struct Parts<K, W> {
    pub sources: Sources<K>,
    pub watch: Watch,
    pub store: Store,
    pub output: Output<W>,
    /// It was watched before: what happened meanwhile is not known.
    pub restarted: bool,
}

/// Watches until `end`; says how many alerts were told and what was missed, by reason.
pub async fn run<K: Kernel, W: Write>(
    parts: Parts<K, W>,
    end: impl Future<Output = ()>,
) -> Result<Summary, StandaloneError> {
    let Parts {
        sources,
        watch,
        store,
        output,
        restarted,
    } = parts;
    let mut outcomes = Outcomes::new(sources);
    if restarted {
        outcomes.missed.losses.add_to_all(LossReason::SensorRestarted, 1);
    }
    let mut host = Host {
        watch,
        store,
        output,
        warned: BTreeMap::new(),
    };
    let mut end = std::pin::pin!(end);
    let mut gather = interval(GATHER);
    gather.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = interval_at(Instant::now() + LOOK, LOOK);
    let mut flush = interval_at(Instant::now() + FLUSH, FLUSH);
    host.look(&mut outcomes)?;
    loop {
        tokio::select! {
            () = &mut end => break,
            next = outcomes.next() => host.see(next?, &mut outcomes),
            _ = gather.tick() => host.tell(false)?,
            _ = look.tick() => host.look(&mut outcomes)?,
            _ = flush.tick() => host.tell(true)?,
        }
    }
    host.look(&mut outcomes)?;
    host.tell(true)?;
    Ok(Summary {
        written: host.output.written(),
        missing: host.missing(&mut outcomes)?,
    })
}

struct Host<W> {
    watch: Watch,
    store: Store,
    output: Output<W>,
    /// What a person was told of what was lost.
    warned: BTreeMap<String, u64>,
}

impl<W: Write> Host<W> {
    fn see<K: Kernel>(&mut self, seen: Vec<Outcome>, outcomes: &mut Outcomes<K>) {
        let clock = WallClock::read();
        let now = WallClock::now();
        for outcome in seen {
            match outcome {
                Outcome::Attributed(attributed) => {
                    match self.watch.see(&attributed, clock.at(attributed.time_ns), now) {
                        Room::Found => {}
                        Room::None => outcomes.sources.intake.attributor.show_again(attributed.key),
                    }
                }
                // Counted where they come from.
                Outcome::Waiting
                | Outcome::Host
                | Outcome::RuntimeStage
                | Outcome::Sandbox
                | Outcome::Loopback
                | Outcome::Lost(..) => {}
            }
        }
    }

    /// Tells what is news, then keeps it: should the power fail between, it is told twice rather than never.
    fn tell(&mut self, all: bool) -> Result<(), StandaloneError> {
        for alert in self.watch.news(WallClock::now()) {
            self.output.tell(&alert).map_err(StandaloneError::Tell)?;
        }
        let changed = self.watch.take_changed(all);
        self.store.save(&changed).map_err(StandaloneError::Keep)
    }

    /// Lets time pass, and takes losses over.
    fn look<K: Kernel>(&mut self, outcomes: &mut Outcomes<K>) -> Result<(), StandaloneError> {
        let now = WallClock::now();
        self.watch.pass_time(now);
        outcomes.missing()?; // takes the kernel's counters over
        let running = outcomes.sources.intake.attributor.running();
        let losses = if running.is_empty() {
            Unreported::default() // nobody is there to be charged with them yet
        } else {
            outcomes.missed.losses.take_all()
        };
        self.watch.observe(&running, &losses, now);
        // What belongs to no unit is none of them.
        let lost = self.with_unjudged(outcomes.missed.lost());
        if lost != self.warned {
            tracing::warn!(?lost, "not everything was seen");
            self.warned = lost;
        }
        Ok(())
    }

    /// What was neither learned nor judged up to now, by reason.
    fn missing<K: Kernel>(&self, outcomes: &mut Outcomes<K>) -> Result<BTreeMap<String, u64>, StandaloneError> {
        Ok(self.with_unjudged(outcomes.missing()?))
    }

    fn with_unjudged(&self, mut missing: BTreeMap<String, u64>) -> BTreeMap<String, u64> {
        if self.watch.unjudged() > 0 {
            missing.insert("no_room".to_owned(), self.watch.unjudged());
        }
        missing
    }
}

#[cfg(test)]
mod tests;
