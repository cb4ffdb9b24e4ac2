//! [`RawEvent`]s → behaviours of containers: which container it was, what started it, and what it descends from.

pub mod applet;
pub mod cgroup;
pub mod command;
pub mod destination;
mod exec;
mod flow;
pub mod host;
mod known;
mod layer;
mod lineage;
pub mod module;
pub mod mounts;
pub mod network;
pub mod places;
pub mod pod;
pub mod probe;
pub mod process;
mod seats;
#[cfg(test)]
pub mod testkit;
pub mod text;
mod told;
mod visit;
pub mod waiting;

use anchorwatch_core::behaviour::{Attributes, Behaviour, Feed};
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use crate::decode::{Exec, FilterKey, OriginMark, RawEvent};
use crate::losses::{LossReason, Owner, Whose};
use crate::names::resolvers::Resolvers;
use crate::snapshot::{SeededProcess, Snapshot};
use cgroup::hierarchy::Hierarchy;
use cgroup::slots::FilterOrder;
use cgroup::{ContainerId, Placement};
use command::{Arguments, Commands};
use exec::PreparedExec;
use flow::PreparedFlow;
use lineage::Lineage;
use module::PreparedModule;
use network::Destinations;
use places::Places;
use pod::{Container, Named, PodChange};
use process::ProcFolder;
use visit::Visit;
use waiting::{WaitLimits, WaitRefusal, Waiting};

/// How much attribution remembers.
#[derive(Debug, Clone, Copy)]
pub struct AttributionLimits {
    pub cgroups: usize,
    /// Executions whose descendants are recognised, about 150 bytes each.
    pub executions: NonZeroUsize,
    pub waiting: WaitLimits,
}

impl Default for AttributionLimits {
    fn default() -> Self {
        Self {
            cgroups: 65_536,
            executions: NonZeroUsize::new(65_536).expect("not zero"),
            waiting: WaitLimits::default(),
        }
    }
}

/// A behaviour that a container showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributed {
    pub container: Arc<Container>,
    pub behaviour: Behaviour,
    /// What else is known of it.
    pub attributes: Attributes,
    /// Executables that led to it, outermost first, its own last.
    pub lineage: Vec<Arc<str>>,
    /// Nanoseconds of `CLOCK_BOOTTIME`.
    pub time_ns: u64,
    /// It was found running when the sensor started, not seen to happen.
    pub standing: bool,
    /// How many equal ones the kernel swallowed since the last one that it sent.
    pub repeats: u64,
    /// What the kernel's filter knows it by.
    pub key: Option<FilterKey>,
}

/// What became of an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Attributed(Box<Attributed>),
    /// Its container is not known yet.
    Waiting,
    /// Not in a pod.
    Host,
    /// The container runtime at work.
    RuntimeStage,
    /// The process that holds a pod's namespaces.
    Sandbox,
    /// A flow that stays inside its pod.
    Loopback,
    Lost(Feed, LossReason, Whose),
}

/// What waits for its container.
#[derive(Debug)]
enum Pending {
    Exec(PreparedExec),
    Flow(PreparedFlow),
    Module(PreparedModule),
}

impl Pending {
    const fn feed(&self) -> Feed {
        match self {
            Self::Exec(_) => Feed::Process,
            Self::Flow(_) => Feed::Network,
            Self::Module(_) => Feed::Module,
        }
    }

    /// What the kernel's filter knows it by.
    const fn key(&self) -> Option<FilterKey> {
        match self {
            Self::Exec(prepared) => prepared.exec.key,
            Self::Module(prepared) => prepared.code.key(),
            Self::Flow(prepared) => prepared.flow.key,
        }
    }
}

