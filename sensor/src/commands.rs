//! What each sub-command wires together, and what they have in common.

pub mod host;
pub mod node;
pub mod preflight;
pub mod record;
pub mod standalone;

use anchorwatch_sensor::args::Options;
use anchorwatch_sensor::attribute::command::Asking;
use anchorwatch_sensor::attribute::destination::ClusterChange;
use anchorwatch_sensor::attribute::destination::facts::{NodeFacts, ServiceFacts, SliceFacts};
use anchorwatch_sensor::attribute::pod::PodChange;
use anchorwatch_sensor::error::Chain;
use anchorwatch_sensor::loader::{HookStatus, LoadOptions, Loaded, load};
use anchorwatch_sensor::metrics::Metrics;
use anchorwatch_sensor::modules::{ModuleLimits, ModulePlaces};
use anchorwatch_sensor::names::resolvers::{self, Resolvers};
use anchorwatch_sensor::pipeline::Hashing;
use anchorwatch_sensor::preflight::CheckResult;
use anyhow::bail;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// Changes of pods and deliveries that wait for the pipeline.
pub const CHANNEL: usize = 64;

/// How long the first pods wait for what policies ask for; whatever they do meanwhile waits with them. After that, what
/// they do is told without command lines until policies are known.
const POLICIES: Duration = Duration::from_secs(10);

/// What becomes of this node's pods, and of what has addresses in the cluster. Pods come after `policies`, where somebody
/// asks for them, so that no command line is told before it is known whether it may be.
pub fn watch_cluster(
    client: &Client,
    node: String,
    policies: Option<watch::Receiver<Arc<Asking>>>,
    metrics: &Arc<Metrics>,
) -> (mpsc::Receiver<PodChange>, mpsc::Receiver<ClusterChange>) {
    let (changes, pods) = mpsc::channel(CHANNEL);
    let (addresses, cluster) = mpsc::channel(CHANNEL);
    watch_addresses(client, &addresses, metrics);
    let watched = anchorwatch_sensor::watch::pods(Api::all(client.clone()), node, changes, Arc::clone(metrics));
    tokio::spawn(async move {
        if let Some(mut policies) = policies {
            let listed = policies.wait_for(|asking| asking.listed);
            if tokio::time::timeout(POLICIES, listed).await.is_err() {
                tracing::warn!("policies can't be listed: command lines stay on the node until they can");
            }
        }
        watched.await;
    });
    (pods, cluster)
}

/// Services, what is behind them, and nodes.
fn watch_addresses(client: &Client, changes: &mpsc::Sender<ClusterChange>, metrics: &Arc<Metrics>) {
    let all = (changes.clone(), Arc::clone(metrics));
    let (changes, metrics) = all.clone();
    tokio::spawn(anchorwatch_sensor::watch::cluster::<ServiceFacts>(
        Api::all(client.clone()),
        ClusterChange::Service,
        changes,
        metrics,
    ));
    let (changes, metrics) = all.clone();
    tokio::spawn(anchorwatch_sensor::watch::cluster::<SliceFacts>(
        Api::all(client.clone()),
        ClusterChange::Slice,
        changes,
        metrics,
    ));
    let (changes, metrics) = all;
    tokio::spawn(anchorwatch_sensor::watch::cluster::<NodeFacts>(
        Api::all(client.clone()),
        ClusterChange::Node,
        changes,
        metrics,
    ));
}

/// Reading the kernel's type information and the API server's first list takes many times what stays.
pub fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim only returns free pages to the kernel, and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// SIGTERM or SIGINT.
pub fn shutdown() -> anyhow::Result<impl Future<Output = ()>> {
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
pub fn require_node(options: &Options) -> anyhow::Result<()> {
    let missing: Vec<String> = anchorwatch_sensor::preflight::node_checks(options, &load_options(options, true).btf)
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

pub async fn client(kubeconfig: Option<&Path>) -> anyhow::Result<Client> {
    let config = match kubeconfig {
        Some(path) => {
            let kubeconfig = Kubeconfig::read_from(path)?;
            Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?
        }
        None => Config::infer().await?,
    };
    Ok(Client::try_from(config)?)
}

pub fn load_options(options: &Options, attach: bool) -> LoadOptions {
    LoadOptions {
        ring_bytes: options.ring_mib << 20,
        proc: options.proc_root.clone(),
        cgroup_root: options.cgroup_root.clone(),
        attach,
        ..LoadOptions::default()
    }
}

pub fn load_programs(options: &LoadOptions, metrics: &Metrics) -> anyhow::Result<Loaded> {
    let loaded = load(options).map_err(|error| {
        anyhow::Error::msg(format!(
            "{} (remedy: {})",
            Chain(&error),
            anchorwatch_sensor::preflight::load_remedy(&error)
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

/// Whose answers count before the API server has told of the cluster's.
pub fn known_resolvers(options: &Options) -> Resolvers {
    Resolvers {
        configured: options.cluster_dns.iter().copied().collect(),
        node: resolvers::of_node(&options.proc_root),
        ..Resolvers::default()
    }
}

/// The thread that hashes what is loaded as code; without it, code is told without hashes.
pub fn hashing(proc_root: &Path) -> Option<Hashing> {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let places = ModulePlaces {
        proc: proc_root.to_path_buf(),
        kernel_modules: proc_root.join("1/root/lib/modules").join(release),
    };
    match Hashing::start(ModuleLimits::default(), places) {
        Ok(hashing) => Some(hashing),
        Err(error) => {
            tracing::error!(%error, "no thread for hashes of loaded files");
            None
        }
    }
}
