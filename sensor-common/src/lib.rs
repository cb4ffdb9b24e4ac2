//! The layout of what Anchorwatch's eBPF programs and its sensor share.
//!
//! Everything here is plain data: `#[repr(C)]`, explicit padding, no `bool`, no enum inside a record,
//! sizes and offsets asserted at compile time, so that two compilers for two targets agree on each byte.
//! The crate depends on nothing and needs neither `std` nor an allocator.
#![no_std]

pub mod event;
pub mod filter;
pub mod lineage;
pub mod loss;
pub mod module;
pub mod network;
pub mod offsets;
pub mod siphash;
