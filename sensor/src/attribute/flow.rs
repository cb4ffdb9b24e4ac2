//! Flows of processes → behaviours of containers.

use anchorwatch_core::behaviour::{Attributes, Behaviour, Destination, Feed, NetworkParts, Origin};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::cgroup::{ContainerId, Place, Placement};
use super::destination::ClusterChange;
use super::network::{Answered, Destinations, NoDestination};
use super::pod::{Container, Setting};
use super::process::ProcessAt;
use super::{Attributed, Attributor, Outcome, Pending, observed, text};
use crate::decode::{Dns, Flow, OriginMark};
use crate::keyed::KeyedMap;
use crate::losses::{LossReason, Owner, Whose};

/// Most flows that wait for the cluster's addresses, of all containers and of one; as many as wait for containers.
const HELD: usize = 4096;
const HELD_OF_ONE: usize = HELD / 8;

/// Flows that wait for the cluster's addresses.
#[derive(Debug, Default)]
pub(super) struct Held {
    flows: Vec<PreparedFlow>,
    by_container: KeyedMap<ContainerId, usize>,
}

impl Held {
    /// Whether there was room for it.
    fn push(&mut self, prepared: PreparedFlow) -> Result<(), LossReason> {
        if self.flows.len() >= HELD {
            return Err(LossReason::WaitingFull);
        }
        let own = self.by_container.entry(prepared.place.id.clone()).or_default();
        if *own >= HELD_OF_ONE {
            return Err(LossReason::WaitingContainerFull);
        }
        *own += 1;
        self.flows.push(prepared);
        Ok(())
    }

    fn take(&mut self) -> Vec<PreparedFlow> {
        self.by_container.clear();
        std::mem::take(&mut self.flows)
    }
}

/// A flow whose container or destination may not be known yet.
#[derive(Debug)]
pub(super) struct PreparedFlow {
    pub place: Place,
    pub flow: Flow,
    pub lineage: Vec<Arc<str>>,
    standing: bool,
}

impl Attributor {
    /// Takes over what became of something in the cluster that has addresses: what waited for all of them is
    /// attributed. Whether the cluster's DNS changed.
    pub fn cluster(&mut self, change: ClusterChange, now: Instant) -> (Vec<Outcome>, bool) {
        let dns_changed = self.destinations.change(change);
        (self.release_held(now), dns_changed)
    }

    /// Takes over what a container was answered.
    pub fn dns(&mut self, dns: &Dns) -> Answered {
        // The process is not known, so that its cgroup has to be.
        let nobody = ProcessAt {
            pid: 0,
            at_ns: dns.time_ns,
        };
        match self.places.placement(dns.cgroup_id, nobody) {
            Some(Placement::Container(place)) => self.destinations.dns(&place.id, dns),
            Some(Placement::Host | Placement::Runtime) => Answered::Host,
            Some(Placement::Unrecognised) => Answered::Lost(LossReason::CgroupUnrecognised),
            None => Answered::Lost(LossReason::CgroupUnknown),
        }
    }

    /// Names, Services and resolvers.
    pub const fn destinations(&mut self) -> &mut Destinations {
        &mut self.destinations
    }

    /// The resolvers whose answers count for a container of this node.
    pub fn all_resolvers(&mut self) -> BTreeSet<SocketAddr> {
        self.destinations.resolvers().all(self.places.pods.dns())
    }

    pub(super) fn flow(&mut self, flow: Flow, standing: bool, now: Instant) -> Outcome {
        let process = ProcessAt {
            pid: flow.pid,
            at_ns: flow.time_ns,
        };
        let place = match self.places.placement_in(flow.cgroup_id, flow.container, process) {
            None => return Outcome::Lost(Feed::Network, LossReason::CgroupUnknown, Whose::Unknown),
            Some(Placement::Host) => return Outcome::Host,
            Some(Placement::Unrecognised) => {
                return Outcome::Lost(Feed::Network, LossReason::CgroupUnrecognised, Whose::Unknown);
            }
            Some(Placement::Runtime) => return Outcome::RuntimeStage,
            Some(Placement::Container(place)) => place,
        };
        let ids = flow.ancestors.iter().rev().chain(&flow.exec_id);
        let lineage = ids.map(|id| self.ancestor(*id)).collect();
        let prepared = PreparedFlow {
            place,
            flow,
            lineage,
            standing,
        };
        match self.places.container(&prepared.place, process) {
            Some(container) => self.attribute_flow(prepared, &container, now),
            None => self.wait(&prepared.place.id.clone(), Pending::Flow(prepared), now),
        }
    }

    /// What was held until the cluster's addresses were known.
    pub(super) fn release_held(&mut self, now: Instant) -> Vec<Outcome> {
        if self.held.flows.is_empty() || !self.destinations.is_ready(now) {
            return Vec::new();
        }
        let held = self.held.take();
        held.into_iter()
            .map(|prepared| {
                let key = prepared.flow.key;
                let outcome = match self.places.known(&prepared.place) {
                    Some(container) => self.attribute_flow(prepared, &container, now),
                    None => self.unattributed(&Pending::Flow(prepared)),
                };
                self.unless_lost(key, outcome, now)
            })
            .collect()
    }

    pub(super) fn attribute_flow(
        &mut self,
        prepared: PreparedFlow,
        container: &Arc<Container>,
        now: Instant,
    ) -> Outcome {
        let lost = |reason| Outcome::Lost(Feed::Network, reason, Whose::Owner(Owner::from(&**container)));
        if !self.destinations.is_ready(now) {
            return self.held.push(prepared).map_or_else(lost, |()| Outcome::Waiting);
        }
        let PreparedFlow {
            place,
            flow,
            lineage,
            standing,
        } = prepared;
        let seen = match self.destinations.observe(&place.id, container, &flow) {
            Ok(seen) => seen,
            Err(NoDestination::Loopback) => return Outcome::Loopback,
            Err(NoDestination::Forgotten) => return lost(LossReason::ConnectionForgotten),
        };
        let parts = NetworkParts {
            origin: self.origin_of_flow(&flow, container),
            executable: lineage.last().map_or(text::UNKNOWN, |own| own).to_owned(),
            direction: seen.direction,
            protocol: seen.protocol,
            port: seen.port,
            destination: Destination::from(&seen),
        };
        let attributes = Attributes::from(&seen);
        let observed = self.observing.then(|| observed::network(seen, &parts, &lineage));
        Outcome::Attributed(Box::new(Attributed {
            container: Arc::clone(container),
            behaviour: Behaviour::Network(parts.into()),
            attributes,
            command: None,
            observed,
            lineage,
            time_ns: flow.time_ns,
            standing,
            startup: !standing && self.places.cgroups.starts.may_be_startup(&place.id, flow.time_ns),
            repeats: flow.repeats,
            key: flow.key,
        }))
    }

    /// As was decided for its program's execution.
    fn origin_of_flow(&self, flow: &Flow, container: &Container) -> Origin {
        match flow.origin {
            _ if container.setting == Setting::Visit => Origin::Exec,
            OriginMark::Entrypoint => Origin::Entrypoint,
            OriginMark::Unknown | OriginMark::Outside if container.setting == Setting::Unit => Origin::Entrypoint,
            OriginMark::Unknown => Origin::Unknown,
            OriginMark::Outside => {
                let ids: Vec<u64> = flow.exec_id.into_iter().chain(flow.ancestors.iter().copied()).collect();
                self.lineage.outside(&ids).unwrap_or(Origin::Exec)
            }
        }
    }
}
