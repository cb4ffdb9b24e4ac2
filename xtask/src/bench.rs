//! `cargo xtask bench`: what is promised in figures, measured: a table for people and JSON Lines to compare runs by.

mod quality;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{cluster, install, paths, progress, run};

/// Measure what is promised in figures.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask bench\n  cargo xtask bench latency\n  cargo xtask bench quality --benign normal.txt --malicious attacks.txt"
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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Bench {
    /// From an event in a container to its DriftAlert in the API, over 200 drifts (about 2 minutes).
    Latency,
    /// API writes of sensor and operator while nothing new happens (5 minutes).
    Idle,
    /// How well unusual commands are told from normal ones (a minute; needs no cluster).
    Quality,
}

impl Bench {
    const ALL: [Self; 3] = [Self::Quality, Self::Latency, Self::Idle];

    const fn name(self) -> &'static str {
        match self {
            Self::Latency => "latency",
            Self::Idle => "idle",
            Self::Quality => "quality",
        }
    }
}

/// A figure, as a bench writes it.
#[derive(Debug, Deserialize)]
struct Figure {
    name: String,
    value: f64,
    unit: String,
    budget: f64,
    holds: bool,
    rounds: usize,
    spread: f64,
}

pub fn run(arguments: &Arguments, context: Option<&str>) -> Result<()> {
    let names = if arguments.names.is_empty() {
        &Bench::ALL[..]
    } else {
        &arguments.names
    };
    if names.contains(&Bench::Quality) {
        quality::run(arguments.benign.as_deref(), &arguments.malicious)?;
    }
    let in_cluster: Vec<Bench> = names.iter().copied().filter(|bench| *bench != Bench::Quality).collect();
    if in_cluster.is_empty() {
        return Ok(());
    }
    let installed = install::install(context, &arguments.registry)?;
    let mut lines = String::new();
    for bench in in_cluster {
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
        lines.push_str(&output);
        lines.push('\n');
    }
    let file = paths::target().join("bench.jsonl");
    run::write_atomically(&file, &lines)?;
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

fn parse(lines: &str) -> Result<Vec<Figure>> {
    let parse = |line| serde_json::from_str(line).with_context(|| format!("a bench wrote {line:?}"));
    lines.lines().filter(|line| !line.is_empty()).map(parse).collect()
}

fn table(figures: &[Figure]) -> String {
    let head = format!(
        "{:<28} {:>10} {:>10} {:>10} {:>7}  unit\n",
        "what", "value", "budget", "spread", "rounds"
    );
    std::iter::once(head).chain(figures.iter().map(row)).collect()
}

fn row(figure: &Figure) -> String {
    let Figure {
        name,
        value,
        unit,
        budget,
        holds,
        rounds,
        spread,
    } = figure;
    let mark = if *holds { "" } else { "  OVER BUDGET" };
    format!("{name:<28} {value:>10.1} {budget:>10.1} {spread:>10.1} {rounds:>7}  {unit}{mark}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_become_a_table_that_shows_what_is_over_budget() {
        let lines = concat!(
            r#"{"name":"a","value":1.0,"unit":"ms","budget":2.0,"holds":true,"rounds":3,"spread":0.5}"#,
            "\n",
            r#"{"name":"b","value":3.0,"unit":"ms","budget":2.0,"holds":false,"rounds":3,"spread":0.5}"#,
            "\n"
        );
        let text = table(&parse(lines).unwrap());
        let marked: Vec<&str> = text.lines().filter(|line| line.ends_with("OVER BUDGET")).collect();
        assert_eq!(marked.len(), 1);
        assert!(marked[0].starts_with("b "), "{text}");
    }
}
