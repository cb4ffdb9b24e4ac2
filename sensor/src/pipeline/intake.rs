//! From the kernel's events to what became of them: what every way to watch begins with.

use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor_common::filter::{FILTER_FEEDS, Totals};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::hashing::{Hashed, Hashing};
use super::kernel::Kernel;
use crate::attribute::destination::ClusterChange;
use crate::attribute::module::Code;
use crate::attribute::network::Answered;
use crate::attribute::pod::PodChange;
use crate::attribute::{Attributor, Outcome};
use crate::clock::boot_nanos;
use crate::decode::{Dns, RawEvent};
use crate::loader::LoadError;
use crate::loader::filter::{Reading, SlotsUsed};
use crate::losses::{LossReason, Losses, Whose};
use crate::metrics::Metrics;
use crate::modules::Unhashed;
use crate::names::resolvers;
use crate::snapshot::survey::Standing;

/// How often it is looked who answers the node's questions, and names that are no longer good are forgotten.
const LOOK_AT_RESOLVERS: Duration = Duration::from_mins(1);

/// Attribution, and what it waits for.
#[derive(Debug)]
pub struct Intake {
    pub attributor: Attributor,
    /// Absent where no thread for it could be started, and in tests: code is told without hashes then.
    hashing: Option<Hashing>,
    /// Where the node's own resolvers are found.
    proc_root: PathBuf,
    metrics: Arc<Metrics>,
    /// Whose files were swapped while they were mapped, since losses were last counted: what was mapped instead is not
    /// known.
    swapped: Vec<Whose>,
    /// Whose answers count may have changed.
    resolvers_due: bool,
    next_look_at_resolvers: Instant,
}

impl Intake {
    pub fn new(attributor: Attributor, hashing: Option<Hashing>, proc_root: PathBuf, metrics: Arc<Metrics>) -> Self {
        Self {
            attributor,
            hashing,
            proc_root,
            metrics,
            swapped: Vec::new(),
            resolvers_due: true,
            next_look_at_resolvers: Instant::now(),
        }
    }

    /// Takes events in; what is about a cgroup, or waits for its file's hash, comes to nothing yet.
    pub fn events(&mut self, events: Vec<RawEvent>, now: Instant) -> Vec<Outcome> {
        events.into_iter().filter_map(|event| self.event(event, now)).collect()
    }

    fn event(&mut self, event: RawEvent, now: Instant) -> Option<Outcome> {
        match event {
            RawEvent::Dns(dns) => self.dns(&dns),
            RawEvent::Mapping(mapping) => self.code(Code::Library(mapping), false, now),
            RawEvent::KernelModule(module) => self.code(Code::KernelModule(module), false, now),
            event => self.attributor.event(event, now),
        }
    }

    /// An answer is no behaviour; one that is lost is a loss.
    fn dns(&mut self, dns: &Dns) -> Option<Outcome> {
        let answered = self.attributor.dns(dns);
        self.metrics.network.answered(answered);
        match answered {
            Answered::Lost(reason) => Some(Outcome::Lost(Feed::Network, reason, Whose::Unknown)),
            Answered::Taken(_) | Answered::Malformed(_) | Answered::Host => None,
        }
    }

    /// Code waits for its file's hash, unless none will come.
    fn code(&mut self, code: Code, standing: bool, now: Instant) -> Option<Outcome> {
        let code = match self.attributor.loading(code, standing) {
            Err(outcome) => return Some(outcome),
            Ok(code) => code,
        };
        let hashed = match &mut self.hashing {
            Some(hashing) => hashing.want(code, now)?,
            None => (code, Err(Unhashed::QueueFull)),
        };
        self.hashed(hashed, now)
    }

    /// Nothing becomes of what stood there and got no hash: the metrics count it.
    fn hashed(&mut self, (code, facts): Hashed, now: Instant) -> Option<Outcome> {
        self.metrics.modules.facts(&facts);
        if let Err(reason) = &facts
            && !code.is_told_without(*reason)
        {
            return None;
        }
        Some(self.attributor.loaded(code, facts.ok(), now))
    }

    /// Waits for the next hash, and says what became of the code. Safe to cancel.
    pub async fn answered(&mut self) -> Outcome {
        loop {
            let Some(hashing) = &mut self.hashing else {
                return std::future::pending().await;
            };
            let (hashed, swapped) = hashing.answered().await;
            if swapped {
                self.metrics.modules.mismatch();
                self.swapped.push(hashed.0.whose());
            }
            if let Some(outcome) = self.hashed(hashed, Instant::now()) {
                return outcome;
            }
        }
    }

