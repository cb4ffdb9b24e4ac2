//! What `cargo xtask bench` runs on a cluster: measures, and writes a JSON line a figure.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is its result")]

use std::process::ExitCode;
use std::time::Duration;

use anchorwatch_e2e::agent::Judgement;
use anchorwatch_e2e::audit::Mark;
use anchorwatch_e2e::cluster::audit_log;
use anchorwatch_e2e::install::{Component, Install};
use anchorwatch_e2e::journey::Journey;
use anchorwatch_e2e::narrator::Silence;
use anchorwatch_e2e::{AgentImages, Cluster, latency};
use anchorwatch_figures::Figure;
use anyhow::{Result, bail};

/// How long an event may take to its alert.
const BUDGET_MILLIS: f64 = 2000.0;

/// How long the idle cluster is watched.
const IDLE: Duration = Duration::from_mins(5);

#[tokio::main]
async fn main() -> ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    match measure(&name).await {
        Ok(figures) => {
            for figure in figures {
                println!("{}", serde_json::json!(figure));
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("cannot measure {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(name: &str) -> Result<Vec<Figure>> {
    let cluster = Cluster::offered().await?;
    let namespace = cluster.fresh_namespace("bench").await?;
    let figures = match name {
        "latency" => latency(&cluster, &namespace).await,
        "idle" => idle(&cluster, &namespace).await,
        _ => bail!("there is no such bench"),
    };
    cluster.delete_namespace(&namespace).await?;
    figures
}

async fn latency(cluster: &Cluster, namespace: &str) -> Result<Vec<Figure>> {
    let times = latency::measure(cluster, namespace, &AgentImages::offered()?.first).await?;
    let millis: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    let of = |name: &str, percent| Figure::percentile_at_most(name, &millis, percent, "ms", BUDGET_MILLIS);
    Ok(vec![
        of("event to alert, p50", 50),
        of("event to alert, p99", 99),
        of("event to alert, worst", 100),
    ])
}

/// The demo's agent does its everyday work, and nothing else happens.
async fn idle(cluster: &Cluster, namespace: &str) -> Result<Vec<Figure>> {
    let judgement = Judgement {
        minimum: "5s",
        correlation: "10m",
    };
    let journey = Journey::new(cluster, namespace, judgement, &Silence);
    journey.start(&AgentImages::offered()?.first).await?;
    journey.learn().await?;
    let mark = Mark::now(&audit_log()?)?;
    tokio::time::sleep(IDLE).await;
    let install = Install::of(cluster);
    let mut figures = Vec::new();
    let mut all = 0.0;
    for component in [Component::Sensor, Component::Operator] {
        let writes = mark.writes_of(&install.user(component))?;
        let rate = f64::from(u32::try_from(writes.len())?) / (IDLE.as_secs_f64() / 60.0);
        all += rate;
        let name = format!("idle {}", component.name());
        figures.push(Figure::at_most(&name, &[rate], "writes/min", 2.0));
    }
    figures.push(Figure::at_most("idle sensor and operator", &[all], "writes/min", 2.0));
    Ok(figures)
}
