//! Records of the network feed: who connected, sent, listened and closed, and what resolvers answered.

use crate::event::Header;
use crate::lineage::CARRIED_ANCESTORS;
use core::mem::{offset_of, size_of};

/// [`FlowRecord::direction`]: a process connected a socket; for UDP, it also sent something.
pub const FLOW_CONNECT: u32 = 1;
/// [`FlowRecord::direction`]: a process named the address while sending.
pub const FLOW_SEND: u32 = 2;
/// [`FlowRecord::direction`]: a process listens (TCP) or bound a socket (UDP).
pub const FLOW_LISTEN: u32 = 3;
/// [`FlowRecord::direction`]: a connection that a process had made has ended.
pub const FLOW_CLOSE: u32 = 4;

/// `IPPROTO_TCP` (include/uapi/linux/in.h).
pub const PROTOCOL_TCP: u32 = 6;
/// `IPPROTO_UDP`.
pub const PROTOCOL_UDP: u32 = 17;

/// Flag: the kernel chose the port that is listened on, or is going to.
pub const FLOW_PORT_CHOSEN: u32 = 1;
/// Flag: [`FlowRecord::backend`] is set: the address was replaced on its way to the network.
pub const FLOW_BACKEND: u32 = 1 << 1;
/// Flag: a connected UDP socket has sent something.
pub const FLOW_SENT: u32 = 1 << 2;

/// Flag: the answer went on behind [`DNS_PAYLOAD_LIMIT`].
pub const DNS_TRUNCATED: u32 = 1;

/// Most bytes of a DNS message that are looked at: what resolvers send by UDP without fragments, a common limit
/// since 2020.
pub const DNS_PAYLOAD_LIMIT: usize = 1232;

/// How many connections the programs note without a search, a power of two: by their sockets' cookies modulo this.
pub const CONNECTION_PLACES: u32 = 16_384;

/// How many seconds an address keeps its name beyond the time that the answer states: a program that looks up first and
/// connects later, or keeps addresses a little longer than it may, still means that name.
pub const NAME_GRACE_SECONDS: u32 = 60;
/// Longest time in seconds that an answer is believed, whatever it says.
pub const NAME_TTL_LIMIT: u32 = 24 * 60 * 60;

/// An IP address in network order, IPv4 mapped into IPv6 (`::ffff:a.b.c.d`), by words as they lie in memory.
pub type Address = [u32; 4];

/// The third word of an IPv4 address.
pub const MAPPED: u32 = 0xffff_u32.to_be();

/// An IPv4 address in network order as an [`Address`].
#[must_use]
pub const fn mapped(address: u32) -> Address {
    [0, 0, MAPPED, address]
}

/// Whether traffic to it stays on the machine: `127.0.0.0/8`, `::1`, and what is taken for them where somebody
/// connects to it: `0.0.0.0` and `::`.
#[must_use]
pub const fn is_loopback(address: &Address) -> bool {
    match *address {
        [0, 0, MAPPED, v4] => v4 == 0 || u32::from_be(v4) >> 24 == 127,
        [0, 0, 0, last] => u32::from_be(last) <= 1,
        _ => false,
    }
}

/// What a process did with a socket. Without a tail.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowRecord {
    /// With [`crate::event::KIND_FLOW`].
    pub header: Header,
    /// Id of the process's cgroup in the unified hierarchy.
    pub cgroup_id: u64,
    /// Id of the registered container's cgroup that this one is or lies in; the cgroup's own if there is none.
    pub container: u64,
    /// What the filter knows it by.
    pub key: u64,
    /// How many equal ones were swallowed since the last one that was sent.
    pub repeats: u64,
    /// The execution whose program did it, 0 if it is not known.
    pub exec_id: u64,
    /// Exec ids before that, nearest first, 0 where there is none.
    pub ancestors: [u64; CARRIED_ANCESTORS],
    /// Bytes of payload that were sent, each counted once; only with [`FLOW_CLOSE`].
    pub bytes_sent: u64,
    /// The question by which the container had looked up `address`, as a hash; 0 if it had not. With [`FLOW_CLOSE`], when
    /// it connected.
    pub question: u64,
    /// The other side as the process named it; with [`FLOW_LISTEN`] its own.
    pub address: Address,
    /// Where it went instead, with [`FLOW_BACKEND`].
    pub backend: Address,
    /// Process id (thread group) in the host's namespace.
    pub pid: u32,
    /// One of the `ORIGIN_` constants of [`crate::lineage`].
    pub origin: u32,
    /// One of the `FLOW_` constants above.
    pub direction: u32,
    /// [`PROTOCOL_TCP`] or [`PROTOCOL_UDP`].
    pub protocol: u32,
    /// Port of `address`.
    pub port: u16,
    /// Port of `backend`.
    pub backend_port: u16,
    /// `FLOW_` bits.
    pub flags: u32,
}

