//! A host alone: what its units and containers do is learned and judged here.

use anchorwatch_sensor::args::{Options, Output, Standing};
use anchorwatch_sensor::attribute::network::Destinations;
use anchorwatch_sensor::attribute::scope::Scope;
use anchorwatch_sensor::metrics::Metrics;
use anchorwatch_sensor::pipeline::Sources;
use anchorwatch_sensor::snapshot::survey::Survey;
use anchorwatch_sensor::standalone::{self, Style};
use anyhow::Context;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc;

use super::host::{begin, kernel, options_of_host};
use super::{give_back_memory, known_resolvers, require_node, shutdown};

#[tokio::main(flavor = "current_thread")]
pub async fn run(options: &Options, standing: &Standing) -> anyhow::Result<ExitCode> {
    let policy = standalone::policy(standing)?;
    let options = &standalone::on_host(options.clone());
    require_node(options)?;
    let end = shutdown()?;
    let opened = standalone::Store::open(&options.state_dir).context("state folder")?;
    if let Some((moved, reason)) = &opened.damaged {
        tracing::error!(moved = %moved.display(), reason, "what was known was damaged: learning begins anew");
    }
    let metrics = Arc::new(Metrics::new());
    let destinations = Destinations::on_host(known_resolvers(options), Instant::now());
    let begun = begin(options, &options_of_host(options), &metrics, |attributor| {
        attributor.with_scope(Scope::Host).with_destinations(destinations)
    })?;
    let mut survey = Survey::of(options.proc_root.clone());
    survey.own_cgroups = begun.intake.attributor.own_cgroups(&begun.processes);
    survey.processes = begun.processes;
    let watched = begun.loaded.watched();
    tracing::info!(workloads = opened.known.len(), ?policy.maturity, ?watched, "this host is watched");
    let parts = standalone::Parts {
        restarted: !opened.known.is_empty(),
        watch: standalone::Watch::new(policy, watched, opened.known),
        store: opened.store,
        output: standalone::Output::new(style(standing), std::io::stdout()),
        sources: Sources {
            kernel: kernel(begun.loaded),
            intake: begun.intake,
            standing: survey.start().context("no thread for what runs already")?,
            // There is no cluster.
            pods: mpsc::channel(1).1,
            cluster: mpsc::channel(1).1,
        },
    };
    give_back_memory();
    let summary = standalone::run(parts, end).await?;
    tracing::info!(alerts = summary.written, missing = ?summary.missing, "the sensor ends as asked");
    Ok(ExitCode::SUCCESS)
}

fn style(standing: &Standing) -> Style {
    match standing.output {
        Output::Json => Style::Json,
        Output::Text => Style::Text {
            colours: std::io::stdout().is_terminal(),
        },
    }
}