/// Attributes executions and flows to containers.
#[derive(Debug)]
pub struct Attributor {
    places: Places,
    lineage: Lineage,
    waiting: Waiting<Pending>,
    destinations: Destinations,
    /// Flows of known containers, while the cluster's addresses are not known.
    held: Vec<PreparedFlow>,
    proc: ProcFolder,
    commands: Commands,
    /// What had been put into containers from outside before the sensor came, by exec id.
    visits: HashMap<u64, Visit>,
    unresolved_ancestors: u64,
}

impl Attributor {
    pub fn new(limits: AttributionLimits, proc: ProcFolder) -> Self {
        Self {
            places: Places::new(limits.cgroups, proc.clone()),
            lineage: Lineage::new(limits.executions),
            waiting: Waiting::new(limits.waiting),
            destinations: Destinations::on_host(Resolvers::default(), Instant::now()),
            held: Vec::new(),
            proc,
            commands: Commands::new(Arguments::default()),
            visits: HashMap::new(),
            unresolved_ancestors: 0,
        }
    }

    /// Cgroups that nobody told of are looked up there.
    #[must_use]
    pub fn with_hierarchy(mut self, hierarchy: Hierarchy) -> Self {
        self.places.look_up_in(hierarchy);
        self
    }

    /// What leaves the node of command lines.
    #[must_use]
    pub fn with_arguments(mut self, arguments: Arguments) -> Self {
        self.commands = Commands::new(arguments);
        self
    }

    /// Destinations have these names.
    #[must_use]
    pub fn with_destinations(mut self, destinations: Destinations) -> Self {
        self.destinations = destinations;
        self
    }

    /// Takes over what was there before the sensor: its executables are the lineage of what comes.
    pub fn seed(&mut self, snapshot: &Snapshot) {
        for cgroup in &snapshot.cgroups {
            self.places.cgroups.insert(cgroup.id, &cgroup.path, snapshot.time_ns);
        }
        for process in &snapshot.processes {
            if let Some(Placement::Container(_)) = self.places.cgroups.get(process.cgroup_id) {
                self.lineage
                    .insert(process.exec_id, text::path(&process.executable, false).into());
                if let (OriginMark::Outside, [], false) =
                    (process.origin, process.ancestors.as_slice(), process.fork_without_exec)
                {
                    self.visits.insert(process.exec_id, Visit::from(process));
                }
            }
        }
    }

    /// Those of the processes that ran before which are in containers: what is to be surveyed.
    pub fn in_containers(&self, processes: Vec<SeededProcess>) -> Vec<SeededProcess> {
        let is_in_container = |process: &SeededProcess| {
            matches!(
                self.places.cgroups.get(process.cgroup_id),
                Some(Placement::Container(_))
            )
        };
        processes.into_iter().filter(is_in_container).collect()
    }

    /// Handles an execution that must have been there before the sensor, by the process that was found.
    pub fn standing(&mut self, exec: Exec, now: Instant) -> Outcome {
        self.exec(exec, true, now)
    }

    /// Handles an event; `None` where it is about a cgroup alone.
    pub fn event(&mut self, event: RawEvent, now: Instant) -> Option<Outcome> {
        match event {
            RawEvent::Exec(exec) => {
                let key = exec.key;
                let outcome = self.exec(exec, false, now);
                Some(self.unless_lost(key, outcome))
            }
            RawEvent::Flow(flow) => {
                let key = flow.key;
                let outcome = self.flow(flow, now);
                Some(self.unless_lost(key, outcome))
            }
            // Told by `dns`, and hashed first.
            RawEvent::Dns(_) | RawEvent::Mapping(_) | RawEvent::KernelModule(_) => None,
            RawEvent::CgroupCreated { time_ns, id, path } => {
                self.places.cgroups.insert(id, &path, time_ns);
                None
            }
            RawEvent::CgroupRemoved { time_ns, id } => {
                self.places.cgroups.remove(id, time_ns, now);
                None
            }
        }
    }

