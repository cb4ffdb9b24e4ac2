//! The eBPF programs. Each is a shim over a `try_…` function; what is lost is counted where it happens.
#![no_std]
#![no_main]
#![feature(core_intrinsics)]
#![allow(internal_features, reason = "the only way to atomic operations on this target")]

mod actor;
mod atomic;
mod bind;
mod cgroup;
mod connection;
mod credentials;
mod dns;
mod emit;
mod errors;
mod exec;
mod file;
mod flow;
mod follow;
mod fork;
mod hash;
mod identity;
mod idle;
mod kmod;
mod lineage;
mod mmap;
mod named;
mod overlay;
mod packet;
mod path;
mod question;
mod quota;
mod script;
mod seen;
mod slot;
mod socket;
mod state;
mod structure;
mod task;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Reading kernel memory needs helpers that the kernel offers to GPL-compatible programs alone.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
