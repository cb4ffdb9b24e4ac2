//! When a batch is closed and what is in it. Pure: the pipeline writes it down, the sender sends it.

pub mod bucket;
pub mod send;

use anchorwatch_convert::{feed_from_crd, unsigned};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_core::time::Timestamp;
use anchorwatch_crds::v1alpha1::{Behavior, HookReport, ReportedContainer, SensorReportSpec};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::convert;
use crate::losses::{ByFeed, LossReason, Losses, by_feed};
use crate::outbox::{BatchChange, HookTold, State, new_epoch};
use crate::seen::Seen;
use crate::state::StateError;
use bucket::TokenBucket;

/// Most bytes of a batch as JSON. etcd takes 1.5 MB, and an apply holds the object three times.
pub const MAX_BATCH_BYTES: usize = 128 << 10;

/// What the envelope of an apply adds to the batch.
const ENVELOPE_BYTES: usize = 1024;

/// Hours and counts of what is known are told this often at most.
const MARKS: Duration = Duration::from_mins(10);
/// Up to so much later, so that the nodes of a cluster do not write all at once.
const MARKS_JITTER: Duration = Duration::from_mins(2);
/// New command lines of known behaviours are told this often at most, unless a batch could not hold them: in a storm of
/// them a batch costs more than its lines do. One after a while is told at once.
const LINES: Duration = Duration::from_millis(250);

/// A batch that is to be sent until it is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outstanding {
    pub epoch: String,
    pub seq: i64,
    /// The report's `spec`, fixed.
    pub spec: Arc<[u8]>,
}

/// Decides about batches.
#[derive(Debug)]
pub struct Reporter {
    state: State,
    outstanding: Option<Outstanding>,
    hooks: Vec<HookReport>,
    /// Whether the API server was told other hooks, or none.
    hooks_are_news: bool,
    bucket: TokenBucket,
    next_marks: Instant,
    next_lines: Instant,
    /// A number of the node's own between 0 and 1, renewed at each mark.
    jitter: f64,
}

