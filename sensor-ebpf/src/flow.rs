//! A process connects a socket, or names an address while sending.

use crate::actor::Actor;
use crate::connection;
use crate::emit::{Ring, output};
use crate::errors::count;
use crate::hash;
use crate::idle::idle;
use crate::named;
use crate::seen::{Ask, admit};
use crate::socket::End;
use anchorwatch_sensor_common::event::{Header, KIND_FLOW};
use anchorwatch_sensor_common::filter::{FilterFeed, Slot};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use anchorwatch_sensor_common::network::{
    Address, FLOW_BACKEND, FLOW_CONNECT, FLOW_PORT_CHOSEN, FLOW_SEND, FlowRecord, MAPPED, PROTOCOL_TCP, PROTOCOL_UDP,
    is_loopback, mapped,
};
use anchorwatch_sensor_common::siphash::SipHash;
use aya_ebpf::{
    bindings::{BPF_SK_STORAGE_GET_F_CREATE, bpf_sock_addr},
    btf_maps::SkStorage,
    helpers::generated::{bpf_get_socket_cookie, bpf_ktime_get_boot_ns, bpf_sk_storage_get},
    macros::{btf_map, cgroup_sock_addr},
    programs::SockAddrContext,
};
use core::ffi::c_void;
use core::mem::size_of;
use core::ptr::null_mut;

/// The verdict of a program that only looks.
pub const ALLOW: i32 = 1;

/// Whose a UDP socket is and what it was connected or bound to, kept with the socket and gone with it: for what happens
/// to it later, in an interrupt, where nobody can be asked. Of TCP, what [`connection`] has no room for.
#[btf_map]
static SOCKETS: SkStorage<Act> = SkStorage::new();

/// What somebody does with a socket, and who that is to the first-seen filter.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Act {
    pub record: FlowRecord,
    slot: Slot,
    file: u64,
    visit: u64,
    /// Not 0 once it is a connection on its way or made.
    pub began: u64,
}

impl Act {
    /// Whether it is the connection to there, or one that a program replaced by it.
    #[inline(always)]
    pub fn goes_to(&self, remote: &End) -> bool {
        let record = &self.record;
        (record.address == remote.address && record.port == remote.port)
            || (record.flags & FLOW_BACKEND != 0
                && record.backend == remote.address
                && record.backend_port == remote.port)
    }
}

#[cgroup_sock_addr(connect4)]
pub fn connect4(ctx: SockAddrContext) -> i32 {
    if idle() {
        return ALLOW;
    }
    connect(ctx.sock_addr, address4(ctx.sock_addr))
}

#[cgroup_sock_addr(connect6)]
pub fn connect6(ctx: SockAddrContext) -> i32 {
    if idle() {
        return ALLOW;
    }
    connect(ctx.sock_addr, address6(ctx.sock_addr))
}

#[cgroup_sock_addr(sendmsg4)]
pub fn sendmsg4(ctx: SockAddrContext) -> i32 {
    if idle() {
        return ALLOW;
    }
    send(ctx.sock_addr, address4(ctx.sock_addr))
}

#[cgroup_sock_addr(sendmsg6)]
pub fn sendmsg6(ctx: SockAddrContext) -> i32 {
    if idle() {
        return ALLOW;
    }
    send(ctx.sock_addr, address6(ctx.sock_addr))
}

/// A TCP connection is told at once. A UDP socket that is connected sends nothing by that, and resolvers' libraries
/// connect one to each address of a name only to choose between them: it is told when it sends.
#[inline(always)]
fn connect(call: *mut bpf_sock_addr, address: Address) -> i32 {
    if let Some(mut act) = named(call, address, FLOW_CONNECT) {
        // SAFETY: the context's field, as the verifier checks.
        let socket = unsafe { (*call).__bindgen_anon_1.sk }.cast();
        if act.record.protocol == PROTOCOL_TCP {
            // SAFETY: a helper that takes the context.
            let cookie = unsafe { bpf_get_socket_cookie(call.cast()) };
            connection::begins(socket, cookie, &act);
            report(&mut act);
        } else {
            keep(socket, &act);
        }
    }
    ALLOW
}

#[inline(always)]
fn send(call: *mut bpf_sock_addr, address: Address) -> i32 {
    if let Some(mut act) = named(call, address, FLOW_SEND) {
        report(&mut act);
    }
    ALLOW
}

/// What the process named; None for what does not count.
#[inline(always)]
fn named(call: *mut bpf_sock_addr, address: Address, direction: u32) -> Option<Act> {
    // SAFETY: fields of the context, as the verifier checks.
    let (protocol, port) = unsafe { ((*call).protocol, u16::from_be((*call).user_port as u16)) };
    if is_loopback(&address) || !matches!(protocol, PROTOCOL_TCP | PROTOCOL_UDP) {
        return None;
    }
    let mut act = act(&Actor::current()?, direction, protocol, address, port);
    act.look_up();
    Some(act)
}

#[inline(always)]
fn address4(call: *mut bpf_sock_addr) -> Address {
    // SAFETY: a field of the context, as the verifier checks.
    mapped(unsafe { (*call).user_ip4 })
}

