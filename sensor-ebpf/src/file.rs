//! A `struct file`: where it comes from.

use crate::errors::count;
use crate::overlay::{OVERLAY_MAGIC, Overlaid};
use crate::structure::{Fields, Structure};
use crate::task::{Address, Task, has};
use anchorwatch_sensor_common::event::{
    SOURCE_DELETED, SOURCE_IMAGE_CHANGED, SOURCE_MEMORY, SOURCE_NONE, SOURCE_UNSUPPORTED, SOURCE_UPPER_NEW,
    SOURCE_VOLUME,
};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use anchorwatch_sensor_common::offsets::Field;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;

/// `S_IFMT` and `S_IFSOCK` (include/uapi/linux/stat.h).
const TYPE_MASK: u16 = 0o170_000;
const SOCKET: u16 = 0o140_000;
/// Address families (include/linux/socket.h).
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// Room for the longest of those names; a power of two, so that a mask bounds an index.
const NAME: usize = 32;
/// Digits of the largest descriptor (`NR_OPEN` allows 2^30) and the byte behind them.
const MAX_DIGITS: usize = 11;

/// Whether a file from there is somebody's who brought it in, or changed it: it is told each time, within the quota for such.
pub const fn is_foreign(source: u32) -> bool {
    matches!(
        source,
        SOURCE_MEMORY | SOURCE_DELETED | SOURCE_UPPER_NEW | SOURCE_IMAGE_CHANGED
    )
}

/// One of the `SOURCE_` constants for a file that `task` executes; `root` is [`Process::root`].
///
/// [`Process::root`]: anchorwatch_sensor_common::lineage::Process::root
#[inline(always)]
pub fn source(file: Address, task: Task, root: u32) -> u32 {
    source_at(
        file.follow(Field::FilePathDentry),
        file.follow(Field::FileInode),
        task,
        root,
    )
}

/// The same for what is at a place.
#[inline(always)]
pub fn source_at(dentry: Address, inode: impl Fields, task: Task<impl Structure>, root: u32) -> u32 {
    let place = place(dentry, inode, task, root);
    // Only directories and files without a filesystem name are their own parent (d_alloc_pseudo); none of these files
    // lies in a filesystem that can be a root.
    if place == SOURCE_VOLUME && dentry.follow(Field::DentryParent) == dentry {
        return SOURCE_MEMORY;
    }
    // What is no part of the image says so also once its name is gone: deleting it first must not hide that.
    let nameless = inode.read::<u32>(Field::InodeNlink) == 0 && dentry.follow(Field::DentryHashPprev).is_null();
    if nameless && !is_foreign(place) {
        return SOURCE_DELETED;
    }
    place
}

/// Which filesystem a file lies in, and which layer of it. Whoever may mount can make an overlay of his own and its root
/// his: the image's is only what lies in the one that the container began with.
#[inline(always)]
fn place(dentry: Address, inode: impl Fields, task: Task<impl Structure>, container_root: u32) -> u32 {
    let root = task.root_superblock();
    if inode.read::<Address>(Field::InodeSb) != root.address() {
        return SOURCE_VOLUME;
    }
    if root.read::<u64>(Field::SuperBlockMagic) != OVERLAY_MAGIC {
        return SOURCE_UNSUPPORTED;
    }
    if container_root != 0 && root.read::<u32>(Field::SuperBlockDev) != container_root {
        return SOURCE_VOLUME;
    }
    match Overlaid::around(inode.address()) {
        Some(overlaid) => overlaid.source(dentry),
        None => SOURCE_UNSUPPORTED,
    }
}

/// The device of the overlay that is `task`'s root: 0 where its root is none, or this kernel does not show it.
#[inline(always)]
pub fn overlay_root(task: Task) -> u32 {
    let root = task.root_superblock();
    if has(Field::SuperBlockDev) && root.read::<u64>(Field::SuperBlockMagic) == OVERLAY_MAGIC {
        root.read(Field::SuperBlockDev)
    } else {
        0
    }
}

/// Whether a descriptor is a socket of the network, as a shell's standard input is that somebody elsewhere types into.
/// Those of one machine (`AF_UNIX`) are ordinary: some runtimes give one to each of their children.
#[inline(always)]
pub fn is_network_socket(task: Task, descriptor: u32) -> bool {
    if !has_descriptors() {
        count(LossPlace::Exec, LossReason::NoOffset);
        return false;
    }
    let file = task.file(descriptor);
    if file.is_null() {
        return false;
    }
    let inode = file.follow(Field::FileInode);
    if inode.read::<u16>(Field::InodeMode) & TYPE_MASK != SOCKET {
        return false;
    }
    let socket = inode.around(Field::SocketAllocVfsInode).follow(Field::SocketAllocSk);
    let family = socket.read::<u16>(Field::SockFamily);
    family == AF_INET || family == AF_INET6
}

/// Whether this kernel shows the files that a process has open.
#[inline(always)]
pub fn has_descriptors() -> bool {
    has(Field::TaskFiles) && has(Field::FilesFdt) && has(Field::FdtableMaxFds) && has(Field::FdtableFd)
}

/// One of the `SOURCE_` constants for a script that is run through a descriptor: its interpreter is what the
/// kernel executes, and the script's own file is released by then, but the descriptor is still open (the kernel
/// refuses scripts whose descriptor it would close).
#[inline(always)]
pub fn script_source(filename: Address, task: Task, root: u32) -> u32 {
    let Some(descriptor) = descriptor(filename) else {
        return SOURCE_NONE;
    };
    if !has_descriptors() {
        count(LossPlace::Exec, LossReason::NoOffset);
        return SOURCE_NONE;
    }
    let file = task.file(descriptor);
    if file.is_null() {
        SOURCE_NONE
    } else {
        source(file, task, root)
    }
}

/// The number in a name by which a process reaches its own descriptors. Another process's are not ours to look up.
#[inline(always)]
fn descriptor(filename: Address) -> Option<u32> {
    let mut name = [0u8; NAME];
    // SAFETY: the helper writes at most NAME bytes, which are there and initialised.
    unsafe { bpf_probe_read_kernel_str(name.as_mut_ptr().cast(), NAME as u32, filename.pointer().cast()) };
    let start = if name.starts_with(b"/dev/fd/") {
        8
    } else if name.starts_with(b"/proc/self/fd/") {
        14
    } else if name.starts_with(b"/proc/thread-self/fd/") {
        21
    } else {
        return None;
    };
    let mut descriptor = 0u32;
    for index in 0..MAX_DIGITS {
        let byte = name[(start + index) & (NAME - 1)];
        if byte == 0 {
            return if index == 0 { None } else { Some(descriptor) };
        }
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        descriptor = descriptor.wrapping_mul(10).wrapping_add(u32::from(digit));
    }
    None
}
