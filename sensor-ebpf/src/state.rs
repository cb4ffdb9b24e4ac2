//! A TCP socket's states: it begins to connect, to listen, and it ends.

use crate::actor::Actor;
use crate::connection::{begins, ended, noted};
use crate::flow::{act, now, report};
use crate::idle::idle;
use crate::socket::Socket;
use crate::task::Task;
use anchorwatch_sensor_common::network::{
    FLOW_BACKEND, FLOW_CLOSE, FLOW_CONNECT, FLOW_LISTEN, FLOW_PORT_CHOSEN, PROTOCOL_TCP, is_any, is_loopback,
};
use aya_ebpf::{macros::btf_tracepoint, programs::BtfTracePointContext};
use core::ffi::c_void;

/// `include/net/tcp_states.h`.
const SYN_SENT: i32 = 2;
const CLOSE: i32 = 7;
const LISTEN: i32 = 10;

#[btf_tracepoint(function = "inet_sock_set_state")]
pub fn inet_sock_set_state(ctx: BtfTracePointContext) -> i32 {
    if idle() {
        return 0;
    }
    let (before, after): (i32, i32) = (ctx.arg(1), ctx.arg(2));
    let pointer: *mut c_void = ctx.arg(0);
    let socket = Socket::new(pointer.cast_const().cast());
    if before != after && matches!(after, SYN_SENT | CLOSE | LISTEN) && socket.protocol() == PROTOCOL_TCP {
        match after {
            SYN_SENT => connects(pointer, socket),
            LISTEN => listens(socket),
            _ => ends(pointer, socket),
        }
    }
    0
}

/// Inside the call that connects. Where the address is not the one that was asked for, a program of somebody else's
/// has replaced it meanwhile; where nothing was asked for, no program of ours is attached to that cgroup, or the
/// protocol hides the call (MPTCP).
#[inline(always)]
fn connects(pointer: *mut c_void, socket: Socket) {
    let remote = socket.remote();
    if is_loopback(&remote.address) {
        return;
    }
    if !socket.is_multipath()
        && let Some(noted) = noted(pointer)
        // SAFETY: a value of the map. Another process's is left from a socket before this one.
        && unsafe { (*noted).record.pid } == Task::current().tgid()
    {
        // SAFETY: the same; nobody else touches it while its socket is being connected.
        let noted = unsafe { &mut *noted };
        if !noted.goes_to(&remote) {
            noted.record.backend = remote.address;
            noted.record.backend_port = remote.port;
            noted.record.flags |= FLOW_BACKEND;
            report(noted);
        }
    } else if let Some(actor) = Actor::current() {
        let mut unasked = act(&actor, FLOW_CONNECT, PROTOCOL_TCP, remote.address, remote.port);
        begins(pointer, &unasked);
        report(&mut unasked);
    }
}

/// Inside the call that listens.
#[inline(always)]
fn listens(socket: Socket) {
    let local = socket.local();
    if is_loopback(&local.address) && !is_any(&local.address) {
        return;
    }
    if let Some(actor) = Actor::current() {
        let mut listener = act(&actor, FLOW_LISTEN, PROTOCOL_TCP, local.address, local.port);
        if socket.port_is_chosen() {
            listener.record.flags |= FLOW_PORT_CHOSEN;
        }
        report(&mut listener);
    }
}

/// Mostly in an interrupt, where the current task is anybody's.
#[inline(always)]
fn ends(pointer: *mut c_void, socket: Socket) {
    let bytes_sent = socket.bytes_sent();
    if bytes_sent > 0
        && let Some(noted) = noted(pointer)
    {
        // SAFETY: a value of the map; its socket ends, so that nobody connects it.
        let act = unsafe { &mut *noted };
        if act.goes_to(&socket.remote()) {
            act.record.header.time_ns = now();
            act.record.direction = FLOW_CLOSE;
            act.record.bytes_sent = bytes_sent;
            report(act);
        }
    }
    ended(pointer);
}
