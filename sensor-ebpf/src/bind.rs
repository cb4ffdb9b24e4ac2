//! A process binds a UDP socket: there is no other moment at which one begins to listen.
//!
//! Before it is bound the port that was asked for is known, afterwards the one that it got: a note is left with those
//! that ask for any.

use crate::actor::Actor;
use crate::flow::{ALLOW, act, keep, kept, report};
use crate::idle::idle;
use anchorwatch_sensor_common::network::{
    Address, FLOW_LISTEN, FLOW_PORT_CHOSEN, FLOW_SENT, PROTOCOL_UDP, is_any, is_loopback, mapped,
};
use aya_ebpf::{
    bindings::{bpf_sock, bpf_sock_addr},
    macros::{cgroup_sock, cgroup_sock_addr},
    programs::{SockAddrContext, SockContext},
};

#[cgroup_sock_addr(bind4)]
pub fn bind4(ctx: SockAddrContext) -> i32 {
    if idle() {
        return ALLOW;
    }
    binds(ctx.sock_addr)
}

#[cgroup_sock_addr(bind6)]
pub fn bind6(ctx: SockAddrContext) -> i32 {
    if idle() {
        return ALLOW;
    }
    binds(ctx.sock_addr)
}

#[inline(always)]
fn binds(call: *mut bpf_sock_addr) -> i32 {
    // SAFETY: fields of the context, as the verifier checks.
    let (protocol, port, socket) = unsafe { ((*call).protocol, (*call).user_port, (*call).__bindgen_anon_1.sk) };
    if protocol == PROTOCOL_UDP
        && port == 0
        && let Some(actor) = Actor::current()
    {
        let mut note = act(&actor, FLOW_LISTEN, PROTOCOL_UDP, mapped(0), 0);
        // Nothing to tell of when it sends.
        note.record.flags = FLOW_PORT_CHOSEN | FLOW_SENT;
        keep(socket.cast(), &note);
    }
    ALLOW
}

#[cgroup_sock(post_bind4)]
pub fn post_bind4(ctx: SockContext) -> i32 {
    if idle() {
        return ALLOW;
    }
    // SAFETY: a field of the context, as the verifier checks.
    bound(ctx.sock, mapped(unsafe { (*ctx.sock).src_ip4 }))
}

#[cgroup_sock(post_bind6)]
pub fn post_bind6(ctx: SockContext) -> i32 {
    if idle() {
        return ALLOW;
    }
    // SAFETY: fields of the context, as the verifier checks.
    let address = unsafe {
        [
            (&raw const (*ctx.sock).src_ip6[0]).read_volatile(),
            (&raw const (*ctx.sock).src_ip6[1]).read_volatile(),
            (&raw const (*ctx.sock).src_ip6[2]).read_volatile(),
            (&raw const (*ctx.sock).src_ip6[3]).read_volatile(),
        ]
    };
    bound(ctx.sock, address)
}

#[inline(always)]
fn bound(socket: *mut bpf_sock, address: Address) -> i32 {
    // SAFETY: fields of the context, as the verifier checks.
    let (protocol, port) = unsafe { ((*socket).protocol, (*socket).src_port) };
    if protocol != PROTOCOL_UDP || (is_loopback(&address) && !is_any(&address)) {
        return ALLOW;
    }
    if let Some(actor) = Actor::current() {
        let mut listener = act(&actor, FLOW_LISTEN, PROTOCOL_UDP, address, port as u16);
        if let Some(note) = kept(socket.cast()) {
            // SAFETY: a value of the map; nobody else touches it while its socket is being bound.
            listener.record.flags |= unsafe { (*note).record.flags } & FLOW_PORT_CHOSEN;
        }
        report(&mut listener);
    }
    ALLOW
}
