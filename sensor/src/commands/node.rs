//! A node of a cluster: what is seen for the first time is reported to the API server.

use anchorwatch_sensor::admin::{Admin, Health};
use anchorwatch_sensor::args::Options;
use anchorwatch_sensor::attribute::cgroup::hierarchy::Hierarchy;
use anchorwatch_sensor::attribute::command::Asked;
use anchorwatch_sensor::attribute::network::Destinations;
use anchorwatch_sensor::attribute::process::ProcFolder;
use anchorwatch_sensor::attribute::{AttributionLimits, Attributor};
use anchorwatch_sensor::convert;
use anchorwatch_sensor::error::Chain;
use anchorwatch_sensor::loader::filter::FilterOptions;
use anchorwatch_sensor::loader::{LoadOptions, Loaded};
use anchorwatch_sensor::losses::{LossReason, Losses};
use anchorwatch_sensor::metrics::Metrics;
use anchorwatch_sensor::node::{self, Node};
use anchorwatch_sensor::outbox::{History, Opened, Outbox};
use anchorwatch_sensor::pipeline::{Channels, Intake, LiveKernel, Parts, Pipeline, random_share};
use anchorwatch_sensor::preflight::seed_remedy;
use anchorwatch_sensor::report::Reporter;
use anchorwatch_sensor::report::send::Sender;
use anchorwatch_sensor::seen::{Seen, SeenLimits};
use anchorwatch_sensor::snapshot::SeedOptions;
use anchorwatch_sensor::snapshot::survey::{Standing, Survey};
use anchorwatch_sensor::test_switch::TestSwitches;
use anchorwatch_sensor::watch;
use anyhow::Context;
use kube::{Api, Client};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use super::{
    CHANNEL, client, give_back_memory, hashing, known_resolvers, load_options, load_programs, require_node, shutdown,
    watch_cluster,
};

/// One thread is enough: the pipeline is one task, and the disk has threads of its own.
#[tokio::main(flavor = "current_thread")]
pub async fn run(options: &Options) -> anyhow::Result<ExitCode> {
    if options.node_name.is_empty() {
        tracing::error!("no node name: set NODE_NAME to the name of this node's Node object");
        return Ok(ExitCode::from(2));
    }
    let switches = TestSwitches::read(|name| std::env::var(name).ok())?;
    let metrics = Arc::new(Metrics::new());
    if switches.is_active() {
        tracing::warn!(?switches, "a switch for tests is set: never do that outside a test");
        metrics.test_switch.set(1);
    }
    require_node(options)?;
    let shutdown = shutdown()?;
    let client = client(options.kubeconfig.as_deref()).await?;
    let node = identify(options, &client).await?;
    let opened = Outbox::open(&options.state_dir, &node.uid).context("outbox")?;
    report_history(&opened.history);
    metrics.opened(&opened.history);
    let loaded = load_programs(&switched(options, &switches), &metrics)?;
    let health = Arc::new(Health::new(Instant::now()));
    serve(options, &health, &metrics).await?;
    let (asking, policies) = tokio::sync::watch::channel(Arc::default());
    tokio::spawn(watch::policies(client.clone(), asking, Arc::clone(&metrics)));
    let asked = Asked::new(policies.clone(), options.allow_full_arguments);
    let (pipeline, outbox, kernel, standing) = assemble(options, asked, opened, loaded, &health, &metrics)?;
    let (delivered, deliveries) = mpsc::channel(CHANNEL);
    let (batches, to_send) = tokio::sync::watch::channel(None);
    let sender = Sender {
        api: Api::all(client.clone()),
        name: node.name.clone(),
        switches,
        metrics: Arc::clone(&metrics),
    };
    tokio::spawn(sender.run(to_send, delivered));
    let (pods, cluster) = watch_cluster(&client, node.name.clone(), Some(policies), &metrics);
    give_back_memory();
    tracing::info!(node = node.name, "the sensor watches");
    let channels = Channels {
        standing,
        pods,
        cluster,
        deliveries,
        batches,
    };
    pipeline.run(kernel, outbox, channels, shutdown).await?;
    tracing::info!("the sensor ends as asked");
    Ok(ExitCode::SUCCESS)
}

/// As the command line says, else by our own token, else (outside a pod) as the API server says.
async fn identify(options: &Options, client: &Client) -> anyhow::Result<Node> {
    let name = options.node_name.clone();
    if let Some(uid) = options.node_uid.clone() {
        return Ok(Node { name, uid });
    }
    let token = Path::new(node::TOKEN_PATH);
    if token.exists() {
        return Ok(node::from_token(token, &name)?);
    }
    let found = Api::<k8s_openapi::api::core::v1::Node>::all(client.clone())
        .get(&name)
        .await
        .with_context(|| format!("node {name}"))?;
    let uid = found.metadata.uid.context("the node has no UID")?;
    Ok(Node { name, uid })
}