#[inline(always)]
fn address6(call: *mut bpf_sock_addr) -> Address {
    // SAFETY: fields of the context, as the verifier checks.
    unsafe {
        [
            (&raw const (*call).user_ip6[0]).read_volatile(),
            (&raw const (*call).user_ip6[1]).read_volatile(),
            (&raw const (*call).user_ip6[2]).read_volatile(),
            (&raw const (*call).user_ip6[3]).read_volatile(),
        ]
    }
}

/// What somebody does now.
#[inline(always)]
pub fn act(actor: &Actor, direction: u32, protocol: u32, address: Address, port: u16) -> Act {
    Act {
        record: FlowRecord {
            header: Header {
                kind: KIND_FLOW,
                size: size_of::<FlowRecord>() as u32,
                time_ns: now(),
            },
            cgroup_id: actor.cgroup_id,
            container: actor.slot.container,
            key: 0,
            repeats: 0,
            exec_id: actor.exec_id,
            ancestors: actor.ancestors,
            bytes_sent: 0,
            question: 0,
            address,
            backend: [0, 0, MAPPED, 0],
            pid: actor.pid,
            origin: actor.origin,
            direction,
            protocol,
            port,
            backend_port: 0,
            flags: 0,
        },
        slot: actor.slot,
        file: actor.file,
        visit: actor.visit,
        began: 0,
    }
}

impl Act {
    /// Notes by which name the container knows the address that it talks to. The answer that told it came before, on
    /// this or on another CPU, and was noted before anybody could read it.
    #[inline(always)]
    pub fn look_up(&mut self) {
        let record = &mut self.record;
        record.question = named::question(self.slot.container, record.address, record.header.time_ns);
    }
}

#[inline(always)]
pub fn now() -> u64 {
    // SAFETY: a helper without arguments.
    unsafe { bpf_ktime_get_boot_ns() }
}

/// Sends it, unless it is known.
#[inline(always)]
pub fn report(act: &mut Act) {
    let ask = Ask {
        feed: FilterFeed::Network,
        slot: act.slot,
        key: key(act),
        sensitive: false,
        stands_for: 0,
        now_ns: act.record.header.time_ns,
    };
    let Some(admission) = admit(&ask) else { return };
    act.record.key = ask.key;
    act.record.repeats = admission.repeats;
    // SAFETY: the record is whole and of this constant length.
    let sent = unsafe {
        output(
            Ring::Events,
            (&raw const act.record).cast(),
            size_of::<FlowRecord>() as u64,
            ask.urgency(),
        )
    };
    admission.sent(&ask, sent);
}

/// All that makes it news: the name too by which the address was looked up, ports that the kernel chose are one, and bytes
/// count by their magnitude.
#[inline(always)]
fn key(act: &Act) -> u64 {
    let record = &act.record;
    let flags = record.flags & (FLOW_BACKEND | FLOW_PORT_CHOSEN);
    let port = if flags & FLOW_PORT_CHOSEN == 0 { record.port } else { 0 };
    let magnitude = u64::BITS - record.bytes_sent.leading_zeros();
    let mut hash = hash::new(KIND_FLOW);
    hash.word(act.slot.container);
    hash.word(act.file);
    hash.word(act.visit);
    hash.word(record.question);
    hash.word(two(record.direction, record.protocol));
    hash.word(two(record.origin, flags));
    hash.word(two(magnitude, two16(port, record.backend_port)));
    words(&mut hash, record.address);
    if flags & FLOW_BACKEND != 0 {
        words(&mut hash, record.backend);
    }
    hash.finish()
}

#[inline(always)]
fn words(hash: &mut SipHash, address: Address) {
    hash.word(two(address[0], address[1]));
    hash.word(two(address[2], address[3]));
}

#[inline(always)]
const fn two(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}

#[inline(always)]
const fn two16(high: u16, low: u16) -> u32 {
    (high as u32) << 16 | low as u32
}

/// What is kept with a socket.
///
/// `socket` is what the program's context gave, as the verifier checks.
#[inline(always)]
pub fn kept(socket: *mut c_void) -> Option<*mut Act> {
    // SAFETY: the map is one of this object; the verifier checks the socket.
    let kept = unsafe { bpf_sk_storage_get(sockets(), socket, null_mut(), 0) }.cast::<Act>();
    if kept.is_null() { None } else { Some(kept) }
}

/// Keeps it with a socket, in place of what was kept before.
#[inline(always)]
pub fn keep(socket: *mut c_void, act: &Act) {
    let create = u64::from(BPF_SK_STORAGE_GET_F_CREATE);
    // SAFETY: the map is one of this object, whose values are such acts; the verifier checks the socket.
    let kept =
        unsafe { bpf_sk_storage_get(sockets(), socket, (&raw const *act).cast_mut().cast(), create) }.cast::<Act>();
    if kept.is_null() {
        count(LossPlace::Flow, LossReason::MapFull);
    } else {
        // SAFETY: a value of the map; nobody else writes it while its socket is being connected.
        unsafe { *kept = *act };
    }
}

fn sockets() -> *mut c_void {
    (&raw const SOCKETS).cast_mut().cast()
}
