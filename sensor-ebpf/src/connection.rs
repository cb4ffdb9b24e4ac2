//! Whose a TCP connection is and where it was to go: noted when a process asks for it, for what becomes of it later, in an
//! interrupt, where nobody can be asked.
//!
//! By its socket's cookie, a number that the kernel counts up and gives to no other socket (net/core/sock_diag.c), in an
//! array: without a search, a lock or an allocation, which took longer than everything else. Where another connection has
//! the place, the note is kept with the socket, which is only slower: nobody's connections push out another's. A note whose
//! connection did not begin is nobody's soon, since its socket may be gone.

use crate::atomic;
use crate::flow::{Act, keep, kept};
use anchorwatch_sensor_common::network::CONNECTION_PLACES;
use aya_ebpf::{macros::map, maps::Array};
use core::ffi::c_void;
use core::ptr::read_volatile;

#[map]
static CONNECTIONS: Array<Note> = Array::with_max_entries(CONNECTION_PLACES, 0);

#[repr(C)]
struct Note {
    /// The socket's cookie, [`FREE`] or [`TAKEN`].
    cookie: u64,
    act: Act,
}

/// No socket's cookie.
const FREE: u64 = 0;
/// Of a note that is being written. Cookies are counted up from 1 and, in interrupts, down from the largest number.
const TAKEN: u64 = 1 << 63;

/// From the call that connects to the connection's first state it takes some microseconds.
const BEGINS_WITHIN_NS: u64 = 1_000_000_000;

/// Notes it, in place of what was noted before.
///
/// `socket` is what the program's context gave, as the verifier checks; the cookie is its own.
#[inline(always)]
pub fn begins(socket: *mut c_void, cookie: u64, act: &Act) {
    if !note(cookie, act) {
        keep(socket, act);
    }
}

/// Whether there was a place for it.
#[inline(always)]
fn note(cookie: u64, act: &Act) -> bool {
    let Some(place) = place(cookie) else { return false };
    // SAFETY: the pointer is to a value of an array map, which stays. What is written belongs to whoever replaced the cookie
    // by TAKEN, or holds the socket whose cookie it is.
    unsafe {
        let cookies = &raw mut (*place).cookie;
        let whose = read_volatile(cookies);
        if whose == cookie {
            (*place).act = *act;
            return true;
        }
        if !is_free(whose, &raw const (*place).act, act) || !atomic::replace(cookies, whose, TAKEN) {
            return false;
        }
        (*place).act = *act;
        atomic::replace(cookies, TAKEN, cookie)
    }
}

/// Whether a place can be had for a new act.
///
/// # Safety
/// `old` is a map value's, valid for the program's run.
#[inline(always)]
unsafe fn is_free(whose: u64, old: *const Act, new: &Act) -> bool {
    match whose {
        FREE => true,
        TAKEN => false,
        // SAFETY: as the caller says; what is written meanwhile is written by who has replaced the cookie.
        _ => unsafe {
            let noted_ns = read_volatile(&raw const (*old).record.header.time_ns);
            let age_ns = new.record.header.time_ns.wrapping_sub(noted_ns) as i64;
            read_volatile(&raw const (*old).began) == 0 && age_ns > BEGINS_WITHIN_NS as i64
        },
    }
}

/// What was noted of it; nothing of a socket without a cookie.
#[inline(always)]
pub fn noted(socket: *mut c_void, cookie: u64) -> Option<*mut Act> {
    if cookie == FREE {
        return None;
    }
    match own_place(cookie) {
        // SAFETY: the pointer is to a value of an array map, which stays.
        Some(place) => Some(unsafe { &raw mut (*place).act }),
        None => kept(socket),
    }
}

/// Forgets it.
#[inline(always)]
pub fn ended(cookie: u64) {
    if let Some(place) = own_place(cookie) {
        // SAFETY: as above. Whoever takes the place sees it free after all that was read of it.
        let _cookie = unsafe { atomic::take(&raw mut (*place).cookie) };
    }
}

/// The place that is this socket's.
#[inline(always)]
fn own_place(cookie: u64) -> Option<*mut Note> {
    let place = place(cookie)?;
    // SAFETY: the pointer is to a value of an array map, which stays.
    if unsafe { read_volatile(&raw const (*place).cookie) } == cookie {
        Some(place)
    } else {
        None
    }
}

#[inline(always)]
fn place(cookie: u64) -> Option<*mut Note> {
    CONNECTIONS.get_ptr_mut(cookie as u32 & (CONNECTION_PLACES - 1))
}
