//! Whose an address of the cluster is: a Service's, or a node's.
//!
//! A sensor knows the pods of its own node alone, so that it names no pod elsewhere; and because a destination must read
//! the same on every node, it names none of its own either. What it can name everywhere are Services, by their cluster
//! addresses and by the endpoints behind them: that is what containers are told to talk to, also where a Service is
//! headless or its address is translated before a hook sees it. A pod that is in no Service is known by its range.
//!
//! Nothing that a tenant can claim names an address: `externalIPs` and addresses of load balancers are left out.

pub mod facts;
#[cfg(test)]
mod tests;

use anchorwatch_core::address::folded;
use anchorwatch_core::behaviour::Protocol;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use crate::keyed::KeyedMap;
use facts::{NodeFacts, ServiceFacts, SliceFacts};

/// What became of one kind of object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<F> {
    Applied(F),
    Deleted(Arc<str>),
    /// These are all; whatever else was known is gone.
    Listed(HashSet<Arc<str>>),
}

/// What became of an object of the cluster that has addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterChange {
    Service(Change<ServiceFacts>),
    Slice(Change<SliceFacts>),
    Node(Change<NodeFacts>),
}

/// Whose an address is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A Service's: `namespace/name`.
    Service(Arc<str>),
    /// Some node's of the cluster. Nodes come and go, so that they are told apart by their addresses alone.
    Node,
}

/// Most addresses of endpoints that are kept: those of the largest clusters that Kubernetes is tested with have about
/// 150,000 pods, most of which are in a Service at most. About 100 bytes each.
pub const MAX_ENDPOINTS: usize = 200_000;

/// The addresses of the cluster.
#[derive(Debug, Default)]
pub struct Directory {
    services: HashMap<Arc<str>, ServiceFacts>,
    slices: HashMap<Arc<str>, Arc<SliceFacts>>,
    nodes: HashMap<Arc<str>, NodeFacts>,
    by_cluster_address: KeyedMap<IpAddr, Arc<str>>,
    by_endpoint: KeyedMap<IpAddr, Vec<Arc<SliceFacts>>>,
    by_node_address: KeyedMap<IpAddr, Arc<str>>,
    endpoints: usize,
    refused: usize,
    listed: Listed,
    /// A change may concern the cluster's DNS.
    dns_changed: bool,
}

#[derive(Debug, Default, Clone, Copy)]
struct Listed {
    services: bool,
    slices: bool,
    nodes: bool,
}

impl Directory {
    /// Whether all was listed once: before that, whose an address is can't be told.
    pub const fn is_complete(&self) -> bool {
        self.listed.services && self.listed.slices && self.listed.nodes
    }

    /// Takes over what became of an object.
    pub fn change(&mut self, change: ClusterChange) {
        match change {
            ClusterChange::Service(change) => self.service(change),
            ClusterChange::Slice(change) => self.slice(change),
            ClusterChange::Node(change) => self.node(change),
        }
    }

    /// Whose an address is, by where a flow to it goes. An endpoint that has a node's address (a pod in the host's
    /// network, the API server) is its Service's on the Service's ports alone: else the whole node were that Service.
    pub fn owner(&self, address: IpAddr, protocol: Protocol, port: u16) -> Option<Owner> {
        let address = folded(address);
        if let Some(service) = self.by_cluster_address.get(&address) {
            return Some(Owner::Service(Arc::clone(service)));
        }
        let slices = self.by_endpoint.get(&address).map_or(&[][..], Vec::as_slice);
        let with_port = || slices.iter().filter(|slice| slice.serves(protocol, port));
        let is_node = self.by_node_address.contains_key(&address);
        let any = || slices.iter().filter(|_| !is_node);
        // Of several the first by name, so that every node says the same.
        let service = with_port()
            .map(|slice| &slice.service)
            .min()
            .or_else(|| any().map(|slice| &slice.service).min());
        match service {
            Some(service) => Some(Owner::Service(Arc::clone(service))),
            None => is_node.then_some(Owner::Node),
        }
    }

    /// The resolvers of the cluster, if they may have changed since the last time.
    pub fn changed_dns(&mut self) -> Option<BTreeSet<SocketAddr>> {
        if !std::mem::take(&mut self.dns_changed) {
            return None;
        }
        let services = self.services.values().filter(|service| service.is_dns);
        let own = services.flat_map(|service| {
            let ports = service.udp_ports.iter();
            ports.flat_map(|port| service.addresses.iter().map(|address| SocketAddr::new(*address, *port)))
        });
        let slices = self.slices.values().filter(|slice| self.is_dns(&slice.service));
        let behind = slices.flat_map(|slice| {
            let udp = slice.ports.iter().filter(|(protocol, _)| *protocol == Protocol::Udp);
            udp.flat_map(|(_, port)| slice.addresses.iter().map(|address| SocketAddr::new(*address, *port)))
        });
        Some(own.chain(behind).collect())
    }

