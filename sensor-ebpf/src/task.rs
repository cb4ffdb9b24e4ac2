//! Kernel structures, read by offsets that user space resolved in the running kernel's BTF.

use crate::structure::{Structure, Typed};
use anchorwatch_sensor_common::lineage::NANOSECONDS_PER_TICK;
use anchorwatch_sensor_common::offsets::{ABSENT, FIELD_COUNT, Field};
use aya_ebpf::helpers::generated::{bpf_get_current_task_btf, bpf_probe_read_kernel};
use core::mem::{MaybeUninit, size_of};
use core::ptr::read_volatile;

/// Set by user space at load. The verifier sees constants, since the section is frozen.
#[unsafe(no_mangle)]
static OFFSETS: [u32; FIELD_COUNT] = [ABSENT; FIELD_COUNT];

/// Inode number of the host's mount namespace, 0 if it could not be found out.
#[unsafe(no_mangle)]
static HOST_MOUNT_NAMESPACE: u32 = 0;

/// A value that is valid whatever its bytes are.
///
/// # Safety
/// Only for types without invalid bit patterns.
pub unsafe trait Plain: Copy {}
// SAFETY: any bytes are an integer.
unsafe impl Plain for u8 {}
// SAFETY: any bytes are an integer.
unsafe impl Plain for u16 {}
// SAFETY: any bytes are an integer.
unsafe impl Plain for u32 {}
// SAFETY: any bytes are an integer.
unsafe impl Plain for u64 {}
// SAFETY: any bytes are integers.
unsafe impl Plain for [u32; 4] {}
// SAFETY: any bytes are an integer.
unsafe impl Plain for i64 {}

/// An address of kernel memory; never dereferenced, only read by helper.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Address(*const u8);

// SAFETY: any bytes are an address, since it is never dereferenced.
unsafe impl Plain for Address {}

impl Address {
    /// An argument of a tracepoint.
    pub const fn new(pointer: *const u8) -> Self {
        Self(pointer)
    }

    /// An address of which the verifier knows more than that, and with which it would not let us reckon.
    #[inline(always)]
    pub fn plain(pointer: *const u8) -> Self {
        Self((&raw const pointer).cast()).read_at(0)
    }

    pub fn is_null(self) -> bool {
        self.0.is_null()
    }

    pub const fn pointer(self) -> *const u8 {
        self.0
    }

    /// What lies at a field of the structure here; zero where nothing can be read.
    #[inline(always)]
    pub fn read<T: Plain>(self, field: Field) -> T {
        self.read_at(offset(field))
    }

    /// The byte in which a bit field lies, its first bit as the lowest; for fields whose offset counts bits.
    #[inline(always)]
    pub fn read_bits(self, field: Field) -> u8 {
        let bits = offset(field);
        self.read_at::<u8>(bits / 8) >> (bits % 8)
    }

    /// The same for an address that the field holds.
    #[inline(always)]
    pub fn follow(self, field: Field) -> Self {
        self.read(field)
    }

    /// The field's own address.
    #[inline(always)]
    pub fn at(self, field: Field) -> Self {
        Self(self.0.wrapping_add(offset(field)))
    }

    /// The structure around, of which this is the field.
    #[inline(always)]
    pub fn around(self, field: Field) -> Self {
        Self(self.0.wrapping_sub(offset(field)))
    }

    /// The element of an array of addresses that begins here.
    #[inline(always)]
    pub fn element(self, index: u32) -> Self {
        self.read_at(index as usize * size_of::<Self>())
    }

    #[inline(always)]
    fn read_at<T: Plain>(self, offset: usize) -> T {
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: the helper writes size_of::<T>() bytes to `value` in every case, zeros if the source cannot
        // be read, and `Plain` makes all of them valid.
        unsafe {
            bpf_probe_read_kernel(
                value.as_mut_ptr().cast(),
                size_of::<T>() as u32,
                self.0.wrapping_add(offset).cast(),
            );
            value.assume_init()
        }
    }
}

/// Where a field lies in its structure.
#[inline(always)]
pub fn offset(field: Field) -> usize {
    offset_or_absent(field) as usize
}

/// Whether this kernel has an optional field.
#[inline(always)]
pub fn has(field: Field) -> bool {
    offset_or_absent(field) != ABSENT
}

#[inline(always)]
fn offset_or_absent(field: Field) -> u32 {
    // SAFETY: the index is within the array; volatile, because user space sets the value at load.
    unsafe { read_volatile(&raw const OFFSETS[field as usize]) }
}

