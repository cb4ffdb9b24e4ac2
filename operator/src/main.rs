//! The operator: parses, wires, waits.

mod admin;
mod alert_log;
mod approvals;
mod args;
mod baselines;
mod clock;
mod conditions;
mod context;
mod controllers;
mod convert;
mod crowding;
mod heads;
mod inheritance;
mod lease;
mod losses;
mod metrics;
mod policies;
mod presence;
mod refusals;
mod reports;
mod scorings;
mod signing;
mod test_switch;
#[cfg(test)]
mod testkit;
mod world;
mod writes;

use anyhow::Context as _;
use clap::Parser;
use kube::Client;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};
use tracing_subscriber::EnvFilter;

use crate::{
    admin::{Admin, Readiness},
    alert_log::AlertLog,
    args::{Args, LogFormat},
    context::Context,
    lease::{Election, Held},
    metrics::Metrics,
    test_switch::TestSwitches,
    world::{SharedWorld, feeds},
};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    log_to_stderr(args.log_format);
    let metrics = Metrics::new().context("the metrics contradict each other")?;
    let switches = TestSwitches::from_env();
    clock::step(switches.clock);
    metrics.show_switches(&switches);
    metrics.alerts.bound_series(args.alert_series);
    if switches.active() {
        warn!(?switches, "test switches are set: not for production");
    }
    let admin = Admin {
        metrics,
        readiness: Readiness::default(),
        world: SharedWorld::default(),
        counting: std::sync::Arc::default(),
    };
    let client = clock::answers::client(&admin.metrics)
        .await
        .context("no way to the API server is configured")?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
    };
    tokio::select! {
        result = admin.clone().serve(args.listen) => {
            result.with_context(|| format!("metrics and health can't be served on {}", args.listen))
        }
        result = lead(&args, client, admin, switches, stop) => result,
    }
}

/// Waits for the Lease and works while holding it. Ends well only by a signal.
async fn lead(
    args: &Args,
    client: Client,
    admin: Admin,
    switches: TestSwitches,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let identity = args.identity();
    let election = Election::new(client.clone(), &args.namespace, &args.lease_name, &identity);
    let mut stop = std::pin::pin!(stop);
    let mut held: Held = tokio::select! {
        held = election.acquire(|| admin.readiness.set(true)) => held,
        () = &mut stop => return Ok(()),
    };
    admin.readiness.set(false);
    admin.metrics.leader.set(1);
    let work = async {
        let signing = signing::open(&client, &admin.metrics, &args.signing()).await;
        let (world, feeds) = feeds::new(&admin.metrics, &args.namespace, signing);
        let mut context = Context::new(client.clone(), world.clone(), admin.metrics.clone(), switches, identity);
        context.bound_managers = std::sync::Arc::new(args.bound_managers.iter().cloned().collect());
        context.verify_every = std::time::Duration::from_secs(args.verify_every);
        context.alert_log = AlertLog { on: args.alert_log };
        context.open_reports = args.open_reports;
        let client = client.clone();
        tokio::join!(feeds.run(client), controllers::run(&context), async {
            world.ready().await;
            info!("the caches are filled");
            admin.world.set(world.clone()).ok();
            admin.readiness.set(true);
        });
    };
    let lost = tokio::select! {
        lost = held.keep() => Some(lost),
        () = work => None,
        () = &mut stop => {
            held.release().await;
            return Ok(());
        }
    };
    Err(lost.map_or_else(|| anyhow::anyhow!("the work ended by itself"), Into::into))
}

fn log_to_stderr(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .init(),
    }
}
