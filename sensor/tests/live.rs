//! The programs on this machine's kernel: a trigger, and exactly the event that it makes.
//!
//! Needs root and eBPF; where those are missing each test skips by name. `cargo xtask vm` runs the same tests on
//! an older kernel.
#![expect(clippy::unwrap_used, reason = "a test that cannot set its scene up fails")]

#[path = "live/cgroup.rs"]
mod cgroup;
#[path = "live/fixture.rs"]
mod fixture;
#[path = "live/payload.rs"]
mod payload;
#[path = "live/scene.rs"]
mod scene;
#[path = "live/tracefs.rs"]
mod tracefs;
#[path = "live/unit.rs"]
mod unit;

#[path = "live/backtest.rs"]
mod backtest;
#[path = "live/facts.rs"]
mod facts;
#[path = "live/files.rs"]
mod files;
#[path = "live/filter.rs"]
mod filter;
#[path = "live/followed.rs"]
mod followed;
#[path = "live/hooks.rs"]
mod hooks;
#[path = "live/kernel_modules.rs"]
mod kernel_modules;
#[path = "live/lineage.rs"]
mod lineage;
#[path = "live/loss.rs"]
mod loss;
#[path = "live/modules.rs"]
mod modules;
#[path = "live/network.rs"]
mod network;
#[path = "live/paths.rs"]
mod paths;
#[path = "live/placement.rs"]
mod placement;
#[path = "live/processes.rs"]
mod processes;
#[path = "live/record.rs"]
mod record;
#[path = "live/refusal.rs"]
mod refusal;
#[path = "live/rings.rs"]
mod rings;
#[path = "live/soak.rs"]
mod soak;
#[path = "live/standalone.rs"]
mod standalone;
#[path = "live/standing.rs"]
mod standing;
#[path = "live/survey.rs"]
mod survey;
