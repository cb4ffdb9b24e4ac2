//! What resolvers answered: bytes of a message → the addresses of the name that was asked for.
//!
//! The reader is our own and small. A general one reads every kind of record, so that an odd one anywhere in the
//! message refuses the whole, and each kind is one more surface to what the owner of any domain may send; three kinds
//! are needed here.

pub mod message;
mod name;

pub use message::{Answer, MessageError, answer};
pub use name::NameError;

use crate::decode::Dns;
use std::net::IpAddr;
use std::time::Duration;

/// A resolver's answer to what a container asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsAnswer {
    /// Cgroup of the socket that received it.
    pub cgroup_id: u64,
    pub resolver: IpAddr,
    /// The query's id.
    pub id: u16,
    /// Lower-case, without the dot at the end; the root is empty.
    pub question: String,
    /// What the name, through its aliases, stands for, and how long that may be believed.
    pub addresses: Vec<(IpAddr, Duration)>,
    /// Nanoseconds of `CLOCK_BOOTTIME`.
    pub time_ns: u64,
}

impl TryFrom<&Dns> for DnsAnswer {
    type Error = MessageError;

    fn try_from(dns: &Dns) -> Result<Self, MessageError> {
        let Answer {
            id,
            question,
            addresses,
        } = answer(&dns.message)?;
        Ok(Self {
            cgroup_id: dns.cgroup_id,
            resolver: dns.resolver.ip(),
            id,
            question,
            addresses,
            time_ns: dns.time_ns,
        })
    }
}