    /// Takes over what became of a pod; what waited for its containers is attributed.
    pub fn pod(&mut self, change: PodChange, now: Instant) -> Vec<Outcome> {
        let mut known = self.places.pods.change(change, now);
        // Of those that no status names yet, some are named by where they sit.
        known.extend(self.waiting.containers().cloned());
        let mut outcomes = Vec::new();
        for id in known {
            let Some(container) = self.places.known(&id) else {
                continue;
            };
            for pending in self.waiting.release(&id) {
                let key = pending.key();
                let outcome = match pending {
                    Pending::Exec(prepared) => self.attribute_exec(prepared, &container),
                    Pending::Flow(prepared) => self.attribute_flow(prepared, &container, now),
                    Pending::Module(prepared) => self.attribute_module(prepared, &container),
                };
                outcomes.push(self.unless_lost(key, outcome));
            }
        }
        outcomes
    }

    /// Gives up what waited too long, and forgets pods and cgroups that are gone.
    pub fn expire(&mut self, now: Instant) -> Vec<Outcome> {
        self.places.expire(now);
        let expired = self.waiting.expire(now);
        let mut outcomes: Vec<Outcome> = expired.iter().map(|pending| self.unattributed(pending)).collect();
        for pending in &expired {
            self.show_again(pending.key());
        }
        outcomes.extend(self.release_held(now));
        outcomes
    }

    /// What could not be kept is not to be taken for known by the kernel's filter.
    pub fn show_again(&mut self, key: Option<FilterKey>) {
        if let Some(key) = key {
            self.places.cgroups.slots.forget(key);
        }
    }

    /// The outcome of an event, which shows again if it was lost.
    fn unless_lost(&mut self, key: Option<FilterKey>, outcome: Outcome) -> Outcome {
        if let Outcome::Lost(..) = outcome {
            self.show_again(key);
        }
        outcome
    }

    /// What the kernel's filter is to be told since this was last asked.
    pub fn take_orders(&mut self) -> Vec<FilterOrder> {
        for key in self.destinations.take_again() {
            self.places.cgroups.slots.forget(key);
        }
        self.places.cgroups.slots.take_orders()
    }

    fn wait(&mut self, id: &ContainerId, pending: Pending, now: Instant) -> Outcome {
        let feed = pending.feed();
        let lost = match self.waiting.push(id, pending, now) {
            Ok(()) => return Outcome::Waiting,
            Err(WaitRefusal::Full) => LossReason::WaitingFull,
            Err(WaitRefusal::ContainerFull) => LossReason::WaitingContainerFull,
        };
        Outcome::Lost(feed, lost, Whose::Container(id.clone()))
    }

    fn ancestor(&mut self, exec_id: u64) -> Arc<str> {
        self.lineage.executable(exec_id).unwrap_or_else(|| {
            self.unresolved_ancestors += 1;
            text::UNKNOWN.into()
        })
    }

    /// A pod's sandbox is a container that no status names. What it runs is told by its first process alone: whatever
    /// else runs in there is worth knowing.
    fn unattributed(&self, pending: &Pending) -> Outcome {
        let (place, is_sandbox) = match pending {
            Pending::Exec(prepared) => {
                let exec = &prepared.exec;
                let first = exec.origin != OriginMark::Outside && exec.ancestors.is_empty();
                (&prepared.place, first && text::base_name(&exec.executable) == b"pause")
            }
            Pending::Flow(prepared) => (&prepared.place, false),
            Pending::Module(prepared) => (&prepared.place, false),
        };
        if is_sandbox {
            return Outcome::Sandbox;
        }
        let feed = pending.feed();
        match self.places.pods.named(&place.pod) {
            Named::One(pod) => Outcome::Lost(feed, LossReason::ContainerUnknown, Whose::Owner(Owner::from(pod))),
            Named::Several => Outcome::Lost(feed, LossReason::ContainerUnknown, Whose::Unknown),
            Named::None => Outcome::Lost(feed, LossReason::PodUnknown, Whose::Unknown),
        }
    }
}

#[cfg(test)]
mod tests;
