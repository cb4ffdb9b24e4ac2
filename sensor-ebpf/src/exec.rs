//! A process replaced its program: who, what file, from where, with which arguments.

use crate::emit::{MAX_RECORD, output};
use crate::errors::count;
use crate::file::{script_source, source, stdin_is_socket};
use crate::lineage::{carried, is_ignored, remember, step};
use crate::path::{Cursor, MIN_TAIL, POSITION_MASK, Tail};
use crate::task::{Address, Task};
use anchorwatch_sensor_common::event::{
    ARGV_LIMIT, COMPONENT_LIMIT, ExecRecord, FILENAME_LIMIT, FLAG_ARGV_TRUNCATED, FLAG_PATH_TRUNCATED,
    FLAG_RUNTIME_STAGE, FLAG_SCRIPT, FLAG_STDIN_SOCKET, Header, KIND_EXEC, PATH_LIMIT, SOURCE_NONE,
};
use anchorwatch_sensor_common::lineage::exec_id;
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use anchorwatch_sensor_common::offsets::Field;
use aya_ebpf::{
    helpers::{
        bpf_get_current_uid_gid, bpf_get_smp_processor_id,
        generated::{bpf_get_current_cgroup_id, bpf_ktime_get_boot_ns, bpf_probe_read_kernel_str, bpf_probe_read_user},
    },
    macros::{btf_tracepoint, map},
    maps::PerCpuArray,
    programs::BtfTracePointContext,
};
use core::mem::size_of;

const RECORD: usize = size_of::<ExecRecord>();
const TAIL: usize = MAX_RECORD - RECORD;

const _: () = {
    assert!(PATH_LIMIT + COMPONENT_LIMIT + FILENAME_LIMIT <= POSITION_MASK);
    assert!(POSITION_MASK + ARGV_LIMIT <= TAIL && MIN_TAIL <= TAIL);
};

/// The record with room for its tail.
#[repr(C)]
struct Scratch {
    record: ExecRecord,
    tail: [u8; TAIL],
    cursor: Cursor,
}

/// This program's alone: another one that interrupts it would corrupt a shared one.
#[map]
static EXEC_SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

#[btf_tracepoint(function = "sched_process_exec")]
pub fn sched_process_exec(ctx: BtfTracePointContext) -> i32 {
    if let Err(reason) = try_exec(Task::new(ctx.arg(0)), Address::new(ctx.arg(2))) {
        count(LossPlace::Exec, reason);
    }
    0
}

#[inline(always)]
fn try_exec(task: Task, bprm: Address) -> Result<(), LossReason> {
    // SAFETY: helpers without arguments.
    let (time_ns, cgroup_id, cpu) = unsafe {
        (
            bpf_ktime_get_boot_ns(),
            bpf_get_current_cgroup_id(),
            bpf_get_smp_processor_id(),
        )
    };
    let (tgid, start_ticks) = (task.tgid(), task.start_ticks());
    let exec_id = exec_id(time_ns, u64::from(cpu));
    let step = step(
        carried(tgid, start_ticks),
        exec_id,
        start_ticks,
        cgroup_id,
        task.in_host_mounts(),
    );
    remember(LossPlace::Exec, tgid, &step.process);
    if is_ignored(cgroup_id) {
        return Ok(());
    }
    let scratch = EXEC_SCRATCH.get_ptr_mut(0).ok_or(LossReason::MapFull)?;
    let file = bprm.follow(Field::BinprmFile);
    let mut flags = if step.runtime_stage { FLAG_RUNTIME_STAGE } else { 0 };
    if stdin_is_socket(task) {
        flags |= FLAG_STDIN_SOCKET;
    }
    let record = ExecRecord {
        header: Header {
            kind: KIND_EXEC,
            size: 0,
            time_ns,
        },
        cgroup_id,
        exec_id,
        ancestors: step.ancestors,
        pid: tgid,
        uid: bpf_get_current_uid_gid() as u32,
        origin: step.process.origin,
        source: source(file, task),
        script_source: SOURCE_NONE,
        flags,
        path_len: 0,
        filename_len: 0,
        argv_len: 0,
        reserved: 0,
    };
    // SAFETY: the pointer is to this CPU's value, used by this program alone.
    unsafe {
        (*scratch).record = record;
        let tail = Tail::empty((&raw mut (*scratch).tail).cast(), &raw mut (*scratch).cursor);
        if !tail.write_path(LossPlace::Exec, file) {
            set_flag(scratch, FLAG_PATH_TRUNCATED);
        }
        (*scratch).record.path_len = tail.position();
        write_filename(scratch, tail, bprm, task);
        write_arguments(scratch, tail, task);
        send(scratch, tail);
    }
    Ok(())
}

#[inline(always)]
unsafe fn set_flag(scratch: *mut Scratch, flag: u32) {
    // SAFETY: as the caller says.
    unsafe { (*scratch).record.flags |= flag }
}

/// Writes the name that was given to execve, without its NUL.
#[inline(always)]
unsafe fn write_filename(scratch: *mut Scratch, tail: Tail, bprm: Address, task: Task) {
    let filename = bprm.follow(Field::BinprmFilename);
    // SAFETY: as the caller says; FILENAME_LIMIT bytes behind the masked position are inside the tail.
    unsafe {
        if filename != bprm.follow(Field::BinprmInterp) {
            set_flag(scratch, FLAG_SCRIPT);
            (*scratch).record.script_source = script_source(filename, task);
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

/// Writes the head of the argument block.
#[inline(always)]
unsafe fn write_arguments(scratch: *mut Scratch, tail: Tail, task: Task) {
    let (first, behind) = task.arguments();
    let length = behind.wrapping_sub(first);
    // SAFETY: as the caller says; ARGV_LIMIT bytes behind the masked position are inside the tail.
    unsafe {
        let length = if length > ARGV_LIMIT as u64 {
            set_flag(scratch, FLAG_ARGV_TRUNCATED);
            ARGV_LIMIT as u32
        } else {
            length as u32
        };
        if bpf_probe_read_user(tail.end().cast(), length, first as *const _) != 0 {
            set_flag(scratch, FLAG_ARGV_TRUNCATED);
            count(LossPlace::Exec, LossReason::ReadFault);
            return;
        }
        (*scratch).record.argv_len = length;
        tail.advance(length);
    }
}

#[inline(always)]
unsafe fn send(scratch: *mut Scratch, tail: Tail) {
    // SAFETY: as the caller says; the mask keeps the length inside the value.
    unsafe {
        let size = tail.position().wrapping_add(RECORD as u32);
        (*scratch).record.header.size = size;
        output(
            LossPlace::Exec,
            scratch.cast(),
            u64::from(size) & (MAX_RECORD as u64 - 1),
        );
    }
}