/// A resolver answered what a container had asked it by UDP. Tail: `payload_len` bytes of the message.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DnsRecord {
    /// With [`crate::event::KIND_DNS`].
    pub header: Header,
    /// Cgroup of the socket that received it; which process that is, nobody can tell here.
    pub cgroup_id: u64,
    /// The resolver.
    pub resolver: Address,
    /// The resolver's port.
    pub port: u16,
    /// Zero.
    pub reserved: u16,
    /// `DNS_` bits.
    pub flags: u32,
    /// Bytes of the message in the tail.
    pub payload_len: u32,
    /// Zero.
    pub reserved2: u32,
}

/// Key of the map `RESOLVERS`: where DNS answers may come from.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Resolver {
    /// Its address.
    pub address: Address,
    /// Its port.
    pub port: u16,
    /// Zero.
    pub reserved: u16,
}

/// Whether it stands for every address of the machine, where somebody listens on it.
#[must_use]
pub const fn is_any(address: &Address) -> bool {
    matches!(*address, [0, 0, 0 | MAPPED, 0])
}

const _: () = {
    assert!(size_of::<FlowRecord>() == 152);
    assert!(offset_of!(FlowRecord, cgroup_id) == 16);
    assert!(offset_of!(FlowRecord, container) == 24);
    assert!(offset_of!(FlowRecord, key) == 32);
    assert!(offset_of!(FlowRecord, repeats) == 40);
    assert!(offset_of!(FlowRecord, exec_id) == 48);
    assert!(offset_of!(FlowRecord, ancestors) == 56);
    assert!(offset_of!(FlowRecord, bytes_sent) == 80);
    assert!(offset_of!(FlowRecord, question) == 88);
    assert!(offset_of!(FlowRecord, address) == 96);
    assert!(offset_of!(FlowRecord, backend) == 112);
    assert!(offset_of!(FlowRecord, pid) == 128);
    assert!(offset_of!(FlowRecord, origin) == 132);
    assert!(offset_of!(FlowRecord, direction) == 136);
    assert!(offset_of!(FlowRecord, protocol) == 140);
    assert!(offset_of!(FlowRecord, port) == 144);
    assert!(offset_of!(FlowRecord, backend_port) == 146);
    assert!(offset_of!(FlowRecord, flags) == 148);
    assert!(size_of::<DnsRecord>() == 56);
    assert!(offset_of!(DnsRecord, cgroup_id) == 16);
    assert!(offset_of!(DnsRecord, resolver) == 24);
    assert!(offset_of!(DnsRecord, port) == 40);
    assert!(offset_of!(DnsRecord, flags) == 44);
    assert!(offset_of!(DnsRecord, payload_len) == 48);
    assert!(size_of::<Resolver>() == 20);
    assert!(offset_of!(Resolver, port) == 16);
    assert!(is_loopback(&mapped(u32::from_be_bytes([127, 1, 2, 3]).to_be())));
    assert!(is_loopback(&mapped(0)) && is_loopback(&[0; 4]) && is_loopback(&[0, 0, 0, 1_u32.to_be()]));
    assert!(!is_loopback(&mapped(u32::from_be_bytes([126, 0, 0, 1]).to_be())));
    assert!(is_any(&mapped(0)) && is_any(&[0; 4]) && !is_any(&[0, 0, 0, 1_u32.to_be()]));
    assert!(!is_loopback(&[0, 0, 0, 2_u32.to_be()]) && !is_loopback(&[1, 0, 0, 0]));
};
