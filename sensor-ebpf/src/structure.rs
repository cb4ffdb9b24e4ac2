//! Structures of the kernel's, read in three ways: by helper ([`Address`]), directly ([`Typed`]), and from a copy of their
//! beginning ([`View`]). A call of the helper takes about 25 ns, as long as copying a hundred bytes.

use crate::task::{Address, Plain, offset};
use anchorwatch_sensor_common::offsets::Field;
use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use core::mem::size_of;
use core::ptr::read_volatile;

/// A structure whose fields can be read.
pub trait Fields: Copy {
    /// What lies at a field; zero where nothing can be read.
    fn read<T: Plain>(self, field: Field) -> T;

    /// Where it lies.
    fn address(self) -> Address;
}

/// One from which others are reached.
pub trait Structure: Fields {
    /// The structure whose address a field holds.
    fn follow(self, field: Field) -> Self;
}

/// A structure whose type the verifier knows, as it does of the arguments of some programs and of the current task.
///
/// The value has to stay in registers or on the stack, and only fields of its own structure can be read; optional ones
/// behind [`crate::task::has`] alone. What cannot be read is zero.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Typed(*const u8);

impl Typed {
    pub const fn new(pointer: *const u8) -> Self {
        Self(pointer)
    }
}

impl Fields for Typed {
    #[inline(always)]
    fn read<T: Plain>(self, field: Field) -> T {
        // SAFETY: the verifier checks type and place, and the kernel catches what cannot be read.
        unsafe { read_volatile(self.0.wrapping_add(offset(field)).cast()) }
    }

    #[inline(always)]
    fn address(self) -> Address {
        Address::new(self.0)
    }
}

impl Structure for Typed {
    #[inline(always)]
    fn follow(self, field: Field) -> Self {
        // SAFETY: as above.
        Self(unsafe { read_volatile(self.0.wrapping_add(offset(field)).cast()) })
    }
}

impl Fields for Address {
    #[inline(always)]
    fn read<T: Plain>(self, field: Field) -> T {
        Self::read(self, field)
    }

    #[inline(always)]
    fn address(self) -> Address {
        self
    }
}

impl Structure for Address {
    #[inline(always)]
    fn follow(self, field: Field) -> Self {
        Self::follow(self, field)
    }
}

/// Room for the first `N` bytes of a structure.
#[repr(C, align(8))]
pub struct Room<const N: usize>([u8; N]);

/// A structure with a copy of its first `N` bytes.
#[derive(Clone, Copy)]
pub struct View<const N: usize> {
    copy: *const Room<N>,
    address: Address,
}

impl<const N: usize> View<N> {
    /// Copies what lies there; zeros where nothing can be read.
    ///
    /// # Safety
    /// `room` is a map value's, which nobody else writes while the view is used.
    #[inline(always)]
    pub unsafe fn copy(room: *mut Room<N>, address: Address) -> Self {
        // SAFETY: the helper writes all of the room in every case.
        unsafe { bpf_probe_read_kernel(room.cast(), N as u32, address.pointer().cast()) };
        Self { copy: room, address }
    }
}

impl<const N: usize> Fields for View<N> {
    /// By helper where the field lies further behind.
    #[inline(always)]
    fn read<T: Plain>(self, field: Field) -> T {
        let at = offset(field);
        if at.wrapping_add(size_of::<T>()) <= N {
            // SAFETY: inside the room, which was written; any bytes are such a value.
            unsafe { read_volatile(self.copy.cast::<u8>().wrapping_add(at).cast()) }
        } else {
            self.address.read(field)
        }
    }

    #[inline(always)]
    fn address(self) -> Address {
        self.address
    }
}
