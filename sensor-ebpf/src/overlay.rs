//! An inode of an overlay filesystem: which layer its file lies in, what lies below, and whether that is still the image's.

use crate::identity::{NANOSECOND_BITS, has_content};
use crate::structure::Fields;
use crate::task::{Address, has};
use anchorwatch_sensor_common::event::{
    SOURCE_IMAGE, SOURCE_IMAGE_CHANGED, SOURCE_IMAGE_COPIED_UP, SOURCE_UPPER_NEW, SOURCE_UPPER_UNKNOWN,
};
use anchorwatch_sensor_common::offsets::Field;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use core::mem::size_of_val;

/// `OVERLAYFS_SUPER_MAGIC` (include/uapi/linux/magic.h).
pub const OVERLAY_MAGIC: u64 = 0x794c_7630;

/// As much of a name as is compared: four words.
const NAME_WORDS: usize = 4;
/// The name of a file below whose name is not known (`slash_name`, fs/dcache.c): it was found by its handle.
const NAMELESS: u8 = b'/';

/// A `struct ovl_inode`.
#[derive(Clone, Copy)]
pub struct Overlaid(Address);

impl Overlaid {
    /// Around an inode of an overlay's; `None` where this kernel does not show what overlayfs puts there.
    #[inline(always)]
    pub fn around(inode: Address) -> Option<Self> {
        if has(Field::OvlVfsInode) && has(Field::OvlUpperDentry) {
            Some(Self(inode.around(Field::OvlVfsInode)))
        } else {
            None
        }
    }

    /// The dentry in the writable layer, null where the file is in a lower one alone.
    #[inline(always)]
    fn upper(self) -> Address {
        self.0.follow(Field::OvlUpperDentry)
    }

    /// The dentry of the topmost lower layer, null where there is none or this kernel does not show it. From 6.5 on the
    /// layers are an array behind `ovl_entry` (fs/overlayfs/ovl_entry.h).
    #[inline(always)]
    fn lower(self) -> Address {
        if has(Field::OvlEntry) && has(Field::OvlEntryLowerstack) && has(Field::OvlPathDentry) {
            let entry = self.0.follow(Field::OvlEntry);
            entry.at(Field::OvlEntryLowerstack).follow(Field::OvlPathDentry)
        } else if has(Field::OvlLowerPathDentry) {
            self.0.follow(Field::OvlLowerPathDentry)
        } else {
            Address::new(core::ptr::null())
        }
    }

    /// The inode that holds the content, null where this kernel does not show it.
    #[inline(always)]
    pub fn content(self) -> Address {
        let upper = self.upper();
        let dentry = if upper.is_null() { self.lower() } else { upper };
        dentry.follow(Field::DentryInode)
    }

    /// One of the `SOURCE_` constants for the file that is reached as `dentry`: one without an upper dentry lies in a lower
    /// layer, and one with a lower origin beside it was copied up.
    #[inline(always)]
    pub fn source(self, dentry: Address) -> u32 {
        let upper = self.upper();
        if upper.is_null() {
            return SOURCE_IMAGE;
        }
        let is_new = if has(Field::OvlEntry) && has(Field::OvlEntryNumlower) {
            self.0.follow(Field::OvlEntry).read::<u32>(Field::OvlEntryNumlower) == 0
        } else if has(Field::OvlLowerPathDentry) {
            self.lower().is_null()
        } else {
            return SOURCE_UPPER_UNKNOWN;
        };
        if is_new {
            SOURCE_UPPER_NEW
        } else if is_changed(upper, self.lower(), dentry) {
            SOURCE_IMAGE_CHANGED
        } else {
            SOURCE_IMAGE_COPIED_UP
        }
    }
}

/// Whether a file that was copied up is another one than the image's at that place. Copying up keeps size and time of the
/// content (`ovl_set_size`, `ovl_set_timestamps`, fs/overlayfs/copy_up.c, 6.1 to 6.18), and neither `chmod` nor `chown`
/// touches them: whatever is written does. And a file of the image that was moved or linked to another name is not the
/// image's of that name. No where this kernel does not show what it takes.
#[inline(always)]
fn is_changed(upper: Address, lower: Address, dentry: Address) -> bool {
    if lower.is_null() || !has_content() {
        return false;
    }
    let (above, below) = (upper.follow(Field::DentryInode), lower.follow(Field::DentryInode));
    let size = above.read::<u64>(Field::InodeSize) ^ below.read::<u64>(Field::InodeSize);
    let seconds = above.read::<u64>(Field::InodeMtimeSec) ^ below.read::<u64>(Field::InodeMtimeSec);
    let fraction = above.read::<u32>(Field::InodeMtimeNsec) & NANOSECOND_BITS;
    // A writable layer whose filesystem keeps whole seconds cuts the rest off.
    let cut = fraction == 0;
    let fraction = (below.read::<u32>(Field::InodeMtimeNsec) & NANOSECOND_BITS) ^ fraction;
    if (size | seconds) != 0 || (!cut && fraction != 0) {
        return true;
    }
    // Of several names for one file below, the one that is at hand may be another than the one that was used.
    below.read::<u32>(Field::InodeNlink) == 1 && is_renamed(lower, dentry)
}

/// Whether the names differ, as far as they are compared. A file below that was found by its handle has none.
#[inline(always)]
fn is_renamed(lower: Address, dentry: Address) -> bool {
    let (before, now) = (name(lower), name(dentry));
    if before[0].to_ne_bytes()[0] == NAMELESS {
        return false;
    }
    let mut differs = 0;
    for word in 0..NAME_WORDS {
        differs |= before[word] ^ now[word];
    }
    differs != 0
}

/// The beginning of a name, with zeros behind it.
#[inline(always)]
fn name(dentry: Address) -> [u64; NAME_WORDS] {
    let mut name = [0u64; NAME_WORDS];
    let text = dentry.follow(Field::DentryName);
    // SAFETY: the helper writes at most so many bytes, which are there and initialised.
    unsafe {
        bpf_probe_read_kernel_str(
            name.as_mut_ptr().cast(),
            size_of_val(&name) as u32,
            text.pointer().cast(),
        )
    };
    name
}