/// Why a batch that the outbox kept can't be sent.
#[derive(Debug, thiserror::Error)]
#[error("the batch in the outbox can't be read")]
pub struct BatchError(#[from] serde_json::Error);

impl Reporter {
    /// Goes on where the outbox's state and batch left off.
    pub fn new(
        state: State,
        batch: Option<Vec<u8>>,
        hooks: Vec<HookReport>,
        now: Instant,
        jitter: f64,
    ) -> Result<Self, BatchError> {
        let outstanding = batch.map(outstanding).transpose()?;
        Ok(Self {
            hooks_are_news: !hooks.iter().map(HookTold::from).eq(state.hooks.iter().cloned()),
            state,
            outstanding,
            hooks,
            bucket: TokenBucket::new(now),
            next_marks: now + MARKS.mul_f64(jitter),
            next_lines: now,
            jitter,
        })
    }

    pub const fn outstanding(&self) -> Option<&Outstanding> {
        self.outstanding.as_ref()
    }

    pub const fn state(&self) -> &State {
        &self.state
    }

    /// When to ask again, if something waits for that moment.
    pub fn wake(&self, seen: &Seen, now: Instant) -> Option<Instant> {
        if self.outstanding.is_some() {
            return None;
        }
        let next = if seen.is_pressing() || self.hooks_are_news {
            self.bucket.ready_at(now)
        } else if seen.has_due() {
            self.bucket.ready_at(now).max(self.next_lines)
        } else {
            self.next_marks
        };
        Some(next)
    }

    /// Closes a batch if there is reason to: its bytes and the state to be written with the rows that it emptied.
    pub fn close(
        &mut self,
        seen: &mut Seen,
        losses: &mut Losses,
        now: Instant,
        wall: Timestamp,
    ) -> Option<(State, BatchChange)> {
        if self.outstanding.is_some() {
            return None;
        }
        let marks = now >= self.next_marks;
        if marks {
            self.next_marks = now + MARKS + MARKS_JITTER.mul_f64(self.jitter);
            seen.queue_marks(wall);
        }
        let lines = seen.has_due() && now >= self.next_lines;
        let reason = seen.is_pressing() || lines || self.hooks_are_news || (marks && !losses.is_empty());
        if !reason || !self.bucket.take(now) {
            return None;
        }
        let taken = losses.take();
        let mut spec = SensorReportSpec {
            node_uid: self.state.node_uid.clone(),
            epoch: self.state.epoch.clone(),
            seq: self.state.next_seq,
            sent_at: Some(convert::time(wall)),
            containers: Vec::new(),
            node_behaviors: Vec::new(),
            losses: taken.losses,
            container_losses: taken.of_containers,
            hooks: self.hooks.clone(),
        };
        let space = MAX_BATCH_BYTES.saturating_sub(json(&spec).len() + ENVELOPE_BYTES);
        let (node, containers): (Vec<_>, Vec<_>) = seen.take_due(space).into_iter().partition(is_node);
        spec.containers = containers;
        spec.node_behaviors = node.into_iter().flat_map(|node| node.behaviors).collect();
        self.next_lines = now + if seen.has_fresh() { Duration::ZERO } else { LINES };
        self.keep(losses);
        if std::mem::take(&mut self.hooks_are_news) {
            self.state.hooks = self.hooks.iter().map(HookTold::from).collect();
        }
        Some(self.put(&spec))
    }

    /// The batch was merged; nothing where it was another one.
    pub fn acknowledged(&mut self, epoch: &str, seq: i64) -> Option<BatchChange> {
        let outstanding = self.outstanding.as_ref()?;
        if outstanding.epoch != epoch || outstanding.seq != seq {
            return None;
        }
        self.outstanding = None;
        Some(BatchChange::Clear)
    }

    /// The API server refuses the batch, and would for ever.
    ///
    /// First it is put into a new epoch: the server was restored from a backup, or the outbox was. If it is refused
    /// even as the first batch of its epoch, it is the batch itself, and it is laid aside for a person to look at.
    pub fn refused(&mut self, epoch: &str, seq: i64) -> Result<Option<Refusal>, StateError> {
        let Some(outstanding) = self
            .outstanding
            .take_if(|batch| batch.epoch == epoch && batch.seq == seq)
        else {
            return Ok(None);
        };
        let spec: Option<SensorReportSpec> = serde_json::from_slice(&outstanding.spec).ok();
        match spec {
            Some(mut spec) if seq > 1 => {
                self.state.epoch = new_epoch()?;
                self.state.next_seq = 1;
                spec.epoch.clone_from(&self.state.epoch);
                spec.seq = 1;
                let (state, change) = self.put(&spec);
                Ok(Some(Refusal::NewEpoch(state, change)))
            }
            spec => {
                self.state.next_seq = seq;
                let change = BatchChange::Refuse(outstanding.spec.to_vec());
                Ok(Some(Refusal::LaidAside(self.state.clone(), change, lost_with(spec))))
            }
        }
    }

    /// With the losses that no batch has taken yet.
    pub fn state_with(&mut self, losses: &Losses) -> State {
        self.keep(losses);
        self.state.clone()
    }

    fn keep(&mut self, losses: &Losses) {
        self.state.losses = losses.unreported();
        self.state.container_losses = losses.unreported_of_containers();
    }

    /// A number between 0 and 1 for the next mark.
    pub const fn set_jitter(&mut self, jitter: f64) {
        self.jitter = jitter;
    }

    fn put(&mut self, spec: &SensorReportSpec) -> (State, BatchChange) {
        let bytes = json(spec);
        self.outstanding = Some(Outstanding {
            epoch: spec.epoch.clone(),
            seq: spec.seq,
            spec: bytes.as_slice().into(),
        });
        self.state.next_seq = spec.seq + 1;
        (self.state.clone(), BatchChange::Close(bytes))
    }
}

/// What is done about a refused batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    NewEpoch(State, BatchChange),
    /// With what is lost by that: its behaviours, and the losses that it would have told.
    LaidAside(State, BatchChange, ByFeed),
}

fn lost_with(batch: Option<SensorReportSpec>) -> ByFeed {
    let refused = LossReason::ReportRefused.name();
    let one = |feed| (feed, refused.to_owned(), 1);
    // One that can't be read may have held anything.
    let Some(batch) = batch else {
        return by_feed(Feed::ALL.map(one));
    };
    let behaviours = batch.containers.iter().flat_map(|container| &container.behaviors);
    let behaviours = behaviours.chain(&batch.node_behaviors);
    let behaviours = behaviours.map(|seen| one(feed_of(&seen.behavior)));
    // What it says of containers may be what it was refused for: told again as nobody's in particular.
    let of_containers = batch.container_losses.iter().flat_map(|held| &held.losses);
    let losses = batch.losses.iter().chain(of_containers);
    let losses = losses.map(|loss| (feed_from_crd(loss.feed), loss.reason.clone(), unsigned(loss.count)));
    by_feed(behaviours.chain(losses))
}

/// As [`Container::of_node`](crate::attribute::pod::Container::of_node) has it.
fn is_node(told: &ReportedContainer) -> bool {
    told.pod.uid.is_empty()
}

const fn feed_of(behavior: &Behavior) -> Feed {
    match behavior {
        Behavior { network: Some(_), .. } => Feed::Network,
        Behavior { module: Some(_), .. } => Feed::Module,
        Behavior { .. } => Feed::Process,
    }
}

fn outstanding(batch: Vec<u8>) -> Result<Outstanding, BatchError> {
    let spec: SensorReportSpec = serde_json::from_slice(&batch)?;
    Ok(Outstanding {
        epoch: spec.epoch,
        seq: spec.seq,
        spec: batch.into(),
    })
}

fn json(spec: &SensorReportSpec) -> Vec<u8> {
    serde_json::to_vec(spec).expect("a report is plain data with text keys")
}

#[cfg(test)]
mod tests;
