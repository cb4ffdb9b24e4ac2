//! A file was mapped executable: a library was loaded.
//!
//! Three hooks share one body. What exec maps itself (the program and its ELF interpreter) is dropped wherever it is
//! seen, since the system call's tracepoint does not see it: one pod must not differ by the node that it runs on.
//! There is no program for the security hooks: they need trampolines as function entries do, see the same, and the
//! kernel does not keep them from interrupting themselves (`bpf_prog_check_recur`, include/linux/bpf_verifier.h).

use crate::emit::{MAX_RECORD, Ring, output};
use crate::errors::count;
use crate::file::{has_descriptors, is_foreign, source_at};
use crate::follow::carried;
use crate::hash;
use crate::identity::{device, has_identity, identity, mark};
use crate::idle::idle;
use crate::lineage::{heeded, loader};
use crate::path::{Cursor, MIN_TAIL, Tail};
use crate::seen::{Admission, Ask, admit};
use crate::structure::{Fields, Room, Structure, Typed, View};
use crate::task::{Address, Task, has};
use anchorwatch_sensor_common::filter::{FilterFeed, Slot};
use anchorwatch_sensor_common::lineage::ORIGIN_UNKNOWN;
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use anchorwatch_sensor_common::module::{
    KIND_MAPPING, MAPPING_BY_DESCRIPTOR, MAPPING_BY_PROTECTION, MAPPING_PATH_TRUNCATED, MappingRecord,
};
use anchorwatch_sensor_common::offsets::Field;
use aya_ebpf::{
    EbpfContext,
    helpers::generated::{bpf_get_current_cgroup_id, bpf_ktime_get_boot_ns},
    macros::{fentry, map, tracepoint},
    maps::PerCpuArray,
    programs::{FEntryContext, TracePointContext},
};
use core::mem::size_of;

const RECORD: usize = size_of::<MappingRecord>();
const TAIL: usize = MAX_RECORD - RECORD;

const _: () = assert!(MIN_TAIL <= TAIL);

/// `PROT_READ`, `PROT_EXEC` and `MAP_ANONYMOUS` (include/uapi/asm-generic/mman-common.h).
const READ: u64 = 1;
const EXECUTE: u64 = 4;
const ANONYMOUS: u64 = 0x20;

/// `VM_EXEC` (include/linux/mm.h).
const IS_EXECUTABLE: u64 = 4;

/// `S_IFMT` and `S_IFREG` (include/uapi/linux/stat.h).
const TYPE_MASK: u16 = 0o170_000;
const REGULAR: u16 = 0o100_000;

/// Where `prot`, `flags` and `fd` lie in the tracepoint's record
/// (/sys/kernel/tracing/events/syscalls/sys_enter_mmap/format): each argument takes 8 bytes from 16 on.
const PROTECTION_AT: usize = 32;
const FLAGS_AT: usize = 40;
const DESCRIPTOR_AT: usize = 48;

/// How much is copied of a `struct file` and a `struct inode`: what is asked of each mapping, in kernels from 6.1 on. What
/// lies further behind is read when it is needed.
const FILE: usize = 112;
const INODE: usize = 144;

/// A file and the place by which it is known.
#[derive(Clone, Copy)]
struct Place {
    mount: Address,
    dentry: Address,
    inode: Address,
}

/// The record with room for its tail.
#[repr(C)]
struct Scratch {
    record: MappingRecord,
    tail: [u8; TAIL],
    cursor: Cursor,
    slot: Slot,
    file: Room<FILE>,
    inode: Room<INODE>,
}

/// Of the program that sees `mmap`; of its ways one is in place.
#[map]
static MMAP_SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

/// Of the program that sees `mprotect`, which can interrupt the other.
#[map]
static MPROTECT_SCRATCH: PerCpuArray<Scratch> = PerCpuArray::with_max_entries(1, 0);

#[fentry(function = "security_mmap_file")]
pub fn mmap_entry(ctx: FEntryContext) -> i32 {
    if idle() {
        return 0;
    }
    let file = Address::new(ctx.arg(0));
    if !file.is_null() && executes(ctx.arg(1)) {
        opened(file, 0);
    }
    0
}

#[tracepoint]
pub fn mmap_call(ctx: TracePointContext) -> u32 {
    if idle() {
        return 0;
    }
    // SAFETY: the record has these arguments at these places; the verifier checks that they are inside.
    let argument = |at: usize| unsafe { ctx.as_ptr().cast::<u8>().add(at).cast::<u64>().read() };
    if argument(FLAGS_AT) & ANONYMOUS == 0 && executes(argument(PROTECTION_AT)) {
        if has_descriptors() {
            let file = Task::current().file(argument(DESCRIPTOR_AT) as u32);
            opened(file, MAPPING_BY_DESCRIPTOR);
        } else {
            count(LossPlace::Mmap, LossReason::NoOffset);
        }
    }
    0
}

