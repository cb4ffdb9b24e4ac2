//! Parses, wires and waits.

use anchorwatch_sensor::admin::{Admin, Health};
use anchorwatch_sensor::args::{Args, Command, LogFormat, Options, Output, Recording, Standing};
use anchorwatch_sensor::attribute::cgroup::hierarchy::Hierarchy;
use anchorwatch_sensor::attribute::destination::ClusterChange;
use anchorwatch_sensor::attribute::destination::facts::{NodeFacts, ServiceFacts, SliceFacts};
use anchorwatch_sensor::attribute::host::HostAttributor;
use anchorwatch_sensor::attribute::network::Destinations;
use anchorwatch_sensor::attribute::process::ProcFolder;
use anchorwatch_sensor::attribute::{AttributionLimits, Attributor};
use anchorwatch_sensor::convert;
use anchorwatch_sensor::decode::Exec;
use anchorwatch_sensor::error::Chain;
use anchorwatch_sensor::loader::filter::FilterOptions;
use anchorwatch_sensor::loader::{HookStatus, LoadOptions, Loaded, load};
use anchorwatch_sensor::losses::{LossReason, Losses};
use anchorwatch_sensor::metrics::Metrics;
use anchorwatch_sensor::modules::{ModuleLimits, ModulePlaces, Modules};
use anchorwatch_sensor::names::resolvers::{self, Resolvers};
use anchorwatch_sensor::node::{self, Node};
use anchorwatch_sensor::outbox::{History, Opened, Outbox};
use anchorwatch_sensor::pipeline::{Channels, Hashing, LiveKernel, Parts, Pipeline, random_share};
use anchorwatch_sensor::preflight::{self, CheckResult, Findings};
use anchorwatch_sensor::record::{self, Limits, Recorder};
use anchorwatch_sensor::report::Reporter;
use anchorwatch_sensor::report::send::Sender;
use anchorwatch_sensor::seen::{Seen, SeenLimits};
use anchorwatch_sensor::snapshot::SeedOptions;
use anchorwatch_sensor::snapshot::survey::Survey;
use anchorwatch_sensor::standalone;
use anchorwatch_sensor::test_switch::TestSwitches;
use anchorwatch_sensor::watch;
use anyhow::{Context, bail};
use clap::{CommandFactory, Parser};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing_subscriber::EnvFilter;

/// Changes of pods and deliveries that wait for the pipeline.
const CHANNEL: usize = 64;

fn main() -> ExitCode {
    let Args { command, options } = Args::parse();
    start_log(options.log_format);
    let result = match command {
        Some(Command::Preflight { output }) => run_preflight(&options, output),
        Some(Command::Record(recording)) => run_record(&options, &recording),
        Some(Command::Standalone(standing)) => run_standalone(&options, &standing),
        Some(Command::Completion { shell }) => {
            let mut command = Args::command();
            let name = command.get_name().to_owned();
            clap_complete::generate(shell, &mut command, name, &mut std::io::stdout());
            Ok(ExitCode::SUCCESS)
        }
        None => run(&options),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            tracing::error!(error = %Chain(error.as_ref()), "the sensor ends");
            ExitCode::FAILURE
        }
    }
}

fn start_log(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => subscriber.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => subscriber.json().init(),
    }
}

