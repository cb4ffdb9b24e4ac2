//! A TCP socket's states: it begins to connect, to listen, and it ends.

use crate::actor::Actor;
use crate::connection::{begins, ended, noted};
use crate::flow::{act, now, report};
use crate::idle::idle;
use crate::socket::Socket;
use anchorwatch_sensor_common::network::{
    FLOW_BACKEND, FLOW_CLOSE, FLOW_CONNECT, FLOW_LISTEN, FLOW_PORT_CHOSEN, PROTOCOL_TCP, is_any, is_loopback,
};
use aya_ebpf::{helpers::generated::bpf_get_socket_cookie, macros::btf_tracepoint, programs::BtfTracePointContext};
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
    if let Some(noted) = noted(pointer, socket.cookie()) {
        // SAFETY: a value of a map; nobody else touches it while its socket is being connected.
        let noted = unsafe { &mut *noted };
        noted.began = 1;
        if !noted.goes_to(&remote) {
            noted.record.backend = remote.address;
            noted.record.backend_port = remote.port;
            noted.record.flags |= FLOW_BACKEND;
            report(noted);
        }
    } else if let Some(actor) = Actor::current() {
        let mut unasked = act(&actor, FLOW_CONNECT, PROTOCOL_TCP, remote.address, remote.port);
        unasked.began = 1;
        // SAFETY: a helper that takes the socket, as the verifier checks.
        let cookie = unsafe { bpf_get_socket_cookie(pointer) };
        begins(pointer, cookie, &unasked);
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
    let cookie = socket.cookie();
    let Some(noted) = noted(pointer, cookie) else { return };
    // SAFETY: a value of a map; its socket ends, so that nobody connects it.
    let act = unsafe { &mut *noted };
    if act.began != 0 {
        act.began = 0;
        act.record.bytes_sent = socket.bytes_sent();
        if act.record.bytes_sent > 0 {
            act.record.header.time_ns = now();
            act.record.direction = FLOW_CLOSE;
            report(act);
        }
    }
    ended(cookie);
}
