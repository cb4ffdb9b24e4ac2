//! Which file it is: the same answer in every container that shares an image's layer, and another one once it changes.

use crate::overlay::{OVERLAY_MAGIC, Overlaid};
use crate::structure::Fields;
use crate::task::{Address, has};
use anchorwatch_sensor_common::event::{SOURCE_IMAGE, SOURCE_UNSUPPORTED};
use anchorwatch_sensor_common::module::FileIdentity;
use anchorwatch_sensor_common::offsets::Field;

const NANOSECONDS: i64 = 1_000_000_000;

/// The bits of a count of nanoseconds; from 6.13 on, one above them notes that a time was asked for
/// (`I_CTIME_QUERIED`, include/linux/fs.h).
pub const NANOSECOND_BITS: u32 = 0x3fff_ffff;

/// Whether this kernel shows what an identity needs.
#[inline(always)]
pub fn has_identity() -> bool {
    has_content()
        && has(Field::InodeIno)
        && has(Field::InodeGeneration)
        && has(Field::InodeCtimeSec)
        && has(Field::InodeCtimeNsec)
        && has(Field::SuperBlockDev)
}

/// Whether this kernel shows by what a change of a file's content is told.
#[inline(always)]
pub fn has_content() -> bool {
    has(Field::DentryInode) && has(Field::InodeSize) && has(Field::InodeMtimeSec) && has(Field::InodeMtimeNsec)
}

/// An inode's identity: of an overlay's, that of the one below.
#[inline(always)]
pub fn identity(inode: Address) -> FileIdentity {
    let inode = below(inode);
    FileIdentity {
        inode: inode.read(Field::InodeIno),
        size: inode.read(Field::InodeSize),
        ctime_ns: time(inode, Field::InodeCtimeSec, Field::InodeCtimeNsec),
        mtime_ns: time(inode, Field::InodeMtimeSec, Field::InodeMtimeNsec),
        device: device(inode),
        generation: inode.read(Field::InodeGeneration),
    }
}

/// What tells a file from every other that was ever reached through the same mount.
pub struct Mark {
    pub inode: u64,
    pub size: u64,
    pub ctime_ns: i64,
    pub generation: u32,
}

/// The mark of a file from that source, read with as few calls as its source allows.
#[inline(always)]
pub fn mark(inode: impl Fields, source: u32) -> Mark {
    match source {
        // Of the image's layers nothing changes.
        SOURCE_IMAGE => shown(inode, 0),
        // No overlay's, or none that can be looked through.
        SOURCE_UNSUPPORTED => shown(inode, inode.read(Field::InodeGeneration)),
        // An overlay's inode learns late of what is written through mappings: the one below tells.
        _ => {
            let below = below(inode.address());
            shown(below, below.read(Field::InodeGeneration))
        }
    }
}

#[inline(always)]
fn shown(inode: impl Fields, generation: u32) -> Mark {
    Mark {
        inode: inode.read(Field::InodeIno),
        size: inode.read(Field::InodeSize),
        ctime_ns: time(inode, Field::InodeCtimeSec, Field::InodeCtimeNsec),
        generation,
    }
}

/// Device of an inode's superblock.
#[inline(always)]
pub fn device(inode: Address) -> u32 {
    inode.follow(Field::InodeSb).read(Field::SuperBlockDev)
}

/// The inode that holds the content.
#[inline(always)]
pub fn below(inode: Address) -> Address {
    let superblock = inode.follow(Field::InodeSb);
    if superblock.read::<u64>(Field::SuperBlockMagic) != OVERLAY_MAGIC {
        return inode;
    }
    match Overlaid::around(inode) {
        Some(overlaid) => {
            let content = overlaid.content();
            if content.is_null() { inode } else { content }
        }
        None => inode,
    }
}

#[inline(always)]
fn time(inode: impl Fields, seconds: Field, nanoseconds: Field) -> i64 {
    let nanoseconds = inode.read::<u32>(nanoseconds) & NANOSECOND_BITS;
    inode
        .read::<i64>(seconds)
        .wrapping_mul(NANOSECONDS)
        .wrapping_add(i64::from(nanoseconds))
}
