//! `cargo xtask bench`: what is promised in figures, measured: a table for people and JSON Lines to compare runs by.

mod benches;
mod figure;
mod quality;
mod sensor;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{cluster, install, paths, progress, run};
use figure::{markdown, parse, table};

/// Measure what is promised in figures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench exec connect\n  cargo xtask bench latency\n  cargo xtask bench quality --benign normal.txt --malicious attacks.txt\n  cargo xtask bench --table target/bench.jsonl"
)]
pub struct Arguments {
    /// Which; all if left out.
    #[arg(value_enum)]
    names: Vec<Bench>,
    /// The registry that the images are pushed to and pulled from; the local cluster's if left out.
    #[arg(long, value_name = "REGISTRY", default_value = cluster::REGISTRY)]
    registry: String,
    /// quality: normal commands, one a line; the project's own small corpus if left out.
    #[arg(long, value_name = "FILE")]
    benign: Option<PathBuf>,
    /// quality: commands of attacks, one a line; may be given several times; the project's own if left out.
    #[arg(long, value_name = "FILE")]
    malicious: Vec<PathBuf>,
    /// Benches of the sensor: how often each way is measured.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Benches of the sensor: share of the usual amount of work; less is for trying them out.
    #[arg(long, default_value_t = 1.0)]
    share: f64,
    /// Measure nothing: print the JSON Lines of this file as the documentation's table.
    #[arg(long, value_name = "FILE", conflicts_with = "names")]
    table: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Bench {
    /// How well unusual commands are told from normal ones (a minute).
    Quality,
    /// Core: from a command line to its features, and the decision about what is known (2 minutes).
    Command,
    /// Core: a new command scored against up to 100,000 learned ones (3 minutes).
    Nearest,
    /// Core: forgetting what fell out of the window (half a minute).
    Expiry,
    /// Fleet: the search over all workloads' commands by `hnsw_rs`, beside the exact one, 1,000 to a million (minutes).
    Fleet,
    /// Core: the groups of networks that an address is in (a minute).
    Groups,
    /// Sensor: a known event in user space, without a kernel (a minute).
    Known,
    /// Sensor: what it costs commands that run one after the other (5 minutes).
    Exec,
    /// Sensor: what it costs connections (5 minutes).
    Connect,
    /// Sensor: what it costs executable mappings (2 minutes).
    Mmap,
    /// Sensor: processor and memory at 1,100 events a second (8 minutes).
    Mixed,
    /// Sensor: from the kernel to its outbox (3 minutes).
    Outbox,
    /// Sensor: events a second until the first is lost (15 minutes).
    Throughput,
    /// Sensor: memory over a million different behaviours (a minute).
    Memory,
    /// Sensor: what Debian's redis notices of it (5 minutes).
    Redis,
    /// Cluster: from an event in a container to its DriftAlert in the API, over 200 drifts (about 2 minutes).
    Latency,
    /// Cluster: API writes of sensor and operator while nothing new happens (5 minutes).
    Idle,
}

/// What a bench runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Core's corpora.
    Corpus,
    /// A package's own benches: neither root nor a kernel's programs.
    Package(&'static str),
    /// The sensor on this machine, as root.
    Sensor,
    /// A cluster with Anchorwatch on it.
    Cluster,
}

impl Bench {
    const ALL: [Self; 17] = [
        Self::Quality,
        Self::Command,
        Self::Nearest,
        Self::Expiry,
        Self::Fleet,
        Self::Groups,
        Self::Known,
        Self::Exec,
        Self::Connect,
        Self::Mmap,
        Self::Mixed,
        Self::Outbox,
        Self::Throughput,
        Self::Memory,
        Self::Redis,
        Self::Latency,
        Self::Idle,
    ];

