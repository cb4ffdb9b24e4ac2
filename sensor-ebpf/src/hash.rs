//! Keys of the first-seen filter: nobody who is watched can make two events look equal, or foresee where one lies in
//! the map.

use anchorwatch_sensor_common::siphash::SipHash;
use aya_ebpf::helpers::generated::bpf_loop;
use core::ptr::read_volatile;

/// Random for each boot of the sensor; set by user space at load.
#[unsafe(no_mangle)]
static HASH_KEY: [u64; 2] = [0; 2];

/// Most bytes that [`bytes`] reads: positions are masked with one less.
pub const MAX_BYTES: usize = 0x2000;

/// A part of the secret, for what needs no more.
#[inline(always)]
pub fn secret() -> u64 {
    // SAFETY: a static; volatile, because user space sets the value at load.
    unsafe { read_volatile(&raw const HASH_KEY[0]) }
}

/// A hash under this boot's secret. Begin it with what tells this kind of key from all others, and state lengths
/// before what has one, so that no two events spell the same words.
#[inline(always)]
pub fn new(kind: u32) -> SipHash {
    // SAFETY: a static; volatile, because user space sets the value at load.
    let key = unsafe { read_volatile(&raw const HASH_KEY) };
    let mut hash = SipHash::new(key);
    hash.word(u64::from(kind));
    hash
}

/// What one step needs.
#[repr(C)]
struct Walk {
    hash: SipHash,
    bytes: *const u8,
}

/// Adds `length` bytes, at most [`MAX_BYTES`], in whole words: the bytes up to the next multiple of eight have to be
/// zero. One step is verified whatever the length is.
///
/// # Safety
/// [`MAX_BYTES`] initialised bytes lie at `bytes`, which is a multiple of eight.
#[inline(always)]
pub unsafe fn bytes(hash: &mut SipHash, bytes: *const u8, length: u32) {
    hash.word(u64::from(length));
    let words = length.wrapping_add(7) / 8;
    let mut walk = Walk { hash: *hash, bytes };
    // SAFETY: `step` has the shape that the helper asks for, and what it is given outlives the call.
    unsafe { bpf_loop(words, step as *mut _, (&raw mut walk).cast(), 0) };
    *hash = walk.hash;
    hash.counted(u64::from(words));
}

/// Returns 0 to go on.
#[inline(never)]
unsafe extern "C" fn step(index: u32, walk: *mut Walk) -> i64 {
    let position = (index as usize * 8) & (MAX_BYTES - 1);
    // SAFETY: `bytes` gave its own walk, whose caller vouches for that many bytes.
    unsafe {
        let word = read_volatile((*walk).bytes.add(position).cast::<u64>());
        (*walk).hash.compress(word);
    }
    0
}
