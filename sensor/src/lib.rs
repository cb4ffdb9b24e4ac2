//! The sensor of a node: eBPF events in, reports of first-seen behaviour out.
//!
//! Kernel side, from the bottom up: [`btf`] and [`capability`] find out what this kernel offers, [`probes`] is
//! the table of programs, [`loader`] attaches them, [`snapshot`] tells them what ran before, [`ring`] reads
//! their records and [`decode`] turns those into [`decode::RawEvent`]s.
//!
//! From there on, in the order in which an event passes: [`attribute`] finds its container and what it descends from,
//! [`seen`] tells news from what is known, [`outbox`] keeps both on the disk, [`report`] closes batches and sends them.
//! [`pipeline`] drives all of them and owns their state; [`watch`] tells it of pods.
//!
//! Without Kubernetes, [`record`] writes down what a host executes, and [`standalone`] learns and judges it.

pub mod admin;
pub mod args;
pub mod attribute;
pub mod btf;
pub mod capability;
pub mod clock;
pub mod completion;
pub mod convert;
pub mod decode;
pub mod dns;
pub mod error;
pub mod keyed;
pub mod loader;
pub mod losses;
pub mod metrics;
pub mod modules;
pub mod names;
pub mod node;
pub mod outbox;
pub mod pipeline;
pub mod preflight;
pub mod probes;
pub mod record;
pub mod report;
pub mod ring;
mod rooms;
pub mod seen;
pub mod snapshot;
pub mod standalone;
pub mod state;
pub mod test_switch;
pub mod watch;
