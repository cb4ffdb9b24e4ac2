//! Records of the ring buffer: a fixed part, then a tail of bytes whose lengths the fixed part states.

use core::mem::{offset_of, size_of};

/// Record kind: a process replaced its program ([`ExecRecord`]).
pub const KIND_EXEC: u32 = 1;
/// Record kind: a cgroup of the unified hierarchy was created ([`CgroupRecord`], with its path).
pub const KIND_CGROUP_CREATED: u32 = 2;
/// Record kind: a cgroup of the unified hierarchy was removed ([`CgroupRecord`], without a path).
pub const KIND_CGROUP_REMOVED: u32 = 3;
/// Record kind: a process did something with a socket ([`crate::network::FlowRecord`]).
pub const KIND_FLOW: u32 = 4;
/// Record kind: a resolver answered a container ([`crate::network::DnsRecord`]).
pub const KIND_DNS: u32 = 5;

/// How many exec ids of ancestors an [`ExecRecord`] holds.
pub const RECORD_ANCESTORS: usize = 4;

/// Most bytes of path components in a record; the walk stops once this is reached. A component (at most
/// 255 bytes and its NUL) may begin just before the limit and end behind it.
pub const PATH_LIMIT: usize = 4096;
/// Most bytes that one path component takes, its NUL included (`NAME_MAX` + 1).
pub const COMPONENT_LIMIT: usize = 256;
/// Most bytes of `bprm->filename`, its NUL included.
pub const FILENAME_LIMIT: usize = 512;
/// Most bytes of the argument block that are read.
pub const ARGV_LIMIT: usize = 4096;
/// How many of them are its first ones, where it is longer than [`ARGV_LIMIT`].
pub const ARGV_HEAD: usize = 3072;
/// How many are its last ones then.
pub const ARGV_END: usize = ARGV_LIMIT - ARGV_HEAD;
/// Most bytes of a cgroup's path, its NUL included (`TRACE_CGROUP_PATH_LEN` of the kernel).
pub const CGROUP_PATH_LIMIT: usize = 1024;

/// [`ExecRecord::flags`]: the argument block was longer than [`ARGV_LIMIT`] or could not be read whole.
pub const FLAG_ARGV_TRUNCATED: u32 = 1;
/// [`ExecRecord::flags`]: the container runtime's own stage inside the container's cgroup, still in the
/// host's mount namespace.
pub const FLAG_RUNTIME_STAGE: u32 = 1 << 1;
/// [`ExecRecord::flags`]: the path walk ended before it reached the root; the components nearest to the
/// root are missing.
pub const FLAG_PATH_TRUNCATED: u32 = 1 << 2;
/// [`ExecRecord::flags`]: `bprm->interp` is not `bprm->filename`: a `#!` script or a `binfmt_misc` file.
pub const FLAG_SCRIPT: u32 = 1 << 3;
/// [`ExecRecord::flags`]: standard input (descriptor 0) is a socket of the network (IPv4 or IPv6).
pub const FLAG_STDIN_SOCKET: u32 = 1 << 4;
/// [`ExecRecord::flags`]: standard output (descriptor 1) is one.
pub const FLAG_STDOUT_SOCKET: u32 = 1 << 5;
/// [`ExecRecord::flags`]: the process has a controlling terminal.
pub const FLAG_TERMINAL: u32 = 1 << 6;
/// [`ExecRecord::flags`]: the execution changed the effective user or group: the file is setuid or setgid, and its
/// mount allows that.
pub const FLAG_SETUID: u32 = 1 << 7;
/// [`ExecRecord::flags`]: which capabilities it gained could not be told.
pub const FLAG_CAPS_UNKNOWN: u32 = 1 << 8;

/// [`ExecRecord::source`] and [`ExecRecord::script_source`]: not looked at.
pub const SOURCE_NONE: u32 = 0;
/// A file of the image (overlay, lower layer).
pub const SOURCE_IMAGE: u32 = 1;
/// A file of the image that was copied up to the writable layer, with its content as it was.
pub const SOURCE_IMAGE_COPIED_UP: u32 = 2;
/// A file that is new in the writable layer, whether it still has a name there or not.
pub const SOURCE_UPPER_NEW: u32 = 3;
/// A file in the writable layer; whether it has a lower origin cannot be read on this kernel.
pub const SOURCE_UPPER_UNKNOWN: u32 = 4;
/// A file on another filesystem than the container's root.
pub const SOURCE_VOLUME: u32 = 5;
/// A file that never had a name in a filesystem (memfd).
pub const SOURCE_MEMORY: u32 = 6;
/// A file whose last name is gone, and which is neither [`SOURCE_UPPER_NEW`] nor [`SOURCE_IMAGE_CHANGED`].
pub const SOURCE_DELETED: u32 = 7;
/// The root is no overlay filesystem: layers cannot be told apart.
pub const SOURCE_UNSUPPORTED: u32 = 8;
/// A file of the image that was copied up to the writable layer and is not what it was: size or time of its content, or its
/// name, are others. Whether it still has a name does not matter.
pub const SOURCE_IMAGE_CHANGED: u32 = 9;