#[fentry(function = "security_file_mprotect")]
pub fn mprotect_entry(ctx: FEntryContext) -> i32 {
    if idle() {
        return 0;
    }
    let protection: u64 = ctx.arg(2);
    if protection & EXECUTE == 0 {
        return 0;
    }
    if !has(Field::VmaFile) || !has(Field::VmaFlags) {
        count(LossPlace::Mmap, LossReason::NoOffset);
        return 0;
    }
    let area = Address::new(ctx.arg(0));
    let file = area.follow(Field::VmaFile);
    if !file.is_null() && area.read::<u64>(Field::VmaFlags) & IS_EXECUTABLE == 0 {
        if let Some(scratch) = scratch(&MPROTECT_SCRATCH) {
            // SAFETY: this CPU's value, this program's alone.
            unsafe { mapped(scratch, Place::of_mapped(file), MAPPING_BY_PROTECTION) };
        }
    }
    0
}

/// Whether a mapping that is asked for so can be executed.
#[inline(always)]
fn executes(protection: u64) -> bool {
    protection & EXECUTE != 0 || (protection & READ != 0 && Task::current().reading_implies_executing())
}

/// A file that a process has opened is mapped.
#[inline(always)]
fn opened(file: Address, flags: u32) {
    if let Some(scratch) = scratch(&MMAP_SCRATCH) {
        // SAFETY: this CPU's value, of one program alone, which the kernel keeps from interrupting itself.
        unsafe {
            let file = View::copy(&raw mut (*scratch).file, file);
            let place = Place {
                mount: file.read(Field::FilePathMnt),
                dentry: file.read(Field::FilePathDentry),
                inode: file.read(Field::FileInode),
            };
            mapped(scratch, place, flags);
        }
    }
}

#[inline(always)]
fn scratch(scratch: &PerCpuArray<Scratch>) -> Option<*mut Scratch> {
    let scratch = scratch.get_ptr_mut(0);
    if scratch.is_none() {
        count(LossPlace::Mmap, LossReason::MapFull);
    }
    scratch
}

impl Place {
    /// Of the file of a mapping, which for overlayfs is the file below: the process's own place is beside it
    /// (`struct backing_file`, fs/file_table.c, from 6.8) or is still its path.
    #[inline(always)]
    fn of_mapped(file: Address) -> Self {
        let root = Task::current().root_superblock().address();
        let dentry = file.follow(Field::FilePathDentry);
        let inode = dentry.follow(Field::DentryInode);
        let plain = Self {
            mount: file.follow(Field::FilePathMnt),
            dentry,
            inode,
        };
        if inode.follow(Field::InodeSb) == root || !has(Field::BackingUserMnt) || !has(Field::BackingUserDentry) {
            return plain;
        }
        // Behind an ordinary file lies something else, which is no place below the process's root.
        let dentry = file.follow(Field::BackingUserDentry);
        let inode = dentry.follow(Field::DentryInode);
        if inode.is_null() || inode.follow(Field::InodeSb) != root {
            return plain;
        }
        Self {
            mount: file.follow(Field::BackingUserMnt),
            dentry,
            inode,
        }
    }
}

/// # Safety
/// `scratch` is this CPU's value, which the caller alone uses.
#[inline(always)]
unsafe fn mapped(scratch: *mut Scratch, place: Place, flags: u32) {
    // SAFETY: as the caller says.
    if let Err(reason) = unsafe { try_mapped(scratch, place, flags) } {
        count(LossPlace::Mmap, reason);
    }
}

#[inline(always)]
unsafe fn try_mapped(scratch: *mut Scratch, place: Place, flags: u32) -> Result<(), LossReason> {
    // SAFETY: a helper without arguments.
    let cgroup_id = unsafe { bpf_get_current_cgroup_id() };
    let Some(slot) = heeded(cgroup_id) else {
        return Ok(());
    };
    // SAFETY: as the caller says.
    let inode = unsafe { View::copy(&raw mut (*scratch).inode, place.inode) };
    if inode.read::<u16>(Field::InodeMode) & TYPE_MASK != REGULAR {
        return Ok(());
    }
    if !has_identity() || !has(Field::MmExeFile) || !has(Field::MmEndCode) {
        return Err(LossReason::NoOffset);
    }
    let task = Task::current();
    if is_execs(task, place.inode) {
        return Ok(());
    }
    // SAFETY: as the caller says.
    unsafe {
        look(scratch, task, place, inode, slot);
        if let Some(admission) = admit(&ask(scratch)) {
            (&raw mut (*scratch).record.repeats).write_volatile(admission.repeats);
            fill(scratch, task, place, flags, cgroup_id);
            send(scratch, place);
        }
    }
    Ok(())
}