fn report_history(history: &History) {
    match history {
        History::Reopened => {}
        History::Created => tracing::info!("a new outbox begins"),
        History::Damaged(moved) => {
            tracing::error!(moved = %moved.display(), "a new outbox begins, the old one was damaged");
        }
        History::OtherNode(moved) => {
            tracing::warn!(moved = %moved.display(), "a new outbox begins, the old one was another node's");
        }
    }
}

/// As the options ask, but for what a test switched off.
fn switched(options: &Options, switches: &TestSwitches) -> LoadOptions {
    let mut how = load_options(options, !switches.no_attach);
    how.idle = switches.idle;
    if switches.no_filter {
        how.filter = FilterOptions {
            refresh: Duration::ZERO,
            ..FilterOptions::unlimited()
        };
    }
    how
}

async fn serve(options: &Options, health: &Arc<Health>, metrics: &Arc<Metrics>) -> anyhow::Result<()> {
    let listener = TcpListener::bind(options.listen)
        .await
        .with_context(|| format!("can't listen on {}", options.listen))?;
    let admin = Admin {
        health: Arc::clone(health),
        metrics: Arc::clone(metrics),
    };
    tokio::spawn(async move { axum::serve(listener, admin.router()).await });
    Ok(())
}

/// Puts what the outbox kept and what runs already into the parts of the pipeline.
fn assemble(
    options: &Options,
    asked: Asked,
    opened: Opened,
    mut loaded: Loaded,
    health: &Arc<Health>,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<(Pipeline, Outbox, LiveKernel, mpsc::Receiver<Standing>)> {
    let Opened {
        outbox,
        history,
        state,
        batch,
        rows,
    } = opened;
    let mut losses = Losses::restored(state.losses.clone(), state.container_losses.clone());
    match history {
        History::Created | History::OtherNode(_) => {}
        History::Reopened => losses.add_to_all(LossReason::SensorRestarted, 1),
        History::Damaged(_) => losses.add_to_all(LossReason::OutboxDamaged, 1),
    }
    let mut seen = Seen::new(SeenLimits {
        bytes: (options.outbox_mib as usize) << 20,
        ..SeenLimits::default()
    });
    for (key, row) in rows {
        seen.restore(key, row);
    }
    let attached = loaded.hooks().iter().any(|hook| hook.status.is_in_place());
    let hooks = loaded.hooks().iter().map(convert::hook).collect();
    let mut attributor = Attributor::new(AttributionLimits::default(), ProcFolder::new(options.proc_root.clone()))
        .with_arguments(options.arguments)
        .heeding(asked)
        .with_destinations(Destinations::in_cluster(known_resolvers(options), Instant::now()));
    let mut events = None;
    let mut survey = Survey::of(options.proc_root.clone());
    if attached {
        let cgroup_root = node::unified_hierarchy(&options.cgroup_root).context("no unified cgroup hierarchy")?;
        let hierarchy = Hierarchy::open(&cgroup_root).context("unified cgroup hierarchy")?;
        let snapshot = loaded.seed(&SeedOptions {
            proc: options.proc_root.clone(),
            cgroup_root,
        });
        let snapshot = snapshot
            .map_err(|error| anyhow::Error::msg(format!("{} (remedy: {})", Chain(&error), seed_remedy(&error))))?;
        losses.add_to_all(LossReason::SnapshotFull, snapshot.untold);
        attributor.seed(&snapshot);
        attributor = attributor.with_hierarchy(hierarchy);
        survey.processes = attributor.placed(snapshot.processes);
        survey.own_cgroups = attributor.own_cgroups(&survey.processes);
        events = loaded.events();
    }
    // Loading fails where no hook can be attached; a test that attaches none wants it so.
    health.hooks_attached();
    let proc_root = options.proc_root.clone();
    let pipeline = Pipeline::new(Parts {
        intake: Intake::new(attributor, hashing(&options.proc_root), proc_root, Arc::clone(metrics)),
        seen,
        losses,
        reporter: Reporter::new(state, batch, hooks, Instant::now(), random_share())?,
        health: Arc::clone(health),
        metrics: Arc::clone(metrics),
        survey: Arc::clone(&survey.progress),
        attached,
    });
    let standing = survey.start().context("no thread for what runs already")?;
    Ok((pipeline, outbox, LiveKernel::new(loaded, events), standing))
}
