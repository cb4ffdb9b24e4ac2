//! [`RawEvent`]s → behaviours of containers: which container it was, what started it, and what it descends from.

pub mod applet;
pub mod cgroup;
pub mod command;
pub mod destination;
mod exec;
mod executables;
mod flow;
mod known;
mod layer;
mod lineage;
pub mod module;
pub mod mounts;
pub mod network;
mod observed;
mod outcome;
mod pending;
pub mod places;
pub mod pod;
pub mod probe;
pub mod process;
pub mod scope;
mod seats;
pub mod startup;
#[cfg(test)]
pub mod testkit;
pub mod text;
pub mod unit;
mod visit;
pub mod waiting;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Instant;

use crate::decode::{Exec, FilterKey, Flow, OriginMark, RawEvent};
use crate::losses::{LossReason, Owner, Whose};
use crate::names::resolvers::Resolvers;
use crate::snapshot::survey::layer::Layers;
use crate::snapshot::{SeededProcess, Snapshot};
use cgroup::hierarchy::Hierarchy;
use cgroup::slots::FilterOrder;
use cgroup::{ContainerId, Holder, Placement};
use command::{Arguments, Asked, Commands};
use executables::Executables;
use flow::Held;
use lineage::Lineage;
use network::Destinations;
pub use outcome::{Attributed, Outcome};
use pending::Pending;
use places::Places;
use pod::{Named, PodChange};
use process::ProcFolder;
use scope::Scope;
use startup::Awaited;
use visit::Visit;
use waiting::{WaitLimits, WaitRefusal, Waiting};

/// How much attribution remembers.
#[derive(Debug, Clone, Copy)]
pub struct AttributionLimits {
    pub cgroups: usize,
    /// Executions whose descendants are recognised, about 150 bytes each; half of them of one container at most.
    pub executions: NonZeroUsize,
    /// The same outside of what is told.
    pub host_executions: NonZeroUsize,
    pub waiting: WaitLimits,
}

impl Default for AttributionLimits {
    fn default() -> Self {
        Self {
            cgroups: 65_536,
            executions: NonZeroUsize::new(65_536).expect("not zero"),
            host_executions: NonZeroUsize::new(4096).expect("not zero"),
            waiting: WaitLimits::default(),
        }
    }
}

/// Attributes executions and flows to containers.
#[derive(Debug)]
pub struct Attributor {
    places: Places,
    lineage: Lineage,
    /// The latest executions outside of what is told: who loads kernel modules is among them.
    host: Lineage,
    waiting: Waiting<Pending>,
    destinations: Destinations,
    /// Flows of known containers, while the cluster's addresses are not known.
    held: Held,
    proc: ProcFolder,
    layers: Layers,
    commands: Commands,
    executables: Executables,
    /// What had been put into containers from outside before the sensor came, by exec id.
    visits: HashMap<u64, Visit>,
    unresolved_ancestors: u64,
    scope: Scope,
    /// Whether all that was seen goes with each behaviour.
    observing: bool,
    /// What was told of containers' first minutes.
    awaited: Awaited,
}

impl Attributor {
    pub fn new(limits: AttributionLimits, proc: ProcFolder) -> Self {
        Self {
            places: Places::new(limits.cgroups, proc.clone()),
            lineage: Lineage::new(limits.executions),
            host: Lineage::new(limits.host_executions),
            waiting: Waiting::new(limits.waiting),
            destinations: Destinations::on_host(Resolvers::default(), Instant::now()),
            held: Held::default(),
            layers: proc.layers(),
            proc,
            commands: Commands::new(Arguments::default()),
            executables: Executables::default(),
            visits: HashMap::new(),
            unresolved_ancestors: 0,
            scope: Scope::default(),
            observing: false,
            awaited: Awaited::default(),
        }
    }

    /// Whose behaviour is told.
    #[must_use]
    pub fn with_scope(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self.places.cgroups.tell_of(scope);
        self
    }

    /// All that was seen goes with each behaviour, as recordings hold it.
    #[must_use]
    pub fn with_observations(mut self) -> Self {
        self.observing = true;
        self
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

    /// Less leaves the node where policies ask for less. After [`Self::with_arguments`].
    #[must_use]
    pub fn heeding(mut self, asked: Asked) -> Self {
        self.commands = self.commands.heeding(asked);
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
            let placed = matches!(
                self.places.cgroups.get(process.cgroup_id),
                Some(Placement::Container(_))
            );
            let executable: Arc<str> = text::path(&process.executable, false).into();
            self.remember((process.cgroup_id, process.exec_id), executable, placed);
            if let (true, OriginMark::Outside, [], false) = (
                placed,
                process.origin,
                process.ancestors.as_slice(),
                process.fork_without_exec,
            ) {
                self.visits.insert(process.exec_id, Visit::from(process));
            }
        }
    }

