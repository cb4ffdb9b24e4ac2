//! From the kernel's events to alerts, until somebody asks for the end.

use std::collections::BTreeMap;
use std::future::Future;
use std::io::Write;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

use super::output::Output;
use super::store::{Store, StoreError};
use super::watch::Watch;
use crate::attribute::host::HostAttributor;
use crate::clock::WallClock;
use crate::decode::{Exec, RawEvent};
use crate::loader::LoadError;
use crate::pipeline::Kernel;
use crate::record::Summary;

/// How long what was learned may be in memory alone: a power cut costs no more.
const SAVE: Duration = Duration::from_secs(1);
/// How often time alone is looked at, and what was lost meanwhile.
const LOOK: Duration = Duration::from_mins(1);

/// Why a host can't be watched any more.
#[derive(Debug, thiserror::Error)]
pub enum StandaloneError {
    #[error("the ring buffer can't be read")]
    Ring(#[source] std::io::Error),
    #[error("alerts can't be told")]
    Tell(#[source] std::io::Error),
    #[error("what was learned can't be kept")]
    Keep(#[source] StoreError),
    #[error("the kernel's counters can't be read")]
    Counters(#[source] Box<LoadError>),
}

/// What watches a host.
#[derive(Debug)]
pub struct Parts<K, W> {
    pub kernel: K,
    pub attributor: HostAttributor,
    pub watch: Watch,
    pub store: Store,
    pub output: Output<W>,
    /// What ran already, told as if it were executed now.
    pub standing: mpsc::Receiver<Exec>,
}

/// Watches until `end`; says how many alerts were told and what was missed, by reason.
pub async fn run<K: Kernel, W: Write>(
    mut parts: Parts<K, W>,
    end: impl Future<Output = ()>,
) -> Result<Summary, StandaloneError> {
    let mut end = std::pin::pin!(end);
    let mut save = interval(SAVE);
    save.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = interval_at(Instant::now() + LOOK, LOOK);
    let mut malformed = 0;
    let mut warned = BTreeMap::new();
    parts.watch.pass_time(WallClock::now());
    loop {
        tokio::select! {
            () = &mut end => break,
            batch = parts.kernel.next() => {
                let batch = batch.map_err(StandaloneError::Ring)?;
                malformed += batch.malformed;
                parts.events(batch.events, false)?;
            }
            Some(exec) = parts.standing.recv() => parts.events(vec![RawEvent::Exec(exec)], true)?,
            _ = save.tick() => parts.save()?,
            _ = look.tick() => {
                parts.watch.pass_time(WallClock::now());
                let missing = parts.missing(malformed)?;
                if missing != warned {
                    tracing::warn!(?missing, "not everything was seen");
                    warned = missing;
                }
            }
        }
    }
    parts.save()?;
    Ok(Summary {
        written: parts.output.written(),
        missing: parts.missing(malformed)?,
    })
}

impl<K: Kernel, W: Write> Parts<K, W> {
    /// What happened or, where `standing`, was found when the sensor started.
    fn events(&mut self, events: Vec<RawEvent>, standing: bool) -> Result<(), StandaloneError> {
        let clock = WallClock::read();
        for event in events {
            let Some(mut observation) = self.attributor.event(event, clock) else {
                continue;
            };
            observation.snapshot = standing;
            for alert in self.watch.see(&observation, WallClock::now()) {
                self.output.tell(&alert).map_err(StandaloneError::Tell)?;
            }
        }
        Ok(())
    }

    fn save(&mut self) -> Result<(), StandaloneError> {
        let changed = self.watch.take_changed();
        self.store.save(&changed).map_err(StandaloneError::Keep)
    }

    /// What was neither learned nor judged, by reason: nothing is dropped in silence.
    fn missing(&self, malformed: u64) -> Result<BTreeMap<&'static str, u64>, StandaloneError> {
        let losses = self
            .kernel
            .losses()
            .map_err(|error| StandaloneError::Counters(Box::new(error)))?;
        let unplaced = self.attributor.unplaced().iter();
        let unplaced = unplaced.map(|(why, count)| (why.name(), *count));
        let others = [
            ("lost_in_kernel", losses.total()),
            ("malformed_record", malformed),
            ("no_room", self.watch.unjudged()),
        ];
        Ok(unplaced.chain(others).filter(|(_, count)| *count > 0).collect())
    }
}
