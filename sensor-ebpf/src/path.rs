//! The path of a file, written into the tail of a record.

use crate::errors::count;
use crate::task::Address;
use anchorwatch_sensor_common::event::{COMPONENT_LIMIT, PATH_LIMIT};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use anchorwatch_sensor_common::offsets::Field;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel_str;
use core::ptr::{read_volatile, write_volatile};

/// Most steps of the walk: components and mounts crossed.
const MAX_STEPS: u32 = 96;

/// Bounds the position in a tail for the verifier.
pub const POSITION_MASK: usize = 0x1fff;

/// A tail has to hold a path, and what else is read at a masked position.
pub const MIN_TAIL: usize = POSITION_MASK + COMPONENT_LIMIT;

const _: () = assert!(PATH_LIMIT + COMPONENT_LIMIT <= POSITION_MASK);

/// How far a tail is written. It lies beside the record in a map's value: in registers it would multiply the
/// verifier's states (1,000,001 instructions on 6.1), in memory it does not.
#[repr(C)]
pub struct Cursor {
    position: u32,
    /// Not 0 if a component of the path could not be read.
    fault: u32,
}

/// The bytes behind a record's fixed part.
#[derive(Clone, Copy)]
pub struct Tail {
    bytes: *mut u8,
    cursor: *mut Cursor,
}

impl Tail {
    /// A tail that is empty.
    ///
    /// # Safety
    /// `bytes` are [`MIN_TAIL`] or more that are this program's alone, as is the cursor, while the tail is used.
    #[inline(always)]
    pub unsafe fn empty(bytes: *mut u8, cursor: *mut Cursor) -> Self {
        let tail = Self { bytes, cursor };
        tail.set_position(0);
        tail
    }

    #[inline(always)]
    pub fn position(self) -> u32 {
        // SAFETY: as `empty` demands; volatile, so that it lives in memory (see `Cursor`).
        unsafe { read_volatile(&raw const (*self.cursor).position) }
    }

    #[inline(always)]
    fn set_position(self, position: u32) {
        // SAFETY: as `empty` demands; volatile, so that it lives in memory (see `Cursor`).
        unsafe { write_volatile(&raw mut (*self.cursor).position, position) }
    }

    #[inline(always)]
    pub fn advance(self, length: u32) {
        self.set_position(self.position().wrapping_add(length));
    }

    /// Where the tail goes on: at most [`POSITION_MASK`] bytes behind its beginning.
    #[inline(always)]
    pub fn end(self) -> *mut u8 {
        self.bytes.wrapping_add(self.position() as usize & POSITION_MASK)
    }

    /// Writes the components of the file's path from the leaf to the root of its mount namespace, and says
    /// whether that is the whole of it. Components that cannot be read are counted.
    #[inline(always)]
    pub fn write_path(self, place: LossPlace, file: Address) -> bool {
        let mount = file.follow(Field::FilePathMnt);
        self.write_place(place, mount, file.follow(Field::FilePathDentry))
    }

    /// The same for a place in a mounted filesystem.
    #[inline(always)]
    pub fn write_place(self, place: LossPlace, mut mount: Address, mut dentry: Address) -> bool {
        let mut whole = false;
        // SAFETY: as `empty` demands; volatile, so that it lives in memory (see `Cursor`).
        unsafe { write_volatile(&raw mut (*self.cursor).fault, 0) };
        if dentry.follow(Field::DentryParent) == dentry {
            self.write_component(dentry); // a file in memory has nothing but this name
            whole = true;
        } else {
            for _ in 0..MAX_STEPS {
                let parent = dentry.follow(Field::DentryParent);
                if dentry == mount.follow(Field::VfsmountRoot) || dentry == parent {
                    let around = mount.around(Field::MountMnt);
                    let parent = around.follow(Field::MountParent);
                    if parent == around {
                        whole = true;
                        break;
                    }
                    dentry = around.follow(Field::MountMountpoint);
                    mount = parent.at(Field::MountMnt);
                    continue;
                }
                if self.position() as usize >= PATH_LIMIT {
                    break;
                }
                self.write_component(dentry);
                dentry = parent;
            }
        }
        // SAFETY: as `empty` demands; volatile, so that it lives in memory (see `Cursor`).
        let fault = unsafe { read_volatile(&raw const (*self.cursor).fault) } != 0;
        if fault {
            count(place, LossReason::ReadFault);
        }
        whole && !fault
    }

    #[inline(always)]
    fn write_component(self, dentry: Address) {
        let name = dentry.follow(Field::DentryName);
        // SAFETY: as `empty` demands; COMPONENT_LIMIT bytes behind the masked position are inside the tail.
        unsafe {
            let written = bpf_probe_read_kernel_str(self.end().cast(), COMPONENT_LIMIT as u32, name.pointer().cast());
            // Without a branch, which would multiply the verifier's states: all ones if it failed, else zero.
            let failed = written >> 63;
            self.advance((written & !failed) as u32 & 0x1ff);
            let fault = &raw mut (*self.cursor).fault;
            write_volatile(fault, read_volatile(fault) | failed as u32);
        }
    }
}
