//! What a DNS message asks, as one number: enough to tell whether an answer is to what was asked.

use crate::hash;
use crate::packet::Packet;
use aya_ebpf::helpers::generated::bpf_loop;
use core::mem::MaybeUninit;
use core::ptr::{read_volatile, write_volatile};

/// Id, flags and four counts.
const HEADER: u32 = 12;
/// The longest name and what is behind it: type and class.
const LIMIT: usize = 264;
/// The zero that ends a name, its type and class.
const BEHIND: u64 = 5;

/// Set in the second word of an answer.
const ANSWER: u16 = 1 << 15;

/// Of FNV-1a of 64 bits, whose beginning is this boot's secret: nobody can look up which two names spell one number. It
/// need not resist who tries: an answer has to come from a resolver's address, with the id and the port of the question,
/// and who wants to hide a name can do without asking for it.
const FNV_PRIME: u64 = 0x0100_0000_01b3;

/// The beginning of a DNS message.
pub struct Question {
    /// As it lies in memory.
    pub id: u16,
    pub is_answer: bool,
    /// Of the first name, its type and class, without regard to case.
    pub hash: u64,
    /// Where the records behind it begin in the packet.
    pub behind: u32,
}

/// Reads the head of the message at `payload`; None if it has no question.
#[inline(always)]
pub fn read(packet: Packet, payload: u32, length: u32) -> Option<Question> {
    let [id, flags]: [u16; 2] = packet.load(payload)?;
    if length <= HEADER {
        return None;
    }
    let mut walk = MaybeUninit::<Walk>::uninit();
    let walk = walk.as_mut_ptr();
    let rest = length.wrapping_sub(HEADER);
    // SAFETY: the array has that many bytes; `step` has the shape that the helper asks for, and what it is given, all
    // of it written, outlives the call. Volatile, because the compiler would call a function that takes each byte.
    let (hash, length) = unsafe {
        let words = (&raw mut (*walk).name).cast::<u64>();
        for word in 0..LIMIT / 8 {
            write_volatile(words.add(word), 0);
        }
        // Zero, of which the verifier does not know that it is: 6.1 looks at a loop's body once, with the values at its
        // beginning, and removes the branches that those do not take.
        let zero = u64::from(read_volatile(&raw const id)).wrapping_sub(u64::from(read_volatile(&raw const id)));
        (*walk).hash = hash::secret();
        (*walk).label = zero;
        (*walk).behind = BEHIND.wrapping_add(zero);
        let name = (&raw mut (*walk).name).cast();
        if !packet.copy(payload.wrapping_add(HEADER), name, rest, LIMIT as u32) {
            return None;
        }
        let length = bpf_loop(LIMIT as u32, step as *mut _, walk.cast(), 0);
        ((*walk).hash, length as u32)
    };
    Some(Question {
        id,
        is_answer: u16::from_be(flags) & ANSWER != 0,
        hash,
        behind: payload.wrapping_add(HEADER).wrapping_add(length),
    })
}

/// What one step needs.
#[repr(C, align(8))]
struct Walk {
    name: [u8; LIMIT],
    hash: u64,
    /// Bytes of the label that are still to come.
    label: u64,
    /// What is still to come of the end of the name, its type and class.
    behind: u64,
}

/// Adds a byte; returns 1 to stop. Verified once, whatever the length is.
#[inline(never)]
unsafe extern "C" fn step(index: u32, walk: *mut Walk) -> i64 {
    if index as usize >= LIMIT {
        return 1;
    }
    // SAFETY: `read` gave its own walk.
    let walk = unsafe { &mut *walk };
    // SAFETY: the index is within the array.
    let byte = u64::from(unsafe { *walk.name.as_ptr().add(index as usize) });
    // Letters lose their case; that some other bytes become equal too does no harm.
    walk.hash = (walk.hash ^ (byte | 0x20)).wrapping_mul(FNV_PRIME);
    // Without branches, which would multiply the verifier's states, and masked, so that they come to be the same.
    let at_length = is_zero(walk.label);
    let at_end = (is_zero(walk.behind ^ BEHIND) ^ 1) | (at_length & is_zero(byte));
    walk.behind = walk.behind.wrapping_sub(at_end) & 7;
    let next = at_length.wrapping_mul(byte);
    let rest = walk.label.wrapping_sub(at_length ^ 1) & at_length.wrapping_sub(1);
    walk.label = next.wrapping_add(rest) & 0xff;
    is_zero(walk.behind) as i64
}

/// 1 for 0, else 0, without a branch. Volatile, so that the compiler does not find that it could be one.
#[inline(always)]
fn is_zero(value: u64) -> u64 {
    let sign = (value | value.wrapping_neg()) >> 63;
    // SAFETY: a reference.
    unsafe { read_volatile(&raw const sign) ^ 1 }
}