/// Whether it is exec that maps, or the program's own file. Until exec has mapped everything the new address space has
/// no code (`load_elf_binary` sets `end_code` last, fs/binfmt_elf.c, 6.1 to 6.18), and no process can set it to 0
/// (`prctl_set_mm` and `validate_prctl_map_addr` refuse addresses below `mmap_min_addr`, kernel/sys.c).
#[inline(always)]
fn is_execs(task: Task<Typed>, inode: Address) -> bool {
    let memory = task.memory();
    memory.read::<u64>(Field::MmEndCode) == 0
        || memory.follow(Field::MmExeFile).read::<Address>(Field::FileInode) == inode
}

/// Writes what the filter is asked by: most mappings are known, and nothing more is read of them. Volatile, so that what
/// the checks of many values would multiply for the verifier lies in memory before the path is walked.
#[inline(always)]
unsafe fn look(scratch: *mut Scratch, task: Task<Typed>, place: Place, inode: View<INODE>, slot: Slot) {
    let (origin, root) = match carried(task.tgid(), task.start_ticks()) {
        Some(process) => (process.origin, process.root),
        None => (ORIGIN_UNKNOWN, 0),
    };
    // SAFETY: as the caller says; a helper without arguments.
    unsafe {
        let record = &raw mut (*scratch).record;
        (&raw mut (*scratch).slot).write_volatile(slot);
        (&raw mut (*record).source).write_volatile(source_at(place.dentry, inode, task, root));
        (&raw mut (*record).header.time_ns).write_volatile(bpf_ktime_get_boot_ns());
        (&raw mut (*record).key).write_volatile(key(record, origin, place, inode, slot));
    }
}

/// All that makes one mapping another behaviour than the next.
#[inline(always)]
unsafe fn key(record: *const MappingRecord, origin: u32, place: Place, inode: View<INODE>, slot: Slot) -> u64 {
    // SAFETY: as the caller says.
    let source = unsafe { (&raw const (*record).source).read_volatile() };
    let file = mark(inode, source);
    let mut hash = hash::new(KIND_MAPPING);
    hash.word(slot.container);
    hash.word(file.inode);
    hash.word(file.size);
    hash.word(file.ctime_ns as u64);
    // Another path is another behaviour: its name, which changes nowhere without the time above, and the mount through
    // which it is reached, and with it the filesystem.
    hash.word(place.dentry.pointer() as u64);
    hash.word(place.mount.pointer() as u64);
    hash.word(u64::from(file.generation) << 32 | u64::from(source) << 16 | u64::from(origin));
    hash.finish()
}

/// Writes the rest of the record's fixed part.
#[inline(always)]
unsafe fn fill(scratch: *mut Scratch, task: Task<Typed>, place: Place, flags: u32, cgroup_id: u64) {
    // SAFETY: as the caller says.
    unsafe {
        let record = &raw mut (*scratch).record;
        let container = (&raw const (*scratch).slot.container).read_volatile();
        (*record).header.kind = KIND_MAPPING;
        (*record).loader = loader(task, cgroup_id, container);
        (*record).file = identity(place.inode);
        (*record).seen_inode = place.inode.read(Field::InodeIno);
        (*record).seen_device = device(place.inode);
        (*record).filesystem = place.inode.follow(Field::InodeSb).read(Field::SuperBlockMagic);
        (*record).flags = flags;
        (*record).reserved = 0;
    }
}

/// Walks the path and sends the record.
#[inline(always)]
unsafe fn send(scratch: *mut Scratch, place: Place) {
    // SAFETY: as the caller says; the mask keeps the length inside the value.
    unsafe {
        let tail = Tail::empty((&raw mut (*scratch).tail).cast(), &raw mut (*scratch).cursor);
        if !tail.write_place(LossPlace::Mmap, place.mount, place.dentry) {
            (*scratch).record.flags |= MAPPING_PATH_TRUNCATED;
        }
        (*scratch).record.path_len = tail.position();
        let size = tail.position().wrapping_add(RECORD as u32);
        (*scratch).record.header.size = size;
        let length = u64::from(size) & (MAX_RECORD as u64 - 1);
        let ask = ask(scratch);
        let sent = output(Ring::Modules, scratch.cast(), length, ask.urgency());
        let repeats = (&raw const (*scratch).record.repeats).read_volatile();
        Admission { repeats }.sent(&ask, sent);
    }
}

/// What the record wants of the filter.
#[inline(always)]
unsafe fn ask(scratch: *mut Scratch) -> Ask {
    // SAFETY: as the caller says.
    unsafe {
        let record = &raw const (*scratch).record;
        Ask {
            feed: FilterFeed::Module,
            slot: (&raw const (*scratch).slot).read_volatile(),
            key: (&raw const (*record).key).read_volatile(),
            sensitive: is_foreign((&raw const (*record).source).read_volatile()),
            stands_for: 0,
            now_ns: (&raw const (*record).header.time_ns).read_volatile(),
        }
    }
}
