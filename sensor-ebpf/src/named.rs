//! By which name a container looked up an address that it then talks to.
//!
//! To the first-seen filter a flow to the same address under another name is another flow. So the addresses of an answer
//! are noted here, before the answer reaches who asked: whatever is connected by it, however soon, is told under the new
//! name. User space reads the name itself out of the record of the answer; here it is a number.
//!
//! Each address counts that stands anywhere among the answer's records, for user space takes none but those, and one name
//! too many only makes a flow show again. Where there is no room, or what was noted is pushed out, the address has no
//! name: another flow again, which shows.

use crate::packet::Packet;
use crate::question::Question;
use anchorwatch_sensor_common::network::{Address, DNS_PAYLOAD_LIMIT, NAME_GRACE_SECONDS, NAME_TTL_LIMIT, mapped};
use aya_ebpf::{bindings::BPF_ANY, helpers::generated::bpf_loop, macros::map, maps::LruHashMap};

/// Sized at load.
#[map]
static NAMED: LruHashMap<At, Name> = LruHashMap::with_max_entries(32_768, 0);

/// Offset of the count of answers in a message.
const ANSWERS: u32 = 6;
/// Type, class, time to live and length of data, behind a record's name.
const RECORD: u32 = 10;
const INTERNET: u16 = 1;
const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
/// A label is at most so long; what is larger begins a pointer, which ends a name.
const LONGEST_LABEL: u8 = 63;

/// A step is a record or one label of a record's name, which takes two bytes at least.
const STEPS: u32 = DNS_PAYLOAD_LIMIT as u32 / 2;

const SECOND_NS: u64 = 1_000_000_000;

#[repr(C)]
#[derive(Clone, Copy)]
struct At {
    container: u64,
    address: Address,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Name {
    question: u64,
    /// `CLOCK_BOOTTIME` until which it is good.
    until_ns: u64,
}

/// The fixed part of a record.
#[repr(C, packed)]
struct Record {
    kind: u16,
    class: u16,
    ttl: u32,
    length: u16,
}

/// By which question the container knows the address; 0 if by none that is still good.
#[inline(always)]
pub fn question(container: u64, address: Address, now_ns: u64) -> u64 {
    // SAFETY: the value is copied at once. An element that is used again for another key meanwhile gives that one's
    // name: one flow shows that is known.
    match unsafe { NAMED.get(At { container, address }) }.copied() {
        Some(name) if name.until_ns >= now_ns => name.question,
        _ => 0,
    }
}

/// Notes the addresses of an answer, whose message begins at `payload`.
#[inline(always)]
pub fn name(packet: Packet, payload: u32, question: &Question, container: u64, now_ns: u64) {
    let Some(answers) = packet.load::<u16>(payload.wrapping_add(ANSWERS)) else {
        return;
    };
    let mut walk = Walk {
        packet,
        container,
        question: question.hash,
        now_ns,
        at: question.behind,
        left: u32::from(u16::from_be(answers)),
        ttl: NAME_TTL_LIMIT,
    };
    // SAFETY: `step` has the shape that the helper asks for, and what it is given outlives the call.
    unsafe { bpf_loop(STEPS, step as *mut _, (&raw mut walk).cast(), 0) };
}

/// What one step needs.
#[repr(C)]
struct Walk {
    packet: Packet,
    container: u64,
    question: u64,
    now_ns: u64,
    /// Where the next label or record begins in the packet.
    at: u32,
    /// Records that are still to come.
    left: u32,
    /// The shortest time to live so far, in seconds: an address is good no longer than the alias that leads to it.
    ttl: u32,
}

/// Takes a label, or a record; returns 1 to stop. Verified once, whatever the message is.
#[inline(never)]
unsafe extern "C" fn step(_: u32, walk: *mut Walk) -> i64 {
    // SAFETY: `name` gave its own walk.
    let walk = unsafe { &mut *walk };
    match walk.step() {
        Some(()) => 0,
        None => 1,
    }
}

impl Walk {
    #[inline(always)]
    fn step(&mut self) -> Option<()> {
        if self.left == 0 {
            return None;
        }
        let length: u8 = self.packet.load(self.at)?;
        let name_end = match length {
            0 => 1,
            1..=LONGEST_LABEL => {
                self.at = self.at.wrapping_add(u32::from(length)).wrapping_add(1);
                return Some(());
            }
            _ => 2,
        };
        let fixed = self.at.wrapping_add(name_end);
        let record: Record = self.packet.load(fixed)?;
        let data = fixed.wrapping_add(RECORD);
        let length = u16::from_be(record.length);
        if u16::from_be(record.class) == INTERNET {
            self.ttl = shorter(self.ttl, u32::from_be(record.ttl));
            match (u16::from_be(record.kind), length) {
                (TYPE_A, 4) => self.note(mapped(self.packet.load(data)?)),
                (TYPE_AAAA, 16) => self.note(self.packet.load(data)?),
                _ => {}
            }
        }
        self.at = data.wrapping_add(u32::from(length));
        self.left = self.left.wrapping_sub(1);
        Some(())
    }

    #[inline(always)]
    fn note(&self, address: Address) {
        let at = At {
            container: self.container,
            address,
        };
        let seconds = u64::from(self.ttl).wrapping_add(u64::from(NAME_GRACE_SECONDS));
        let mut name = Name {
            question: self.question,
            until_ns: self.now_ns.wrapping_add(seconds.wrapping_mul(SECOND_NS)),
        };
        // SAFETY: the value is copied at once.
        if let Some(known) = unsafe { NAMED.get(at) }.copied()
            && known.question == name.question
            && known.until_ns > name.until_ns
        {
            name.until_ns = known.until_ns;
        }
        // Without room it has no name, and its flows show as such.
        let _noted = NAMED.insert(at, name, u64::from(BPF_ANY));
    }
}

/// With the highest bit set it is no time (RFC 2181, section 8).
#[inline(always)]
const fn shorter(one: u32, other: u32) -> u32 {
    let other = if other > i32::MAX as u32 { 0 } else { other };
    if other < one { other } else { one }
}
