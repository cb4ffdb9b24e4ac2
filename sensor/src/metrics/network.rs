//! Metrics of names and addresses.

use prometheus::{IntCounter, IntGauge};

use super::Register;
use crate::attribute::destination::Directory;
use crate::attribute::network::{Answered, Destinations};
use crate::names::Taken;

const ANSWERS: [&str; 7] = ["kept", "loopback", "no_name", "no_address", "malformed", "host", "lost"];

/// What names destinations.
#[derive(Debug)]
pub struct NetworkMetrics {
    /// In the order of [`ANSWERS`].
    answers: Vec<IntCounter>,
    named_addresses: IntGauge,
    cluster_addresses: IntGauge,
    refused_slices: IntGauge,
}

impl NetworkMetrics {
    pub(super) fn new(register: &Register<'_>) -> Self {
        Self {
            answers: register.labelled(
                "dns_answers_total",
                "Answers of resolvers by what became of them.",
                "result",
                &ANSWERS,
            ),
            named_addresses: register.gauge("named_addresses", "Addresses that containers looked up a name for."),
            cluster_addresses: register.gauge(
                "cluster_addresses",
                "Addresses that are known to be a Service's, an endpoint's or a node's.",
            ),
            refused_slices: register.gauge(
                "refused_endpoint_slices",
                "EndpointSlices that found no room since the start: their endpoints are known by their range alone.",
            ),
        }
    }

    pub fn answered(&self, answered: Answered) {
        let index = match answered {
            Answered::Taken(Taken::Kept) => 0,
            Answered::Taken(Taken::Loopback) => 1,
            Answered::Taken(Taken::NoName(_)) => 2,
            Answered::Taken(Taken::NoAddress) => 3,
            Answered::Malformed(_) => 4,
            Answered::Host => 5,
            Answered::Lost(_) => 6,
        };
        self.answers[index].inc();
    }

    pub fn set(&self, destinations: &Destinations) {
        let gauge = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
        let directory = destinations.directory();
        self.named_addresses.set(gauge(destinations.named()));
        self.cluster_addresses.set(gauge(directory.map_or(0, Directory::len)));
        self.refused_slices.set(gauge(directory.map_or(0, Directory::refused)));
    }
}