    /// Those of the processes that ran before whose behaviour is told: what is to be surveyed. In a unit those count, too,
    /// that are in the host's mounts.
    pub fn placed(&self, processes: Vec<SeededProcess>) -> Vec<SeededProcess> {
        let placed = |process: SeededProcess| match self.places.cgroups.get(process.cgroup_id) {
            Some(Placement::Container(place)) => Some(SeededProcess {
                in_host_mounts: process.in_host_mounts && !place.is_unit(),
                ..process
            }),
            Some(Placement::Host | Placement::Runtime | Placement::Unrecognised) | None => None,
        };
        processes.into_iter().filter_map(placed).collect()
    }

    /// Handles an execution that must have been there before the sensor, by the process that was found.
    pub fn standing(&mut self, exec: Exec, now: Instant) -> Outcome {
        self.exec(exec, true, now)
    }

    /// The same for a connection or a listener, by the socket that was found.
    pub fn standing_flow(&mut self, flow: Flow, now: Instant) -> Outcome {
        self.flow(flow, true, now)
    }

    /// Handles an event; `None` where it is about a cgroup alone.
    pub fn event(&mut self, event: RawEvent, now: Instant) -> Option<Outcome> {
        match event {
            RawEvent::Exec(exec) => {
                let key = exec.key;
                let outcome = self.exec(exec, false, now);
                Some(self.unless_lost(key, outcome, now))
            }
            RawEvent::Flow(flow) => {
                let key = flow.key;
                let outcome = self.flow(flow, false, now);
                Some(self.unless_lost(key, outcome, now))
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
            let Some(container) = self.places.known_of_pod(&id) else {
                continue;
            };
            for pending in self.waiting.release(&id) {
                let key = pending.key();
                let outcome = match pending {
                    Pending::Exec(prepared) => self.attribute_exec(prepared, &container),
                    Pending::Flow(prepared) => self.attribute_flow(prepared, &container, now),
                    Pending::Module(prepared) => self.attribute_module(prepared, &container),
                };
                outcomes.push(self.unless_lost(key, outcome, now));
            }
        }
        outcomes
    }

    /// Gives up what waited too long, and forgets pods and cgroups that are gone.
    pub fn expire(&mut self, now: Instant) -> Vec<Outcome> {
        self.places.expire(now);
        for cgroup in self.places.cgroups.take_forgotten() {
            self.lineage.forget(cgroup);
            self.host.forget(cgroup);
            self.destinations.forget(cgroup);
        }
        while let Some(key) = self.awaited.pop_due(now) {
            self.places.cgroups.slots.let_through(key);
        }
        let mut outcomes = Vec::new();
        for pending in self.waiting.expire(now) {
            outcomes.push(match pending {
                Pending::Module(prepared) if prepared.code.is_kernel_module() => self.attribute_to_node(prepared),
                pending => {
                    self.show_again(pending.key());
                    self.unattributed(&pending)
                }
            });
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

    /// The outcome of an event, which shows again if it was lost, and after its container's first minute if it was told of
    /// that.
    fn unless_lost(&mut self, key: Option<FilterKey>, outcome: Outcome, now: Instant) -> Outcome {
        match (&outcome, key) {
            (Outcome::Lost(..), key) => self.show_again(key),
            (Outcome::Attributed(attributed), Some(key)) if attributed.startup => {
                if let Some(at_once) = self.awaited.push(key, now) {
                    self.places.cgroups.slots.let_through(at_once);
                }
            }
            (
                Outcome::Attributed(_)
                | Outcome::Waiting
                | Outcome::Host
                | Outcome::RuntimeStage
                | Outcome::Sandbox
                | Outcome::Loopback,
                _,
            ) => {}
        }
        outcome
    }

    /// What the kernel's filter is to be told since this was last asked.
    pub fn take_orders(&mut self) -> Vec<FilterOrder> {
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

    /// Remembers a cgroup's execution for what descends from it. What starts a unit is in none, or in another.
    fn remember(&mut self, (cgroup, exec_id): (u64, u64), executable: Arc<str>, placed: bool) {
        if placed || self.scope.tells_host() {
            self.lineage.insert(cgroup, exec_id, executable);
        } else {
            self.host.insert(cgroup, exec_id, executable);
        }
    }

    /// Whoever was executed outside and then put into a container is none of its executions, and known all the same.
    fn ancestor(&mut self, exec_id: u64) -> Arc<str> {
        let own = self.lineage.executable(exec_id);
        own.or_else(|| self.host.executable(exec_id)).unwrap_or_else(|| {
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
        let pod = match &place.holder {
            Holder::Pod(pod) => pod,
            // Known at once, so that nothing of it waits.
            Holder::Host(container) => {
                let owner = Whose::Owner(Owner::from(&**container));
                return Outcome::Lost(feed, LossReason::ContainerUnknown, owner);
            }
        };
        match self.places.pods.named(pod.as_ref()) {
            Named::One(pod) => Outcome::Lost(feed, LossReason::ContainerUnknown, Whose::Owner(Owner::from(pod))),
            Named::Several => Outcome::Lost(feed, LossReason::ContainerUnknown, Whose::Unknown),
            Named::None => Outcome::Lost(feed, LossReason::PodUnknown, Whose::Unknown),
        }
    }
}

#[cfg(test)]
mod tests;
