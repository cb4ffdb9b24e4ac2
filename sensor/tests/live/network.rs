//! Who connects, sends, listens and closes, and what resolvers answer.

#[path = "network/net.rs"]
mod net;

#[path = "network/foreign.rs"]
mod foreign;
#[path = "network/talk.rs"]
mod talk;
#[path = "network/veth.rs"]
mod veth;

#[path = "network/dns.rs"]
mod dns;
#[path = "network/flow.rs"]
mod flow;
#[path = "network/listen.rs"]
mod listen;
#[path = "network/named.rs"]
mod named;
#[path = "network/noted.rs"]
mod noted;
#[path = "network/occupied.rs"]
mod occupied;
#[path = "network/translated.rs"]
mod translated;
#[path = "network/volume.rs"]
mod volume;

use crate::fixture::{Live, live_with, only};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::decode::{Dns, Flow, FlowKind, FlowProtocol, RawEvent};
use anchorwatch_sensor::loader::{CgroupScope, LoadOptions};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long what happens in an interrupt may take to be told.
const CEILING: Duration = Duration::from_secs(30);

/// The fixture with hooks for this process too, wherever the pods' cgroups are.
fn live(name: &str) -> Option<Live> {
    let options = LoadOptions {
        cgroup_scope: CgroupScope::All,
        ..only(Feed::Network)
    };
    live_with(name, &options, |_| {})
}

impl Live {
    /// What this process and its threads did with sockets.
    fn flows(&mut self) -> Vec<Flow> {
        let ours = std::process::id();
        let flows = self.events().into_iter().filter_map(|event| match event {
            RawEvent::Flow(flow) if flow.pid == ours => Some(flow),
            _ => None,
        });
        flows.collect()
    }

    /// The same, and what follows, until one of them is as wanted.
    fn flows_until(&mut self, wanted: impl Fn(&Flow) -> bool) -> Vec<Flow> {
        let start = Instant::now();
        let mut flows = self.flows();
        while !flows.iter().any(&wanted) && start.elapsed() < CEILING {
            flows.extend(self.flows());
        }
        flows
    }

    /// What resolvers answered to this process's cgroup.
    fn answers(&mut self) -> Vec<Dns> {
        let ours = self.own_cgroup();
        let answers = self.events().into_iter().filter_map(|event| match event {
            RawEvent::Dns(dns) if dns.cgroup_id == ours => Some(dns),
            _ => None,
        });
        answers.collect()
    }

    fn own_cgroup(&self) -> u64 {
        let ours = std::process::id();
        let mut processes = self.snapshot.processes.iter();
        processes.find(|process| process.pid == ours).unwrap().cgroup_id
    }
}

/// What tells one flow from another, without who and when.
fn told(flows: &[Flow]) -> Vec<(FlowKind, FlowProtocol, SocketAddr)> {
    flows
        .iter()
        .map(|flow| (flow.kind, flow.protocol, flow.address))
        .collect()
}
