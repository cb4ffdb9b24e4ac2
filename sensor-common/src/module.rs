//! Records of code that was loaded: executable mappings of files, and kernel modules.

use crate::event::Header;
use crate::lineage::CARRIED_ANCESTORS;
use core::mem::{offset_of, size_of};

/// Record kind: a file was mapped executable ([`MappingRecord`]).
pub const KIND_MAPPING: u32 = 16;
/// Record kind: a kernel module was loaded ([`KernelModuleRecord`]).
pub const KIND_KERNEL_MODULE: u32 = 17;

/// [`MappingRecord::flags`]: the path walk ended before it reached the root.
pub const MAPPING_PATH_TRUNCATED: u32 = 1;
/// [`MappingRecord::flags`]: seen when the system call began, by its descriptor: another thread may put another
/// file there before the kernel looks it up, and the call may fail.
pub const MAPPING_BY_DESCRIPTOR: u32 = 1 << 1;
/// [`MappingRecord::flags`]: the mapping was there and became executable.
pub const MAPPING_BY_PROTECTION: u32 = 1 << 2;

/// [`KernelModuleRecord::flags`]: loaded by a kernel thread, on nobody's behalf.
pub const MODULE_BY_KERNEL_THREAD: u32 = 1;

/// Most bytes of a kernel module's name, its NUL included (`MODULE_NAME_LEN`, include/linux/module.h).
pub const MODULE_NAME_LIMIT: usize = 56;

/// Who loaded it.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loader {
    /// Id of its cgroup in the unified hierarchy.
    pub cgroup_id: u64,
    /// [`crate::filter::Slot::container`].
    pub container: u64,
    /// Id of the execution whose program it runs, 0 if that is not known.
    pub exec_id: u64,
    /// The exec ids before that, nearest first, 0 where there is none.
    pub ancestors: [u64; CARRIED_ANCESTORS],
    /// Process id (thread group) in the host's namespace.
    pub pid: u32,
    /// Real user id in the host's namespace.
    pub uid: u32,
    /// One of the `ORIGIN_` constants of [`crate::lineage`].
    pub origin: u32,
    /// Zero.
    pub reserved: u32,
}

/// A file as its own filesystem knows it: of an overlay's file the one below, so that it is the same in every
/// container that shares an image's layer.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileIdentity {
    /// Inode number.
    pub inode: u64,
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970 when its inode was last changed, as the kernel's clock had it.
    pub ctime_ns: i64,
    /// Nanoseconds since 1970 when its content was last changed; a process may state what it likes.
    pub mtime_ns: i64,
    /// Device of the superblock, as the kernel encodes it: 12 bits major, 20 bits minor.
    pub device: u32,
    /// Tells a re-used inode number apart, on filesystems that have it.
    pub generation: u32,
}

/// A file was mapped executable, or a mapping of it became so. Tail: `path_len` bytes of NUL-ended path components
/// from the leaf to the root.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MappingRecord {
    /// With [`KIND_MAPPING`].
    pub header: Header,
    /// The process that mapped it.
    pub loader: Loader,
    /// Its key in the first-seen filter.
    pub key: u64,
    /// How many equal ones were swallowed since the last one.
    pub repeats: u64,
    /// The file.
    pub file: FileIdentity,
    /// Inode number by which the process itself sees the file.
    pub seen_inode: u64,
    /// Device by which the process itself sees it, encoded as [`FileIdentity::device`].
    pub seen_device: u32,
    /// `s_magic` of the filesystem that it lies in, its low half.
    pub filesystem: u32,
    /// One of the `SOURCE_` constants of [`crate::event`].
    pub source: u32,
    /// `MAPPING_` bits.
    pub flags: u32,
    /// Bytes of path components in the tail.
    pub path_len: u32,
    /// Zero.
    pub reserved: u32,
}

/// A kernel module was loaded.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KernelModuleRecord {
    /// With [`KIND_KERNEL_MODULE`].
    pub header: Header,
    /// The task that asked for it.
    pub loader: Loader,
    /// Its name, ended by a NUL if there is room.
    pub name: [u8; MODULE_NAME_LIMIT],
    /// `MODULE_` bits.
    pub flags: u32,
    /// The kernel's own opinion of it, `TAINT_` bits (include/linux/panic.h).
    pub taints: u32,
}

const _: () = {
    assert!(size_of::<Loader>() == 64);
    assert!(offset_of!(Loader, container) == 8);
    assert!(offset_of!(Loader, exec_id) == 16);
    assert!(offset_of!(Loader, ancestors) == 24);
    assert!(offset_of!(Loader, pid) == 48);
    assert!(offset_of!(Loader, uid) == 52);
    assert!(offset_of!(Loader, origin) == 56);
    assert!(size_of::<FileIdentity>() == 40);
    assert!(offset_of!(FileIdentity, size) == 8);
    assert!(offset_of!(FileIdentity, ctime_ns) == 16);
    assert!(offset_of!(FileIdentity, mtime_ns) == 24);
    assert!(offset_of!(FileIdentity, device) == 32);
    assert!(offset_of!(FileIdentity, generation) == 36);
    assert!(size_of::<MappingRecord>() == 168);
    assert!(offset_of!(MappingRecord, loader) == 16);
    assert!(offset_of!(MappingRecord, key) == 80);
    assert!(offset_of!(MappingRecord, repeats) == 88);
    assert!(offset_of!(MappingRecord, file) == 96);
    assert!(offset_of!(MappingRecord, seen_inode) == 136);
    assert!(offset_of!(MappingRecord, seen_device) == 144);
    assert!(offset_of!(MappingRecord, filesystem) == 148);
    assert!(offset_of!(MappingRecord, source) == 152);
    assert!(offset_of!(MappingRecord, flags) == 156);
    assert!(offset_of!(MappingRecord, path_len) == 160);
    assert!(size_of::<KernelModuleRecord>() == 144);
    assert!(offset_of!(KernelModuleRecord, loader) == 16);
    assert!(offset_of!(KernelModuleRecord, name) == 80);
    assert!(offset_of!(KernelModuleRecord, flags) == 136);
    assert!(offset_of!(KernelModuleRecord, taints) == 140);
};
