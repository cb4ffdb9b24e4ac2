//! A process replaced its program: who, what file, from where, with which arguments.

mod command;

use crate::credentials::{effective_user, privileges_gained};
use crate::emit::{MAX_RECORD, Ring, output};
use crate::errors::count;
use crate::file::{is_foreign, is_network_socket, source};
use crate::follow::{carried, remember};
use crate::hash;
use crate::identity::{below, device, has_identity};
use crate::idle::idle;
use crate::lineage::{Step, is_ignored, step};
use crate::path::{Cursor, MIN_TAIL, POSITION_MASK, Tail};
use crate::seen::{Ask, Decision, decide};
use crate::slot;
use crate::task::{Address, Task};
use anchorwatch_sensor_common::event::{
    ExecRecord, FLAG_ARGV_TRUNCATED, FLAG_PATH_TRUNCATED, FLAG_RUNTIME_STAGE, FLAG_SETUID, FLAG_STDIN_SOCKET,
    FLAG_STDOUT_SOCKET, FLAG_TERMINAL, Header, KIND_EXEC, SOURCE_NONE,
};
use anchorwatch_sensor_common::filter::{FilterFeed, Slot};
use anchorwatch_sensor_common::lineage::exec_id;
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use anchorwatch_sensor_common::offsets::Field;
use anchorwatch_sensor_common::siphash::SipHash;
use aya_ebpf::{
    helpers::{
        bpf_get_current_uid_gid, bpf_get_smp_processor_id,
        generated::{bpf_get_current_cgroup_id, bpf_ktime_get_boot_ns},
    },
    macros::{btf_tracepoint, map},
    maps::PerCpuArray,
    programs::BtfTracePointContext,
};
use command::{pad, set_flag, write_arguments, write_filename};
use core::mem::size_of;
use core::ptr::write_volatile;

const RECORD: usize = size_of::<ExecRecord>();
/// Room for the longest record, and for what is read at masked positions behind it.
const TAIL: usize = MAX_RECORD + 256;

const _: () = assert!(MIN_TAIL <= TAIL && POSITION_MASK + hash::MAX_BYTES + 8 <= TAIL);

/// The record with room for its tail.
#[repr(C)]
struct Scratch {
    record: ExecRecord,
    tail: [u8; TAIL],
    cursor: Cursor,
    step: Step,
}

/// This program's alone: another one that interrupts it would corrupt a shared one.
#[map]
static EXEC_SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

#[btf_tracepoint(function = "sched_process_exec")]
pub fn sched_process_exec(ctx: BtfTracePointContext) -> i32 {
    if idle() {
        return 0;
    }
    if let Err(reason) = try_exec(Task::new(ctx.arg(0)), Address::new(ctx.arg(2))) {
        count(LossPlace::Exec, reason);
    }
    0
}

#[inline(always)]
fn try_exec(task: Task, bprm: Address) -> Result<(), LossReason> {
    let scratch = EXEC_SCRATCH.get_ptr_mut(0).ok_or(LossReason::MapFull)?;
    // SAFETY: helpers without arguments.
    let (time_ns, cgroup_id, cpu) = unsafe {
        (
            bpf_ktime_get_boot_ns(),
            bpf_get_current_cgroup_id(),
            bpf_get_smp_processor_id(),
        )
    };
    let ignored = is_ignored(cgroup_id);
    let slot = if ignored {
        slot::unregistered(cgroup_id)
    } else {
        slot::of_current(cgroup_id)
    };
    let tgid = task.tgid();
    let exec_id = exec_id(time_ns, u64::from(cpu));
    // SAFETY: the pointer is to this CPU's value, used by this program alone.
    unsafe {
        let lineage = &mut (*scratch).step;
        step(
            lineage,
            carried(tgid, task.start_ticks()),
            task,
            exec_id,
            slot.container,
        );
        if !ignored {
            lineage.process.account = slot.index;
            let tail = Tail::empty((&raw mut (*scratch).tail).cast(), &raw mut (*scratch).cursor);
            begin(scratch, tail, task, bprm, cgroup_id, &slot, time_ns);
            report(scratch, tail, task, bprm, &slot);
        }
        remember(LossPlace::Exec, tgid, &(*scratch).step.process);
    }
    Ok(())
}

/// Writes the fixed part of the record, as far as it is known before the tail.
#[inline(always)]
unsafe fn begin(
    scratch: *mut Scratch,
    tail: Tail,
    task: Task,
    bprm: Address,
    cgroup_id: u64,
    slot: &Slot,
    time_ns: u64,
) {
    let file = bprm.follow(Field::BinprmFile);
    let (caps_gained, privilege) = privileges_gained(task, bprm, file);
    // SAFETY: as the caller says.
    unsafe {
        let lineage = &(*scratch).step;
        (*scratch).record = ExecRecord {
            header: Header {
                kind: KIND_EXEC,
                size: 0,
                time_ns,
            },
            cgroup_id,
            container: slot.container,
            key: 0,
            repeats: 0,
            exec_id: lineage.process.exec_id,
            ancestors: lineage.ancestors,
            pid: task.tgid(),
            uid: bpf_get_current_uid_gid() as u32,
            origin: lineage.process.origin,
            source: source(file, task, lineage.process.root),
            script_source: SOURCE_NONE,
            flags: 0,
            path_len: 0,
            filename_len: 0,
            argv_len: 0,
            argv_total: 0,
            caps_gained,
            euid: effective_user(task),
            device: 0,
            inode: 0,
        };
        // To memory at once: which of them are set would multiply the verifier's states (148,235 instructions on 6.1).
        let flags = privilege | flags(&(*scratch).step, task);
        write_volatile(&raw mut (*scratch).record.flags, flags);
        if !tail.write_path(LossPlace::Exec, file) {
            set_flag(scratch, FLAG_PATH_TRUNCATED);
        }
        (*scratch).record.path_len = tail.position();
        write_filename(scratch, tail, bprm, task);
    }
}

