//! The sensor of a node: eBPF events in, reports of first-seen behaviour out.
//!
//! Kernel side, from the bottom up: [`btf`] and [`capability`] find out what this kernel offers, [`probes`] is
//! the table of programs, [`loader`] attaches them, [`snapshot`] tells them what ran before, [`ring`] reads
//! their records and [`decode`] turns those into [`decode::RawEvent`]s.

pub mod btf;
pub mod capability;
pub mod decode;
pub mod loader;
pub mod probes;
pub mod ring;
pub mod snapshot;
