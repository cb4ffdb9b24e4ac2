//! Whose a TCP connection is and where it was to go: noted when a process asks for it, for what becomes of it later, in an
//! interrupt, where nobody can be asked.
//!
//! By the address of its socket, in a map that has its room from the start: an allocation for each connection, charged to
//! another control group than the one at work, took longer than everything else. Where the map is full, the note is kept
//! with the socket, which is only slower: nobody's connections push out another's.
//!
//! A note whose connection never began outlives its socket. So a note counts only for a connection that goes where it
//! says ([`Act::goes_to`]).

use crate::flow::{Act, keep, kept};
use aya_ebpf::{bindings::BPF_ANY, macros::map, maps::HashMap};
use core::ffi::c_void;

/// By the address of the socket.
#[map]
static CONNECTIONS: HashMap<u64, Act> = HashMap::with_max_entries(16_384, 0);

/// Notes it, in place of what was noted before.
///
/// `socket` is what the program's context gave, as the verifier checks.
#[inline(always)]
pub fn begins(socket: *mut c_void, act: &Act) {
    if CONNECTIONS.insert(socket as u64, act, u64::from(BPF_ANY)).is_err() {
        keep(socket, act);
    }
}

/// What was noted of it, maybe of another one before it.
#[inline(always)]
pub fn noted(socket: *mut c_void) -> Option<*mut Act> {
    match CONNECTIONS.get_ptr_mut(socket as u64) {
        Some(noted) => Some(noted),
        None => kept(socket),
    }
}

/// Forgets it.
#[inline(always)]
pub fn ended(socket: *mut c_void) {
    // Absent is what we want.
    let _absent = CONNECTIONS.remove(socket as u64);
}
