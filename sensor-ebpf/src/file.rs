//! A `struct file`: where it comes from.

use crate::task::{Address, Task, has};
use anchorwatch_sensor_common::event::{
    SOURCE_DELETED, SOURCE_IMAGE, SOURCE_IMAGE_COPIED_UP, SOURCE_MEMORY, SOURCE_UNSUPPORTED, SOURCE_UPPER_NEW,
    SOURCE_UPPER_UNKNOWN, SOURCE_VOLUME,
};
use anchorwatch_sensor_common::offsets::Field;

/// `OVERLAYFS_SUPER_MAGIC` (include/uapi/linux/magic.h).
const OVERLAY_MAGIC: u64 = 0x794c_7630;

/// One of the `SOURCE_` constants for a file that `task` executes.
#[inline(always)]
pub fn source(file: Address, task: Task) -> u32 {
    let dentry = file.follow(Field::FilePathDentry);
    let inode = file.follow(Field::FileInode);
    let superblock = inode.follow(Field::InodeSb);
    if dentry.follow(Field::DentryParent) == dentry {
        // Only directories and files without a filesystem name are their own parent (d_alloc_pseudo).
        return SOURCE_MEMORY;
    }
    if dentry.follow(Field::DentryHashPprev).is_null() && inode.read::<u32>(Field::InodeNlink) == 0 {
        return SOURCE_DELETED;
    }
    if superblock != task.root_superblock() {
        return SOURCE_VOLUME;
    }
    if superblock.read::<u64>(Field::SuperBlockMagic) != OVERLAY_MAGIC || !has(Field::OvlUpperDentry) {
        return SOURCE_UNSUPPORTED;
    }
    layer(inode.around(Field::OvlVfsInode))
}

/// A file without an upper dentry lies in a lower layer; one with a lower origin beside it was copied up.
#[inline(always)]
fn layer(overlay_inode: Address) -> u32 {
    if overlay_inode.follow(Field::OvlUpperDentry).is_null() {
        return SOURCE_IMAGE;
    }
    if !has(Field::OvlEntry) || !has(Field::OvlEntryNumlower) {
        return SOURCE_UPPER_UNKNOWN;
    }
    if overlay_inode
        .follow(Field::OvlEntry)
        .read::<u32>(Field::OvlEntryNumlower)
        == 0
    {
        SOURCE_UPPER_NEW
    } else {
        SOURCE_IMAGE_COPIED_UP
    }
}
