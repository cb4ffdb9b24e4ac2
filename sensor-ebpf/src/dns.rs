//! What containers ask resolvers by UDP, and what these answer.
//!
//! Packets belong to the cgroup of their socket. Which process it is cannot be told: answers arrive in an interrupt, and
//! the current task is anybody's.

use crate::emit::{Ring, Urgency, reserve, submit};
use crate::errors::count;
use crate::flow::{ALLOW, kept, now, report};
use crate::idle::idle;
use crate::lineage::is_ignored;
use crate::named::name;
use crate::packet::{Datagram, Packet};
use crate::question::{self, Question};
use crate::seen::{Admission, Ask, admit};
use crate::slot;
use crate::socket::{End, Socket};
use anchorwatch_sensor_common::event::{Header, KIND_DNS};
use anchorwatch_sensor_common::filter::FilterFeed;
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use anchorwatch_sensor_common::network::{
    DNS_PAYLOAD_LIMIT, DNS_TRUNCATED, DnsRecord, FLOW_SENT, PROTOCOL_UDP, Resolver, is_loopback,
};
use aya_ebpf::{
    bindings::BPF_ANY,
    helpers::generated::{bpf_skb_ancestor_cgroup_id, bpf_skb_cgroup_id},
    macros::{cgroup_skb, map},
    maps::{HashMap, LruHashMap},
    programs::SkBuffContext,
};
use core::mem::size_of;

/// Where answers may come from; filled by user space. Sized at load.
#[map]
static RESOLVERS: HashMap<Resolver, u8> = HashMap::with_max_entries(1024, 0);

/// Questions that wait for their answer. Sized at load.
#[map]
static QUERIES: LruHashMap<Query, Asked> = LruHashMap::with_max_entries(16_384, 0);

/// After this an answer counts no more: resolvers' libraries give up earlier (resolv.conf(5): at most 30 s).
const PATIENCE_NS: u64 = 30_000_000_000;

/// Most answers are short; the ring holds what is reserved, not what is used.
const SHORT: usize = 256;

