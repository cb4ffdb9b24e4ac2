//! The eBPF programs. Each is a shim over a `try_…` function; what is lost is counted where it happens.
#![no_std]
#![no_main]

mod cgroup;
mod emit;
mod errors;
mod exec;
mod file;
mod fork;
mod lineage;
mod path;
mod task;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// Reading kernel memory needs helpers that the kernel offers to GPL-compatible programs alone.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
