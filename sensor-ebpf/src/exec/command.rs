//! What was executed, as it was called: name and arguments, in the record's tail.

use super::Scratch;
use crate::errors::count;
use crate::file::script_source;
use crate::path::{POSITION_MASK, Tail};
use crate::script::noted;
use crate::task::{Address, Task};
use anchorwatch_sensor_common::event::{
    ARGV_END, ARGV_HEAD, ARGV_LIMIT, COMPONENT_LIMIT, FILENAME_LIMIT, FLAG_ARGV_TRUNCATED, FLAG_SCRIPT, PATH_LIMIT,
    SOURCE_NONE,
};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use anchorwatch_sensor_common::offsets::Field;
use aya_ebpf::helpers::generated::{bpf_probe_read_kernel_str, bpf_probe_read_user};
use core::ptr::{read_volatile, write_volatile};

/// Bounds the end of the arguments for the verifier.
const END_MASK: usize = 2 * POSITION_MASK + 1;

const _: () = {
    assert!(PATH_LIMIT + COMPONENT_LIMIT + FILENAME_LIMIT + size_of::<u64>() <= POSITION_MASK);
    assert!(POSITION_MASK + ARGV_LIMIT <= END_MASK && END_MASK + size_of::<u64>() <= super::TAIL);
};

#[inline(always)]
pub unsafe fn set_flag(scratch: *mut Scratch, flag: u32) {
    // SAFETY: as the caller says.
    unsafe { (*scratch).record.flags |= flag }
}

/// Writes the name that was given to execve, without its NUL.
#[inline(always)]
pub unsafe fn write_filename(scratch: *mut Scratch, tail: Tail, bprm: Address, task: Task) {
    let filename = bprm.follow(Field::BinprmFilename);
    // SAFETY: as the caller says; FILENAME_LIMIT bytes behind the masked position are inside the tail.
    unsafe {
        if filename != bprm.follow(Field::BinprmInterp) {
            set_flag(scratch, FLAG_SCRIPT);
            // To memory at once, as the flags are.
            let script = &raw mut (*scratch).record.script_source;
            let root = (*scratch).step.process.root;
            write_volatile(script, script_source(filename, task, root));
            if read_volatile(script) == SOURCE_NONE {
                write_volatile(script, noted((*scratch).record.pid, bprm));
            }
        }
        let written = bpf_probe_read_kernel_str(tail.end().cast(), FILENAME_LIMIT as u32, filename.pointer().cast());
        if written <= 0 {
            count(LossPlace::Exec, LossReason::ReadFault);
            return;
        }
        let length = (written as u32).wrapping_sub(1);
        (*scratch).record.filename_len = length;
        tail.advance(length);
    }
}

/// Writes the argument block: the whole, or its head and its end.
#[inline(always)]
pub unsafe fn write_arguments(scratch: *mut Scratch, tail: Tail, task: Task) {
    let (first, behind) = task.arguments();
    let total = behind.wrapping_sub(first);
    // SAFETY: as the caller says; ARGV_LIMIT bytes behind the masked position are inside the tail.
    unsafe {
        (*scratch).record.argv_total = if total > u64::from(u32::MAX) {
            u32::MAX
        } else {
            total as u32
        };
        let (length, failed) = if total > ARGV_LIMIT as u64 {
            set_flag(scratch, FLAG_ARGV_TRUNCATED);
            let head = bpf_probe_read_user(tail.end().cast(), ARGV_HEAD as u32, first as *const _);
            let last = behind.wrapping_sub(ARGV_END as u64) as *const _;
            let end = bpf_probe_read_user(tail.end().add(ARGV_HEAD).cast(), ARGV_END as u32, last);
            (ARGV_LIMIT as u32, head | end)
        } else {
            let length = total as u32;
            (
                length,
                bpf_probe_read_user(tail.end().cast(), length, first as *const _),
            )
        };
        if failed != 0 {
            set_flag(scratch, FLAG_ARGV_TRUNCATED);
            count(LossPlace::Exec, LossReason::ReadFault);
            return;
        }
        (*scratch).record.argv_len = length;
        tail.advance(length);
    }
}

/// Writes zeros behind the arguments, so that their last word can be hashed whole.
#[inline(always)]
pub unsafe fn pad(scratch: *mut Scratch, tail: Tail) {
    // SAFETY: as the caller says; the mask keeps what is written inside the tail.
    unsafe {
        let at = tail.position() as usize & END_MASK;
        (&raw mut (*scratch).tail)
            .cast::<u8>()
            .add(at)
            .cast::<u64>()
            .write_unaligned(0);
    }
}
