//! Records of the network feed.

use super::{DecodeError, FilterKey, Fixed, OriginMark, need, origin, tail};
use anchorwatch_sensor_common::filter::FilterFeed;
use anchorwatch_sensor_common::lineage::CARRIED_ANCESTORS;
use anchorwatch_sensor_common::network::{
    Address, DNS_TRUNCATED, DnsRecord, FLOW_BACKEND, FLOW_CLOSE, FLOW_CONNECT, FLOW_LISTEN, FLOW_PORT_CHOSEN,
    FLOW_SEND, FlowRecord, PROTOCOL_TCP, PROTOCOL_UDP,
};
use std::mem::{offset_of, size_of};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// What a process did with a socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flow {
    /// Nanoseconds of `CLOCK_BOOTTIME`.
    pub time_ns: u64,
    /// Process id in the host's namespace.
    pub pid: u32,
    pub cgroup_id: u64,
    /// The registered container's cgroup that this one is or lies in; the cgroup's own if there is none.
    pub container: u64,
    /// What the kernel's filter knows it by.
    pub key: Option<FilterKey>,
    /// How many equal ones were swallowed since the last one that came.
    pub repeats: u64,
    /// The execution whose program did it; `None` if the kernel did not know.
    pub exec_id: Option<u64>,
    /// Exec ids before that, nearest first.
    pub ancestors: Vec<u64>,
    pub origin: OriginMark,
    /// The question by which the kernel knows that the container had looked up the address, as a number; `None` if it had
    /// not. Of the end of a connection, when it began.
    pub question: Option<u64>,
    pub kind: FlowKind,
    pub protocol: FlowProtocol,
    /// The other side as the process named it, its own where it listens; IPv4 in IPv6 is IPv4.
    pub address: SocketAddr,
    /// Where it went instead, where the kernel replaced the address.
    pub backend: Option<SocketAddr>,
}

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlowKind {
    /// Connected; over UDP, and sent something.
    Connect,
    /// Named the address while sending.
    Send,
    /// Listens, or bound a UDP socket.
    Listen {
        /// The kernel chose the port; it is 0 where it has not yet.
        port_chosen: bool,
    },
    /// The connection that it made has ended.
    Close {
        /// Payload, each byte counted once.
        bytes_sent: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FlowProtocol {
    Tcp,
    Udp,
}

/// What a resolver answered to a question that this cgroup had asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// Nanoseconds of `CLOCK_BOOTTIME`.
    pub time_ns: u64,
    /// Of the socket; which process it is, is not known.
    pub cgroup_id: u64,
    pub resolver: SocketAddr,
    /// The message, or its beginning.
    pub message: Vec<u8>,
    /// It went on.
    pub truncated: bool,
}

pub(super) fn flow(record: &[u8], time_ns: u64) -> Result<Flow, DecodeError> {
    need(record, size_of::<FlowRecord>())?;
    let fixed = Fixed(record);
    let word = |offset| fixed.u32(offset);
    let flags = word(offset_of!(FlowRecord, flags));
    let backend = (flags & FLOW_BACKEND != 0).then(|| {
        socket_address(
            &fixed,
            offset_of!(FlowRecord, backend),
            offset_of!(FlowRecord, backend_port),
        )
    });
    let exec_id = fixed.u64(offset_of!(FlowRecord, exec_id));
    let question = fixed.u64(offset_of!(FlowRecord, question));
    Ok(Flow {
        time_ns,
        pid: word(offset_of!(FlowRecord, pid)),
        cgroup_id: fixed.u64(offset_of!(FlowRecord, cgroup_id)),
        container: fixed.u64(offset_of!(FlowRecord, container)),
        key: FilterKey::new(FilterFeed::Network, fixed.u64(offset_of!(FlowRecord, key))),
        repeats: fixed.u64(offset_of!(FlowRecord, repeats)),
        exec_id: (exec_id != 0).then_some(exec_id),
        ancestors: fixed.ids::<CARRIED_ANCESTORS>(offset_of!(FlowRecord, ancestors)),
        origin: origin(word(offset_of!(FlowRecord, origin)))?,
        question: (question != 0).then_some(question),
        kind: kind(&fixed, flags)?,
        protocol: protocol(word(offset_of!(FlowRecord, protocol)))?,
        address: socket_address(&fixed, offset_of!(FlowRecord, address), offset_of!(FlowRecord, port)),
        backend,
    })
}

pub(super) fn dns(record: &[u8], time_ns: u64) -> Result<Dns, DecodeError> {
    need(record, size_of::<DnsRecord>())?;
    let fixed = Fixed(record);
    let [message] = tail(
        record,
        size_of::<DnsRecord>(),
        [fixed.u32(offset_of!(DnsRecord, payload_len))],
    )?;
    Ok(Dns {
        time_ns,
        cgroup_id: fixed.u64(offset_of!(DnsRecord, cgroup_id)),
        resolver: socket_address(&fixed, offset_of!(DnsRecord, resolver), offset_of!(DnsRecord, port)),
        message: message.to_vec(),
        truncated: fixed.u32(offset_of!(DnsRecord, flags)) & DNS_TRUNCATED != 0,
    })
}

fn kind(fixed: &Fixed<'_>, flags: u32) -> Result<FlowKind, DecodeError> {
    match fixed.u32(offset_of!(FlowRecord, direction)) {
        FLOW_CONNECT => Ok(FlowKind::Connect),
        FLOW_SEND => Ok(FlowKind::Send),
        FLOW_LISTEN => Ok(FlowKind::Listen {
            port_chosen: flags & FLOW_PORT_CHOSEN != 0,
        }),
        FLOW_CLOSE => Ok(FlowKind::Close {
            bytes_sent: fixed.u64(offset_of!(FlowRecord, bytes_sent)),
        }),
        value => Err(DecodeError::Value {
            field: "direction",
            value,
        }),
    }
}

fn protocol(value: u32) -> Result<FlowProtocol, DecodeError> {
    match value {
        PROTOCOL_TCP => Ok(FlowProtocol::Tcp),
        PROTOCOL_UDP => Ok(FlowProtocol::Udp),
        value => Err(DecodeError::Value {
            field: "protocol",
            value,
        }),
    }
}

fn socket_address(fixed: &Fixed<'_>, address: usize, port: usize) -> SocketAddr {
    let bytes: [u8; size_of::<Address>()] = fixed.bytes(address);
    let address = Ipv6Addr::from(bytes).to_canonical();
    SocketAddr::new(address, u16::from_ne_bytes(fixed.bytes(port)))
}

/// The address in the form of the kernel's records and maps.
pub fn kernel_address(address: IpAddr) -> Address {
    let bytes = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    std::array::from_fn(|word| {
        let at = word * size_of::<u32>();
        u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    })
}

#[cfg(test)]
mod tests;