/// Begins every record.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// One of the `KIND_` constants.
    pub kind: u32,
    /// Bytes of the whole record, this header included.
    pub size: u32,
    /// Nanoseconds of `CLOCK_BOOTTIME`.
    pub time_ns: u64,
}

/// A process replaced its program. Tail: `path_len` bytes of NUL-ended path components from the leaf to the
/// root, `filename_len` bytes of `bprm->filename` without a NUL, `argv_len` bytes of NUL-ended arguments.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExecRecord {
    /// With [`KIND_EXEC`].
    pub header: Header,
    /// Id of the process's cgroup in the unified hierarchy.
    pub cgroup_id: u64,
    /// Id of the registered container's cgroup that this one is or lies in; the cgroup's own if there is none.
    pub container: u64,
    /// What the filter knows it by; 0 for what it does not remember.
    pub key: u64,
    /// How many equal executions were swallowed since the last one that was sent.
    pub repeats: u64,
    /// Unique id of this execution, never 0.
    pub exec_id: u64,
    /// Exec ids that led here, nearest first, 0 where there is none.
    pub ancestors: [u64; RECORD_ANCESTORS],
    /// Process id (thread group) in the host's namespace.
    pub pid: u32,
    /// Real user id in the host's namespace.
    pub uid: u32,
    /// One of the `ORIGIN_` constants of [`crate::lineage`].
    pub origin: u32,
    /// One of the `SOURCE_` constants, for the executable.
    pub source: u32,
    /// One of the `SOURCE_` constants, for a script that an interpreter runs; [`SOURCE_NONE`] for every other execution,
    /// and where that was not seen: without trampolines it is of what is run through a descriptor (`/dev/fd/N`) alone.
    pub script_source: u32,
    /// `FLAG_` bits.
    pub flags: u32,
    /// Bytes of path components in the tail.
    pub path_len: u32,
    /// Bytes of `bprm->filename` in the tail.
    pub filename_len: u32,
    /// Bytes of arguments in the tail.
    pub argv_len: u32,
    /// Bytes of the whole argument block; beyond [`ARGV_LIMIT`] the tail holds its first [`ARGV_HEAD`] bytes and its
    /// last [`ARGV_END`].
    pub argv_total: u32,
    /// Capabilities that are effective and were not before, a bit each.
    pub caps_gained: u64,
    /// Effective user id in the host's namespace.
    pub euid: u32,
    /// Device of the superblock of the file with that inode, as the kernel encodes it: 12 bits major, 20 bits minor.
    pub device: u32,
    /// Inode number of the executed file as its own filesystem knows it: of an overlay's file the one below, in its layer. 0
    /// where this kernel does not show it.
    pub inode: u64,
}

/// A cgroup of the unified hierarchy came or went. Tail: `path_len` bytes of its path in the hierarchy.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CgroupRecord {
    /// With [`KIND_CGROUP_CREATED`] or [`KIND_CGROUP_REMOVED`].
    pub header: Header,
    /// Id of the cgroup, equal to its directory's inode number.
    pub id: u64,
    /// Bytes of the path in the tail, without a NUL.
    pub path_len: u32,
    /// Zero.
    pub reserved: u32,
}

const _: () = {
    assert!(size_of::<Header>() == 16);
    assert!(offset_of!(Header, size) == 4);
    assert!(offset_of!(Header, time_ns) == 8);
    assert!(size_of::<ExecRecord>() == 152);
    assert!(offset_of!(ExecRecord, cgroup_id) == 16);
    assert!(offset_of!(ExecRecord, container) == 24);
    assert!(offset_of!(ExecRecord, key) == 32);
    assert!(offset_of!(ExecRecord, repeats) == 40);
    assert!(offset_of!(ExecRecord, exec_id) == 48);
    assert!(offset_of!(ExecRecord, ancestors) == 56);
    assert!(offset_of!(ExecRecord, pid) == 88);
    assert!(offset_of!(ExecRecord, uid) == 92);
    assert!(offset_of!(ExecRecord, origin) == 96);
    assert!(offset_of!(ExecRecord, source) == 100);
    assert!(offset_of!(ExecRecord, script_source) == 104);
    assert!(offset_of!(ExecRecord, flags) == 108);
    assert!(offset_of!(ExecRecord, path_len) == 112);
    assert!(offset_of!(ExecRecord, filename_len) == 116);
    assert!(offset_of!(ExecRecord, argv_len) == 120);
    assert!(offset_of!(ExecRecord, argv_total) == 124);
    assert!(offset_of!(ExecRecord, caps_gained) == 128);
    assert!(offset_of!(ExecRecord, euid) == 136);
    assert!(offset_of!(ExecRecord, device) == 140);
    assert!(offset_of!(ExecRecord, inode) == 144);
    assert!(size_of::<CgroupRecord>() == 32);
    assert!(offset_of!(CgroupRecord, id) == 16);
    assert!(offset_of!(CgroupRecord, path_len) == 24);
};