    /// Whether what was found standing can be told now. It would only wait before, and take the room of what happens.
    pub fn takes_standing(&mut self) -> bool {
        let is_busy = self.hashing.as_ref().is_some_and(Hashing::is_busy);
        self.attributor.destinations().is_ready(Instant::now()) && !is_busy
    }

    /// Takes in what was there before the sensor came.
    pub fn standing(&mut self, standing: Standing) -> Vec<Outcome> {
        let now = Instant::now();
        match standing {
            Standing::Exec(exec) => vec![self.attributor.standing(exec, now)],
            Standing::Socket(flow) => vec![self.attributor.standing_flow(flow, now)],
            Standing::Library(mapping) => self.code(Code::Library(mapping), true, now).into_iter().collect(),
            Standing::Cut { cgroup_id, feed, count } => {
                let lost = Outcome::Lost(feed, LossReason::SnapshotFull, self.attributor.whose(cgroup_id));
                vec![lost; count]
            }
        }
    }

    pub fn pod(&mut self, change: PodChange) -> Vec<Outcome> {
        self.resolvers_due = true;
        self.attributor.pod(change, Instant::now())
    }

    pub fn cluster(&mut self, change: ClusterChange) -> Vec<Outcome> {
        let (outcomes, dns_changed) = self.attributor.cluster(change, Instant::now());
        self.resolvers_due |= dns_changed;
        outcomes
    }

    /// Lets time pass, about once a second: gives up what waited too long.
    pub fn tick(&mut self, now: Instant) -> Vec<Outcome> {
        let mut outcomes = self.attributor.expire(now);
        let late = self.hashing.as_mut().map(|hashing| hashing.expire(now));
        for hashed in late.unwrap_or_default() {
            outcomes.extend(self.hashed(hashed, now));
        }
        if let Some(hashing) = &self.hashing {
            self.metrics.modules.hanging(hashing.hanging());
        }
        if now >= self.next_look_at_resolvers {
            self.next_look_at_resolvers = now + LOOK_AT_RESOLVERS;
            self.look_at_resolvers();
            self.attributor.destinations().expire(boot_nanos());
        }
        outcomes
    }

    /// The node's resolvers change with its networks.
    fn look_at_resolvers(&mut self) {
        let node = resolvers::of_node(&self.proc_root);
        let known = self.attributor.destinations().resolvers();
        self.resolvers_due |= known.node != node;
        known.node = node;
    }

    /// Takes over what the kernel lost since the last time: what its filter lost is charged to the container that sent too
    /// much, or found no room. What became of all events in the filter, and how many containers have slots there.
    pub fn count_losses(
        &mut self,
        losses: &mut Losses,
        kernel: &mut impl Kernel,
    ) -> Result<([Totals; FILTER_FEEDS], SlotsUsed), LoadError> {
        let counted = kernel.losses()?;
        let Reading {
            totals,
            lost,
            slots,
            denied,
        } = kernel.filtered()?;
        let now = Instant::now();
        losses.add_kernel(&counted);
        for loss in lost {
            let cgroup = loss.container;
            let whose = cgroup.map_or(Whose::Unknown, |cgroup| self.attributor.whose(cgroup));
            losses.charge_slot(whose, loss, now);
        }
        for cgroup in denied {
            let whose = self.attributor.whose(cgroup);
            for feed in Feed::ALL {
                losses.charge(whose.clone(), feed, LossReason::SlotsFull, 1, now);
            }
        }
        for whose in self.swapped.drain(..) {
            losses.charge(whose, Feed::Module, LossReason::FileSwapped, 1, now);
        }
        losses.name(|id| self.attributor.owner(id), now);
        Ok((totals, slots))
    }

    /// Tells the kernel whose answers count, and its filter what became of containers and events. Without it a container
    /// shares the common quota, or an event stays known that was lost, which was counted.
    pub fn settle(&mut self, kernel: &mut impl Kernel) {
        if std::mem::take(&mut self.resolvers_due) {
            kernel.set_resolvers(&self.attributor.all_resolvers());
        }
        for order in self.attributor.take_orders() {
            if let Err(error) = kernel.order(order) {
                tracing::warn!(?order, error = %crate::error::Chain(&error), "filter not told");
            }
        }
    }
}