fn run_preflight(options: &Options, output: Output) -> anyhow::Result<ExitCode> {
    let checks = preflight::checks(options, &load_options(options, true));
    let findings = Findings::from(checks.as_slice());
    let mut out = std::io::stdout().lock();
    match output {
        Output::Text => {
            for check in &checks {
                writeln!(out, "{check}")?;
            }
            writeln!(out, "{}", findings.verdict())?;
        }
        Output::Json => writeln!(out, "{}", serde_json::to_string_pretty(&findings)?)?,
    }
    Ok(if findings.can_run {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

#[tokio::main(flavor = "current_thread")]
async fn run_record(options: &Options, recording: &Recording) -> anyhow::Result<ExitCode> {
    require_node(options)?;
    let limits = Limits {
        bytes: u64::from(recording.max_mib) << 20,
        files: recording.max_files,
    };
    let recorder = Recorder::open(recording.to.as_deref(), limits).context("recording")?;
    let end = shutdown()?;
    // A recording holds each execution, not only what is new.
    let mut load_options = load_options(options, true);
    load_options.filter.refresh = Duration::ZERO;
    let mut loaded = load_programs(&load_options, &Metrics::new())?;
    let cgroup_root = node::unified_hierarchy(&options.cgroup_root).context("no unified cgroup hierarchy")?;
    let hierarchy = Hierarchy::open(&cgroup_root).context("unified cgroup hierarchy")?;
    let proc = ProcFolder::new(options.proc_root.clone());
    let mut attributor = HostAttributor::new(proc, Some(hierarchy), options.arguments);
    let snapshot = loaded.seed(&SeedOptions {
        proc: options.proc_root.clone(),
        cgroup_root,
    });
    attributor.seed(&snapshot.context("what runs already")?);
    let events = loaded.events()?;
    tracing::info!("recording");
    let summary = record::record(LiveKernel::new(loaded, events), attributor, recorder, end).await?;
    writeln!(std::io::stderr(), "{summary}")?;
    Ok(ExitCode::SUCCESS)
}

#[tokio::main(flavor = "current_thread")]
async fn run_standalone(options: &Options, standing: &Standing) -> anyhow::Result<ExitCode> {
    let policy = standalone::policy(standing)?;
    let options = &standalone::on_host(options.clone());
    require_node(options)?;
    let end = shutdown()?;
    let opened = standalone::Store::open(&options.state_dir).context("state folder")?;
    if let Some((moved, reason)) = &opened.damaged {
        tracing::error!(moved = %moved.display(), reason, "what was learned was damaged: learning begins anew");
    }
    let mut loaded = load_programs(&load_options(options, true), &Metrics::new())?;
    let cgroup_root = node::unified_hierarchy(&options.cgroup_root).context("no unified cgroup hierarchy")?;
    let hierarchy = Hierarchy::open(&cgroup_root).context("unified cgroup hierarchy")?;
    let proc = ProcFolder::new(options.proc_root.clone());
    let mut attributor = HostAttributor::new(proc, Some(hierarchy), options.arguments);
    let snapshot = loaded.seed(&SeedOptions {
        proc: options.proc_root.clone(),
        cgroup_root,
    });
    let snapshot = snapshot.context("what runs already")?;
    attributor.seed(&snapshot);
    let mut survey = Survey::of(options.proc_root.clone());
    survey.processes = attributor.placed(snapshot.processes);
    let events = loaded.events()?;
    let style = match standing.output {
        Output::Json => standalone::Style::Json,
        Output::Text => standalone::Style::Text {
            colours: std::io::stdout().is_terminal(),
        },
    };
    tracing::info!(workloads = opened.baselines.len(), ?policy.maturity, "this host is watched");
    let parts = standalone::Parts {
        kernel: LiveKernel::new(loaded, events),
        attributor,
        watch: standalone::Watch::new(policy, opened.baselines),
        store: opened.store,
        output: standalone::Output::new(style, std::io::stdout()),
        standing: survey.start().context("no thread for what runs already")?,
    };
    give_back_memory();
    let summary = standalone::run(parts, end).await?;
    tracing::info!(alerts = summary.written, missing = ?summary.missing, "the sensor ends as asked");
    Ok(ExitCode::SUCCESS)
}

/// One thread is enough: the pipeline is one task, and the disk has threads of its own.
#[tokio::main(flavor = "current_thread")]
async fn run(options: &Options) -> anyhow::Result<ExitCode> {
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
    let (pipeline, outbox, kernel, standing) = assemble(options, opened, loaded, &health, &metrics)?;
    let (changes, pods) = mpsc::channel(CHANNEL);
    let (addresses, cluster) = mpsc::channel(CHANNEL);
    let (delivered, deliveries) = mpsc::channel(CHANNEL);
    let (batches, to_send) = tokio::sync::watch::channel(None);
    let sender = Sender {
        api: Api::all(client.clone()),
        name: node.name.clone(),
        switches,
        metrics: Arc::clone(&metrics),
    };
    tokio::spawn(sender.run(to_send, delivered));
    watch_addresses(&client, &addresses, &metrics);
    tokio::spawn(watch::pods(Api::all(client), node.name.clone(), changes, metrics));
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

/// Services, what is behind them, and nodes.
fn watch_addresses(client: &Client, changes: &mpsc::Sender<ClusterChange>, metrics: &Arc<Metrics>) {
    let all = (changes.clone(), Arc::clone(metrics));
    let (changes, metrics) = all.clone();
    tokio::spawn(watch::cluster::<ServiceFacts>(
        Api::all(client.clone()),
        ClusterChange::Service,
        changes,
        metrics,
    ));
    let (changes, metrics) = all.clone();
    tokio::spawn(watch::cluster::<SliceFacts>(
        Api::all(client.clone()),
        ClusterChange::Slice,
        changes,
        metrics,
    ));
    let (changes, metrics) = all;
    tokio::spawn(watch::cluster::<NodeFacts>(
        Api::all(client.clone()),
        ClusterChange::Node,
        changes,
        metrics,
    ));
}

/// Reading the kernel's type information and the API server's first list takes many times what stays.
fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim only returns free pages to the kernel, and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// SIGTERM or SIGINT.
fn shutdown() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// What can't be had is named before anything is begun.
fn require_node(options: &Options) -> anyhow::Result<()> {
    let missing: Vec<String> = preflight::node_checks(options, &load_options(options, true).btf)
        .into_iter()
        .filter_map(|check| match check.result {
            CheckResult::Missing { what, remedy } => Some(format!("{}: {what} (remedy: {remedy})", check.name)),
            CheckResult::Fine(_) | CheckResult::Less(_) => None,
        })
        .collect();
    if !missing.is_empty() {
        bail!("this node lacks: {}", missing.join("; "));
    }
    Ok(())
}

async fn client(kubeconfig: Option<&Path>) -> anyhow::Result<Client> {
    let config = match kubeconfig {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path)?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?
        }
        None => Config::infer().await?,
    };
    Ok(Client::try_from(config)?)
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

fn load_options(options: &Options, attach: bool) -> LoadOptions {
    LoadOptions {
        ring_bytes: options.ring_mib << 20,
        proc: options.proc_root.clone(),
        cgroup_root: options.cgroup_root.clone(),
        attach,
        ..LoadOptions::default()
    }
}

/// As the options ask, but for what a test switched off.
fn switched(options: &Options, switches: &TestSwitches) -> LoadOptions {
    let mut how = load_options(options, !switches.no_attach);
    if switches.no_filter {
        how.filter = FilterOptions {
            refresh: Duration::ZERO,
            ..FilterOptions::unlimited()
        };
    }
    how
}

fn load_programs(options: &LoadOptions, metrics: &Metrics) -> anyhow::Result<Loaded> {
    let loaded = load(options).map_err(|error| {
        anyhow::Error::msg(format!(
            "{} (remedy: {})",
            Chain(&error),
            preflight::load_remedy(&error)
        ))
    })?;
    for hook in loaded.hooks() {
        metrics.hook(hook);
        if hook.status != HookStatus::Attached {
            tracing::warn!(
                hook = hook.name,
                state = hook.status.word(),
                reason = hook.remark(),
                "hook not attached"
            );
        }
    }
    Ok(loaded)
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

/// Whose answers count before the API server has told of the cluster's.
fn known_resolvers(options: &Options) -> Resolvers {
    Resolvers {
        configured: options.cluster_dns.iter().copied().collect(),
        node: resolvers::of_node(&options.proc_root),
        ..Resolvers::default()
    }
}

/// Puts what the outbox kept and what runs already into the parts of the pipeline.
fn assemble(
    options: &Options,
    opened: Opened,
    mut loaded: Loaded,
    health: &Arc<Health>,
    metrics: &Arc<Metrics>,
) -> anyhow::Result<(Pipeline, Outbox, LiveKernel, mpsc::Receiver<Exec>)> {
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
        let snapshot = snapshot.map_err(|error| {
            anyhow::Error::msg(format!(
                "{} (remedy: {})",
                Chain(&error),
                preflight::seed_remedy(&error)
            ))
        })?;
        losses.add_to_all(LossReason::SnapshotFull, snapshot.untold);
        attributor.seed(&snapshot);
        attributor = attributor.with_hierarchy(hierarchy);
        survey.processes = attributor.in_containers(snapshot.processes);
        events = loaded.events()?;
    }
    // Loading fails where a hook is missing that the sensor can't do without; a test that attaches none wants it so.
    health.hooks_attached();
    let pipeline = Pipeline::new(Parts {
        attributor,
        seen,
        losses,
        reporter: Reporter::new(state, batch, hooks, Instant::now(), random_share())?,
        health: Arc::clone(health),
        metrics: Arc::clone(metrics),
        survey: Arc::clone(&survey.progress),
        attached,
        hashing: hashing(&options.proc_root),
        proc_root: options.proc_root.clone(),
    });
    let standing = survey.start().context("no thread for what runs already")?;
    Ok((pipeline, outbox, LiveKernel::new(loaded, events), standing))
}

/// The thread that hashes what is loaded as code; without it, code is told without hashes.
fn hashing(proc_root: &std::path::Path) -> Option<Hashing> {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let places = ModulePlaces {
        proc: proc_root.to_path_buf(),
        kernel_modules: proc_root.join("1/root/lib/modules").join(release),
    };
    match Modules::start(ModuleLimits::default(), places) {
        Ok(started) => Some(Hashing::new(started)),
        Err(error) => {
            tracing::error!(%error, "no thread for hashes of loaded files");
            None
        }
    }
}
