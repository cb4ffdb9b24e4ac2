//! What the sensor costs and what it holds, measured on the real binary: `cargo xtask bench` runs this.
//!
//! `measure NAME --sensor PATH`: starts the sensor against an API server made of a few answers, makes a cgroup that
//! looks like a container's, and runs loads in it, with and without the sensor in turns. Needs root. A figure is a
//! JSON line on standard output; what goes on is told on standard error.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::cast_precision_loss,
    reason = "a program whose output is its result, and whose figures are rounded"
)]

#[path = "measure/api.rs"]
mod api;
#[path = "measure/clock.rs"]
mod clock;
#[path = "measure/ground.rs"]
mod ground;
#[path = "measure/latency.rs"]
mod latency;
#[path = "measure/load.rs"]
mod load;
#[path = "measure/memory.rs"]
mod memory;
#[path = "measure/mixed.rs"]
mod mixed;
#[path = "measure/redis.rs"]
mod redis;
#[path = "measure/statistics.rs"]
mod statistics;
#[path = "measure/storm.rs"]
mod storm;
#[path = "measure/subject.rs"]
mod subject;
#[path = "measure/throughput.rs"]
mod throughput;
#[path = "measure/turns.rs"]
mod turns;
#[path = "measure/work.rs"]
mod work;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Measures the sensor.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
    /// The sensor's program.
    #[arg(long, global = true, default_value = "anchorwatch-sensor")]
    sensor: PathBuf,
    /// How often each way is measured.
    #[arg(long, global = true, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Share of the usual amount of work: less to try a bench out, whose figures are then worth little.
    #[arg(long, global = true, default_value_t = 1.0)]
    share: f64,
}

#[derive(Debug, Subcommand)]
enum Bench {
    /// Commands one after the other, the same ones and all new.
    Exec,
    /// Connections, to the same address and each to another.
    Connect,
    /// Executable mappings of a library.
    Mmap,
    /// 1,100 events a second of all feeds: processor time and memory.
    Mixed,
    /// From the kernel to the outbox.
    Outbox,
    /// Events a second until the first is lost.
    Throughput,
    /// Resident memory over a million different behaviours.
    Memory,
    /// Debian's redis with and without the sensor.
    Redis {
        /// A folder with redis and what it needs, as its root.
        #[arg(long)]
        root: PathBuf,
    },
    /// The load itself, as a child in the container.
    #[command(hide = true)]
    Work(work::Work),
}

/// What every bench needs.
#[derive(Debug)]
pub struct Bed {
    pub sensor: PathBuf,
    pub rounds: u32,
    share: f64,
}

impl Bed {
    /// The share of the usual amount that was asked for, at least one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts far below 2^52 and not negative"
    )]
    pub fn amount(&self, usual: u64) -> u64 {
        ((usual as f64 * self.share) as u64).max(1)
    }
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let bed = Bed {
        sensor: arguments.sensor,
        rounds: arguments.rounds,
        share: arguments.share,
    };
    if let Bench::Work(work) = &arguments.bench {
        return work::run(work);
    }
    ensure!(rustix::process::geteuid().is_root(), "measuring the sensor needs root");
    let figures = match arguments.bench {
        Bench::Exec => storm::measure(&bed, &storm::EXEC)?,
        Bench::Connect => storm::measure(&bed, &storm::CONNECT)?,
        Bench::Mmap => storm::measure(&bed, &storm::MMAP)?,
        Bench::Mixed => mixed::measure(&bed)?,
        Bench::Outbox => latency::measure(&bed)?,
        Bench::Throughput => throughput::measure(&bed)?,
        Bench::Memory => memory::measure(&bed)?,
        Bench::Redis { root } => redis::measure(&bed, &root)?,
        Bench::Work(_) => Vec::new(),
    };
    for figure in &figures {
        println!("{}", serde_json::to_string(figure)?);
    }
    Ok(())
}