    /// Addresses that are known.
    pub fn len(&self) -> usize {
        self.by_cluster_address.len() + self.by_endpoint.len() + self.by_node_address.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// EndpointSlices that found no room.
    pub const fn refused(&self) -> usize {
        self.refused
    }

    fn is_dns(&self, service: &Arc<str>) -> bool {
        self.services.get(service).is_some_and(|service| service.is_dns)
    }

    fn service(&mut self, change: Change<ServiceFacts>) {
        match change {
            Change::Applied(facts) => {
                self.forget_service(&facts.key.clone());
                self.dns_changed |= facts.is_dns;
                for address in &facts.addresses {
                    self.by_cluster_address.insert(*address, Arc::clone(&facts.key));
                }
                self.services.insert(Arc::clone(&facts.key), facts);
            }
            Change::Deleted(key) => self.forget_service(&key),
            Change::Listed(keys) => {
                self.listed.services = true;
                for key in absent(&self.services, &keys) {
                    self.forget_service(&key);
                }
            }
        }
    }

    fn forget_service(&mut self, key: &Arc<str>) {
        let Some(facts) = self.services.remove(key) else {
            return;
        };
        self.dns_changed |= facts.is_dns;
        for address in &facts.addresses {
            remove_if_own(&mut self.by_cluster_address, address, key);
        }
    }

    fn slice(&mut self, change: Change<SliceFacts>) {
        match change {
            Change::Applied(facts) => {
                self.forget_slice(&facts.key.clone());
                if self.endpoints + facts.addresses.len() > MAX_ENDPOINTS {
                    self.refused += 1;
                    return;
                }
                self.dns_changed |= self.is_dns(&facts.service);
                self.endpoints += facts.addresses.len();
                let facts = Arc::new(facts);
                for address in &facts.addresses {
                    self.by_endpoint.entry(*address).or_default().push(Arc::clone(&facts));
                }
                self.slices.insert(Arc::clone(&facts.key), facts);
            }
            Change::Deleted(key) => self.forget_slice(&key),
            Change::Listed(keys) => {
                self.listed.slices = true;
                for key in absent(&self.slices, &keys) {
                    self.forget_slice(&key);
                }
            }
        }
    }

    fn forget_slice(&mut self, key: &Arc<str>) {
        let Some(facts) = self.slices.remove(key) else {
            return;
        };
        self.dns_changed |= self.is_dns(&facts.service);
        self.endpoints -= facts.addresses.len();
        for address in &facts.addresses {
            if let Some(slices) = self.by_endpoint.get_mut(address) {
                slices.retain(|slice| slice.key != *key);
                if slices.is_empty() {
                    self.by_endpoint.remove(address);
                }
            }
        }
    }

    fn node(&mut self, change: Change<NodeFacts>) {
        match change {
            Change::Applied(facts) => {
                self.forget_node(&facts.key.clone());
                for address in &facts.addresses {
                    self.by_node_address.insert(*address, Arc::clone(&facts.key));
                }
                self.nodes.insert(Arc::clone(&facts.key), facts);
            }
            Change::Deleted(key) => self.forget_node(&key),
            Change::Listed(keys) => {
                self.listed.nodes = true;
                for key in absent(&self.nodes, &keys) {
                    self.forget_node(&key);
                }
            }
        }
    }

    fn forget_node(&mut self, key: &Arc<str>) {
        if let Some(facts) = self.nodes.remove(key) {
            for address in &facts.addresses {
                remove_if_own(&mut self.by_node_address, address, key);
            }
        }
    }
}

fn absent<F>(known: &HashMap<Arc<str>, F>, listed: &HashSet<Arc<str>>) -> Vec<Arc<str>> {
    known.keys().filter(|key| !listed.contains(*key)).cloned().collect()
}

/// An address that has moved on already is its new owner's.
fn remove_if_own(owners: &mut KeyedMap<IpAddr, Arc<str>>, address: &IpAddr, key: &Arc<str>) {
    if owners.get(address) == Some(key) {
        owners.remove(address);
    }
}