/// `PF_KTHREAD` (include/linux/sched.h).
const KERNEL_THREAD: u32 = 0x0020_0000;
/// `READ_IMPLIES_EXEC` (include/uapi/linux/personality.h).
const READ_IMPLIES_EXEC: u32 = 0x0040_0000;

/// A `task_struct`.
#[derive(Clone, Copy)]
pub struct Task<S = Address>(S);

impl Task {
    pub const fn new(pointer: *const u8) -> Self {
        Self(Address::new(pointer))
    }
}

impl Task<Typed> {
    /// The one that runs.
    #[inline(always)]
    pub fn current() -> Self {
        // SAFETY: a helper without arguments.
        Self(Typed::new(unsafe { bpf_get_current_task_btf() }.cast_const().cast()))
    }
}

impl<S: Structure> Task<S> {
    #[inline(always)]
    pub fn pid(self) -> u32 {
        self.0.read(Field::TaskPid)
    }

    #[inline(always)]
    pub fn tgid(self) -> u32 {
        self.0.read(Field::TaskTgid)
    }

    /// When the process (not the thread) started, as `/proc/PID/stat` states it.
    #[inline(always)]
    pub fn start_ticks(self) -> u64 {
        let leader = self.0.follow(Field::TaskGroupLeader);
        leader.read::<u64>(Field::TaskStartBoottime) / NANOSECONDS_PER_TICK
    }

    /// Whether the last thread is leaving: `do_exit` counts `live` down before it tells (kernel/exit.c, 6.1).
    #[inline(always)]
    pub fn group_is_dead(self) -> bool {
        self.0.follow(Field::TaskSignal).read::<u32>(Field::SignalLive) == 0
    }

    /// Whether it has a controlling terminal.
    #[inline(always)]
    pub fn has_terminal(self) -> bool {
        !self
            .0
            .follow(Field::TaskSignal)
            .follow(Field::SignalTty)
            .address()
            .is_null()
    }

    /// A `struct cred`: what it may do.
    #[inline(always)]
    pub fn credentials(self) -> S {
        self.0.follow(Field::TaskCred)
    }

    /// Whether it is in the host's mount namespace.
    #[inline(always)]
    pub fn in_host_mounts(self) -> bool {
        // SAFETY: a static; volatile, because user space sets the value at load.
        let host = unsafe { read_volatile(&raw const HOST_MOUNT_NAMESPACE) };
        let namespace = self.0.follow(Field::TaskNsproxy).follow(Field::NsproxyMntNs);
        host != 0 && namespace.read::<u32>(Field::MntNamespaceInum) == host
    }

    /// The superblock of its root directory.
    #[inline(always)]
    pub fn root_superblock(self) -> S {
        self.0
            .follow(Field::TaskFs)
            .follow(Field::FsRootMnt)
            .follow(Field::VfsmountSb)
    }

    /// First byte of the argument block in user memory, and the first behind it.
    #[inline(always)]
    pub fn arguments(self) -> (u64, u64) {
        let mm = self.0.follow(Field::TaskMm);
        (mm.read(Field::MmArgStart), mm.read(Field::MmArgEnd))
    }

    /// Its address space, null for a kernel thread.
    #[inline(always)]
    pub fn memory(self) -> S {
        self.0.follow(Field::TaskMm)
    }

    /// Whether what it maps readable becomes executable too.
    #[inline(always)]
    pub fn reading_implies_executing(self) -> bool {
        has(Field::TaskPersonality) && self.0.read::<u32>(Field::TaskPersonality) & READ_IMPLIES_EXEC != 0
    }

    /// Whether it, or what started it, is a thread of the kernel's own: the kernel starts `modprobe` so.
    #[inline(always)]
    pub fn is_the_kernels(self) -> bool {
        let is_thread = |task: S| task.read::<u32>(Field::TaskFlags) & KERNEL_THREAD != 0;
        is_thread(self.0) || is_thread(self.0.follow(Field::TaskRealParent))
    }

    /// The open file of a descriptor, null if there is none.
    #[inline(always)]
    pub fn file(self, descriptor: u32) -> Address {
        let table = self.0.follow(Field::TaskFiles).follow(Field::FilesFdt);
        if descriptor >= table.read::<u32>(Field::FdtableMaxFds) {
            return Address::new(core::ptr::null());
        }
        table.read::<Address>(Field::FdtableFd).element(descriptor)
    }
}
