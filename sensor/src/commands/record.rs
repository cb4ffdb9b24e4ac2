//! A recording: what is seen of pods, units and containers, line by line.

use anchorwatch_sensor::args::{Options, Recording};
use anchorwatch_sensor::attribute::network::Destinations;
use anchorwatch_sensor::attribute::scope::Scope;
use anchorwatch_sensor::loader::LoadOptions;
use anchorwatch_sensor::loader::filter::FilterOptions;
use anchorwatch_sensor::metrics::Metrics;
use anchorwatch_sensor::pipeline::Sources;
use anchorwatch_sensor::record::{Limits, Recorder, record};
use anchorwatch_sensor::standalone;
use anyhow::Context;
use kube::Client;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

use super::host::{begin, kernel, options_of_host};
use super::{client, give_back_memory, known_resolvers, require_node, shutdown, watch_cluster};

#[tokio::main(flavor = "current_thread")]
pub async fn run(options: &Options, recording: &Recording) -> anyhow::Result<ExitCode> {
    let options = &standalone::on_host(options.clone());
    require_node(options)?;
    let limits = Limits {
        bytes: u64::from(recording.max_mib) << 20,
        files: recording.max_files,
    };
    let recorder = Recorder::open(recording.to.as_deref(), limits).context("recording")?;
    let end = shutdown()?;
    let metrics = Arc::new(Metrics::new());
    let cluster = cluster(options).await?;
    let resolvers = known_resolvers(options);
    let (scope, destinations) = match &cluster {
        Some(_) => (Scope::PodsAndHost, Destinations::in_cluster(resolvers, Instant::now())),
        None => (Scope::Host, Destinations::on_host(resolvers, Instant::now())),
    };
    let begun = begin(options, &of_recording(options), &metrics, |attributor| {
        let attributor = attributor.with_scope(scope).with_destinations(destinations);
        attributor.with_observations()
    })?;
    let (pods, addresses) = if let Some((client, node)) = cluster {
        tracing::info!(node, "recording, pods by their workloads");
        watch_cluster(&client, node, None, &metrics)
    } else {
        tracing::info!("recording, without a cluster: pods are containers like others");
        (mpsc::channel(1).1, mpsc::channel(1).1)
    };
    let sources = Sources {
        kernel: kernel(begun.loaded),
        intake: begun.intake,
        // A recording holds what happens.
        standing: mpsc::channel(1).1,
        pods,
        cluster: addresses,
    };
    give_back_memory();
    let summary = record(sources, &recording.feeds(), recorder, end).await?;
    writeln!(std::io::stderr(), "{summary}")?;
    Ok(ExitCode::SUCCESS)
}

/// A recording holds each event, not only what is new.
fn of_recording(options: &Options) -> LoadOptions {
    let how = options_of_host(options);
    LoadOptions {
        filter: FilterOptions {
            refresh: Duration::ZERO,
            ..how.filter
        },
        ..how
    }
}

/// The cluster that the command line, `$KUBECONFIG` or the pod that we run in names, and this node's name in it.
async fn cluster(options: &Options) -> anyhow::Result<Option<(Client, String)>> {
    let named = |variable| std::env::var_os(variable).is_some_and(|value| !value.is_empty());
    if options.kubeconfig.is_none() && !named("KUBECONFIG") && !named("KUBERNETES_SERVICE_HOST") {
        return Ok(None);
    }
    let client = client(options.kubeconfig.as_deref()).await.context("cluster")?;
    let name = if options.node_name.is_empty() {
        // As the kubelet does by default (`GetHostname`, `pkg/util/node`).
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .trim()
            .to_lowercase();
        tracing::warn!(host, "no node name: this node is taken to be named as the host is");
        host
    } else {
        options.node_name.clone()
    };
    Ok(Some((client, name)))
}