    /// As the program that measures it knows it.
    const fn name(self) -> &'static str {
        match self {
            Self::Quality => "quality",
            Self::Command => "command",
            Self::Nearest => "nearest",
            Self::Expiry => "expiry",
            Self::Fleet => "fleet",
            Self::Groups => "groups",
            Self::Known => "known",
            Self::Exec => "exec",
            Self::Connect => "connect",
            Self::Mmap => "mmap",
            Self::Mixed => "mixed",
            Self::Outbox => "outbox",
            Self::Throughput => "throughput",
            Self::Memory => "memory",
            Self::Redis => "redis",
            Self::Latency => "latency",
            Self::Idle => "idle",
        }
    }

    const fn place(self) -> Place {
        match self {
            Self::Quality => Place::Corpus,
            Self::Command | Self::Nearest | Self::Expiry | Self::Groups => Place::Package("anchorwatch-core"),
            Self::Fleet => Place::Package("anchorwatch-fleet"),
            Self::Known => Place::Package("anchorwatch-sensor"),
            Self::Exec
            | Self::Connect
            | Self::Mmap
            | Self::Mixed
            | Self::Outbox
            | Self::Throughput
            | Self::Memory
            | Self::Redis => Place::Sensor,
            Self::Latency | Self::Idle => Place::Cluster,
        }
    }
}

pub fn run(arguments: &Arguments, context: Option<&str>) -> Result<()> {
    if let Some(file) = &arguments.table {
        let lines = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        print!("{}", markdown(&parse(&lines)?));
        return Ok(());
    }
    let names = if arguments.names.is_empty() {
        &Bench::ALL[..]
    } else {
        &arguments.names
    };
    let at = |place| names.iter().copied().filter(move |bench| bench.place() == place);
    let file = paths::target().join("bench.jsonl");
    let mut lines = String::new();
    if at(Place::Corpus).next().is_some() {
        let figures = quality::measure(arguments.benign.as_deref(), &arguments.malicious)?;
        keep(&figures, &file, &mut lines)?;
    }
    for bench in names {
        if let Place::Package(package) = bench.place() {
            keep(&benches::measure(package, bench.name())?, &file, &mut lines)?;
        }
    }
    on_this_machine(arguments, at(Place::Sensor).collect(), &file, &mut lines)?;
    in_cluster(arguments, context, at(Place::Cluster).collect(), &file, &mut lines)?;
    if lines.is_empty() {
        return Ok(());
    }
    let figures = parse(&lines)?;
    print!("{}", table(&figures));
    println!("as JSON Lines: {}", file.display());
    let over: Vec<&str> = figures
        .iter()
        .filter(|figure| !figure.holds)
        .map(|figure| figure.name.as_str())
        .collect();
    ensure!(over.is_empty(), "over budget: {}", over.join(", "));
    Ok(())
}

fn on_this_machine(arguments: &Arguments, benches: Vec<Bench>, file: &Path, lines: &mut String) -> Result<()> {
    if benches.is_empty() {
        return Ok(());
    }
    sensor::build()?;
    let extent = sensor::Extent {
        rounds: arguments.rounds,
        share: arguments.share,
    };
    for bench in benches {
        keep(&sensor::measure(bench.name(), extent)?, file, lines)?;
    }
    Ok(())
}

fn in_cluster(
    arguments: &Arguments,
    context: Option<&str>,
    benches: Vec<Bench>,
    file: &Path,
    lines: &mut String,
) -> Result<()> {
    if benches.is_empty() {
        return Ok(());
    }
    let _turn = cluster::turn(context)?;
    let installed = install::install(context, &arguments.registry)?;
    for bench in benches {
        let mut command = run::command("cargo");
        command.args([
            "run",
            "--quiet",
            "--package",
            "anchorwatch-e2e",
            "--bin",
            "anchorwatch-bench",
            bench.name(),
        ]);
        command.current_dir(paths::repository());
        installed.offer(&mut command)?;
        let output = progress::step(&format!("measuring {}", bench.name()), || run::output(&mut command))?;
        keep(&output, file, lines)?;
    }
    Ok(())
}

/// At once, so that a later bench that fails takes nothing along.
fn keep(output: &str, file: &Path, lines: &mut String) -> Result<()> {
    lines.push_str(output);
    lines.push('\n');
    run::write_atomically(file, &*lines)
}