/// What is so or is not.
#[inline(always)]
fn flags(lineage: &Step, task: Task) -> u32 {
    let flag = |set: bool, flag: u32| if set { flag } else { 0 };
    flag(lineage.runtime_stage != 0, FLAG_RUNTIME_STAGE)
        | flag(is_network_socket(task, 0), FLAG_STDIN_SOCKET)
        | flag(is_network_socket(task, 1), FLAG_STDOUT_SOCKET)
        | flag(task.has_terminal(), FLAG_TERMINAL)
}

/// Makes the key, writes the arguments on the way, and sends the record if the filter lets it pass.
#[inline(always)]
unsafe fn report(scratch: *mut Scratch, tail: Tail, task: Task, bprm: Address, slot: &Slot) {
    // SAFETY: as the caller says.
    unsafe {
        let key = key(scratch, tail, task, slot);
        let record = &raw mut (*scratch).record;
        let process = &raw mut (*scratch).step.process;
        if (*scratch).step.is_visit != 0 {
            (*process).visit = key;
        }
        // What the key does not cover whole is never taken for known.
        let whole = (*record).flags & (FLAG_ARGV_TRUNCATED | FLAG_PATH_TRUNCATED) == 0;
        let ask = Ask {
            feed: FilterFeed::Process,
            slot: *slot,
            key: if whole { key } else { 0 },
            sensitive: is_sensitive(&*record),
            stands_for: (*process).exec_id,
            now_ns: (*record).header.time_ns,
        };
        match decide(&ask) {
            Decision::Send(admission) => {
                (*record).key = ask.key;
                (*record).repeats = admission.repeats;
                let length = RECORD.wrapping_add(tail.position() as usize) & (MAX_RECORD - 1);
                (*record).header.size = length as u32;
                name_file(record, bprm);
                let sent = output(Ring::Events, scratch.cast(), length as u64, ask.urgency());
                admission.sent(&ask, sent);
            }
            // Who descends from this one names the one that was sent: user space knows that.
            Decision::Swallowed(stands_for) => (*process).exec_id = stands_for,
            Decision::Lost => {}
        }
    }
}

/// Writes which file it is: of what is not sent nobody asks.
#[inline(always)]
unsafe fn name_file(record: *mut ExecRecord, bprm: Address) {
    if has_identity() {
        let inode = below(bprm.follow(Field::BinprmFile).follow(Field::FileInode));
        // SAFETY: as the caller says.
        unsafe {
            (*record).device = device(inode);
            (*record).inode = inode.read(Field::InodeIno);
        }
    }
}

/// Kinds of executions that are sent each time.
#[inline(always)]
fn is_sensitive(record: &ExecRecord) -> bool {
    if record.flags & FLAG_RUNTIME_STAGE != 0 {
        return false; // a container runtime runs itself from memory, at each probe
    }
    is_foreign(record.source)
        || is_foreign(record.script_source)
        || record.flags & (FLAG_SETUID | FLAG_STDIN_SOCKET | FLAG_STDOUT_SOCKET) != 0
        || record.caps_gained != 0
}

/// The hash of all that the record says, but times and ids. On the way it notes the hash of the executed file, by
/// which descendants are told apart: not by their ancestors' arguments, which may differ each time.
#[inline(always)]
unsafe fn key(scratch: *mut Scratch, tail: Tail, task: Task, slot: &Slot) -> u64 {
    let mut hash = hash::new(KIND_EXEC);
    // SAFETY: as the caller says; the slack keeps what is read inside, and `pad` zeros the last word.
    unsafe {
        let record = &raw const (*scratch).record;
        let bytes = (&raw const (*scratch).tail).cast::<u8>();
        hash.word(slot.container);
        hash.word(two((*record).path_len, (*record).filename_len));
        hash.word(two((*record).source, (*record).script_source));
        pad(scratch, tail);
        hash::bytes(&mut hash, bytes, tail.position());
        (*scratch).step.process.files[0] = hash.finish();
        add_lineage(&mut hash, &(*scratch).step);
        let arguments = tail.position();
        write_arguments(scratch, tail, task);
        pad(scratch, tail);
        hash.word(two((*record).flags, (*record).origin));
        hash.word(two((*record).uid, (*record).euid));
        hash.word((*record).caps_gained);
        // From where a word begins: the few bytes before are known to the hash already.
        let before = arguments & 7;
        let start = arguments as usize & (POSITION_MASK & !7);
        hash::bytes(&mut hash, bytes.add(start), (*record).argv_len.wrapping_add(before));
    }
    hash.finish()
}

#[inline(always)]
fn add_lineage(hash: &mut SipHash, lineage: &Step) {
    for file in lineage.files_before {
        hash.word(file);
    }
    hash.word(lineage.process.visit);
}

#[inline(always)]
const fn two(high: u32, low: u32) -> u64 {
    (high as u64) << 32 | low as u64
}