#[repr(C)]
#[derive(Clone, Copy)]
struct Query {
    cgroup_id: u64,
    /// The port that asked.
    port: u16,
    id: u16,
    reserved: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Asked {
    time_ns: u64,
    question: u64,
}

/// A record with room for its tail.
#[repr(C)]
struct Room<const N: usize> {
    record: DnsRecord,
    payload: [u8; N],
}

#[cgroup_skb(egress)]
pub fn egress(ctx: SkBuffContext) -> i32 {
    if idle() {
        return ALLOW;
    }
    let packet = Packet::new(ctx.skb.skb);
    if !packet.is_tcp() {
        sent(packet);
        if let Some(datagram) = packet.datagram()
            && is_resolver(&datagram.destination)
        {
            asked(packet, &datagram);
        }
    }
    ALLOW
}

#[cgroup_skb(ingress)]
pub fn ingress(ctx: SkBuffContext) -> i32 {
    if idle() {
        return ALLOW;
    }
    let packet = Packet::new(ctx.skb.skb);
    if !packet.is_tcp()
        && let Some(datagram) = packet.datagram()
        && is_resolver(&datagram.source)
        && !is_from_itself(packet)
    {
        answered(packet, &datagram);
    }
    ALLOW
}

/// Tells of a connected socket when it sends for the first time, whatever the packet looks like.
#[inline(always)]
fn sent(packet: Packet) {
    let socket = packet.socket();
    if socket.is_null() {
        return;
    }
    if let Some(kept) = kept(socket) {
        // SAFETY: a value of the map. Two threads that send at the same moment may both tell of it.
        let kept = unsafe { &mut *kept };
        if kept.record.protocol == PROTOCOL_UDP && kept.record.flags & FLOW_SENT == 0 {
            kept.record.flags |= FLOW_SENT;
            kept.record.header.time_ns = now();
            report(kept);
        }
    }
}

/// Whether a container may have sent it to itself: who may open raw sockets can put a resolver's address on a packet,
/// which then comes by the loopback device of the container's network. In the host's network a resolver may live there.
#[inline(always)]
fn is_from_itself(packet: Packet) -> bool {
    if !packet.is_from_loopback() {
        return false;
    }
    let socket = packet.socket();
    socket.is_null() || !Socket::of_context(socket.cast_const().cast()).in_host_network()
}

/// Loopback never counts, whatever user space filled in: containers can answer themselves there.
#[inline(always)]
fn is_resolver(end: &End) -> bool {
    let resolver = Resolver {
        address: end.address,
        port: end.port,
        reserved: 0,
    };
    // SAFETY: only the presence counts.
    !is_loopback(&end.address) && unsafe { RESOLVERS.get(resolver) }.is_some()
}

#[inline(always)]
fn asked(packet: Packet, datagram: &Datagram) {
    let cgroup_id = cgroup(packet);
    if is_ignored(cgroup_id) {
        return;
    }
    if let Some(question) = question::read(packet, datagram.payload, datagram.length)
        && !question.is_answer
        && admit(&ask(packet, cgroup_id)).is_some()
    {
        let asked = Asked {
            time_ns: now(),
            question: question.hash,
        };
        let query = query(cgroup_id, datagram.source.port, &question);
        if QUERIES.insert(query, asked, u64::from(BPF_ANY)).is_err() {
            count(LossPlace::Dns, LossReason::MapFull);
        }
    }
}

#[inline(always)]
fn answered(packet: Packet, datagram: &Datagram) {
    let cgroup_id = cgroup(packet);
    let Some(question) = question::read(packet, datagram.payload, datagram.length) else {
        return;
    };
    let query = query(cgroup_id, datagram.destination.port, &question);
    // SAFETY: the value is copied at once.
    let Some(asked) = (unsafe { QUERIES.get(query) }).copied() else {
        return;
    };
    let late = now().wrapping_sub(asked.time_ns) > PATIENCE_NS;
    if !question.is_answer || asked.question != question.hash || late {
        return;
    }
    // The first answer counts, as it does for who asked.
    let _absent = QUERIES.remove(query);
    if datagram.length as usize <= SHORT {
        send::<SHORT>(packet, datagram, cgroup_id, &question);
    } else {
        send::<DNS_PAYLOAD_LIMIT>(packet, datagram, cgroup_id, &question);
    }
}

/// A container pays when it asks, so that it cannot push out the questions of others, nor flood the ring with answers.
/// Answers are never known: how long they hold changes each second.
#[inline(always)]
fn ask(packet: Packet, cgroup_id: u64) -> Ask {
    // SAFETY: the context is the one that the program was given; 0 if the cgroup is not that deep.
    let above = |level| unsafe { bpf_skb_ancestor_cgroup_id(packet.pointer(), level) };
    Ask {
        feed: FilterFeed::Dns,
        slot: slot::of(cgroup_id, above),
        key: 0,
        sensitive: false,
        stands_for: 0,
        now_ns: now(),
    }
}

#[inline(always)]
fn query(cgroup_id: u64, port: u16, question: &Question) -> Query {
    Query {
        cgroup_id,
        port,
        id: question.id,
        reserved: 0,
    }
}

#[inline(always)]
fn send<const N: usize>(packet: Packet, datagram: &Datagram, cgroup_id: u64, question: &Question) {
    let ask = ask(packet, cgroup_id);
    let paid = Admission { repeats: 0 };
    let Some(mut room) = reserve::<Room<N>>(Ring::Events, Urgency::Ordinary) else {
        paid.sent(&ask, false);
        return;
    };
    let (length, flags) = if datagram.length as usize > N {
        (N as u32, DNS_TRUNCATED)
    } else {
        (datagram.length, 0)
    };
    let room_pointer = room.as_mut_ptr();
    // SAFETY: the entry has room for the record and N bytes behind it, as `copy` asks.
    let copied = unsafe {
        (*room_pointer).record = DnsRecord {
            header: Header {
                kind: KIND_DNS,
                size: (size_of::<DnsRecord>() as u32).wrapping_add(length),
                time_ns: now(),
            },
            cgroup_id,
            resolver: datagram.source.address,
            port: datagram.source.port,
            reserved: 0,
            flags,
            payload_len: length,
            reserved2: 0,
        };
        packet.copy(
            datagram.payload,
            (&raw mut (*room_pointer).payload).cast(),
            length,
            N as u32,
        )
    };
    if copied {
        name(packet, datagram.payload, question, ask.slot.container, ask.now_ns);
        submit(room, Urgency::Ordinary);
        paid.sent(&ask, true);
    } else {
        room.discard(0);
        count(LossPlace::Dns, LossReason::ReadFault);
    }
}

#[inline(always)]
fn cgroup(packet: Packet) -> u64 {
    // SAFETY: the context is the one that the program was given.
    unsafe { bpf_skb_cgroup_id(packet.pointer()) }
}
