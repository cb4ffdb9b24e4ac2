//! `cargo xtask cluster`: a real one-node Kubernetes on this machine, at most one, and the host as before after `down`.

mod cgroups;
mod change;
mod components;
mod config;
mod dns;
mod down;
mod host;
mod journal;
mod kubeconfig;
mod leftovers;
mod mounts;
mod pki;
mod process;
mod registry;
mod selftest;
mod state;

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use clap::Subcommand;

pub use config::REGISTRY;
pub use kubeconfig::Kubectl;
pub use selftest::cycles;

use crate::setup::lock::Lock;
use crate::setup::{apt, go};
use crate::{progress, run};
use journal::Journal;
use state::State;

/// A real one-node Kubernetes on this machine.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask cluster up\n  export KUBECONFIG=$(cargo xtask cluster kubeconfig)\n  cargo xtask cluster down"
)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Start it, unless it runs already; repair it if only half of it does.
    Up,
    /// End it and put back everything that it changed on this machine.
    Down,
    /// Say what runs and where its logs are.
    Status,
    /// Print the path of the administrator's kubeconfig.
    Kubeconfig,
}

/// Carries out the command.
pub fn run(arguments: &Arguments, context: Option<&str>) -> Result<()> {
    if let Some(name) = context {
        bail!("--context {name} uses a cluster of yours; `cargo xtask cluster` is about the local one");
    }
    ensure_root()?;
    match arguments.action {
        Action::Up => up().map(drop),
        Action::Down => down(),
        Action::Status => status(),
        Action::Kubeconfig => {
            let state = State::here();
            ensure!(
                state.kubeconfig().exists(),
                "there is no local cluster: `cargo xtask cluster up` starts one"
            );
            println!("{}", state.kubeconfig().display());
            Ok(())
        }
    }
}

/// The cluster to use: the person's own if they named one, else the local one, started if need be.
pub fn ensure(context: Option<&str>) -> Result<Kubectl> {
    let Some(name) = context else { return up() };
    let kubectl = Kubectl::of(context)?;
    // Before anything is built for it.
    run::quiet(
        kubectl
            .command()
            .args(["get", "--raw", "/readyz", "--request-timeout", "15s"]),
    )
    .with_context(|| format!("the cluster of the context {name} does not answer"))?;
    Ok(kubectl)
}

/// Waits until nobody else shows, tests or measures on the local cluster; a cluster of the person's own is their
/// business, and without root there is no local one.
pub fn turn(context: Option<&str>) -> Result<Option<Lock>> {
    let local = context.is_none() && rustix::process::geteuid().is_root();
    local.then(state::turn).transpose()
}

/// Ends the local cluster, if there is one.
pub fn down() -> Result<()> {
    ensure_root()?;
    let _lock = state::lock()?;
    if !down::down(&State::here())? {
        println!("there is no local cluster on this machine");
    }
    Ok(())
}

fn ensure_root() -> Result<()> {
    ensure!(
        rustix::process::geteuid().is_root(),
        "the local cluster needs root; a cluster of your own is used by --context NAME"
    );
    Ok(())
}

fn up() -> Result<Kubectl> {
    // Before minutes of building for nothing.
    ensure_root()?;
    apt::ensure("the local cluster", apt::CLUSTER)?;
    go::prepare()?;
    let programs = go::localcluster()?;
    let state = State::here();
    let kubectl = Kubectl::local(&state, &programs);
    let _lock = state::lock()?;
    if state.exists() {
        if healthy(&state, &kubectl) {
            println!("the local cluster is up: {}", state.kubeconfig().display());
            return Ok(kubectl);
        }
        println!("the local cluster is not whole (an earlier start or stop was cut short): starting it anew");
        down::down(&state)?;
    }
    host::check(&state)?;
    begin(&state, &programs)?;
    println!("the local cluster is up: {}", state.kubeconfig().display());
    Ok(kubectl)
}

fn begin(state: &State, programs: &Path) -> Result<()> {
    let changes = host::plan(state)?;
    println!("the local cluster changes this on the machine, and `cargo xtask cluster down` puts it back:");
    for line in changes.iter().filter_map(change::Change::announcement) {
        println!("  {line}");
    }
    make_folders(state)?;
    let journal = Journal::at(state.journal());
    progress::step("preparing the host", || {
        for change in &changes {
            journal.record(change)?;
            change.make()?;
        }
        pki::make(state)?;
        config::files(state)
            .into_iter()
            .try_for_each(|(name, content)| run::write_atomically(&state.path(name), content))
    })?;
    components::start(state, programs)
}

fn make_folders(state: &State) -> Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder
        .create(state.root())
        .with_context(|| format!("cannot make {}", state.root().display()))?;
    fs::write(state.path("boot"), down::current_boot()).context("cannot write the state")?;
    for folder in ["log", "pid", "cni", "static-pods", "volume-plugins"] {
        builder
            .create(state.path(folder))
            .with_context(|| format!("cannot make the folder {folder}"))?;
    }
    Ok(())
}

/// Every component runs, the API server answers, the node is ready and names are answered.
fn healthy(state: &State, kubectl: &Kubectl) -> bool {
    components::NAMES
        .iter()
        .all(|name| process::running(state, name).is_some())
        && components::node_ready(kubectl)
        && dns::is_ready(kubectl)
}

fn status() -> Result<()> {
    let state = State::here();
    if !state.exists() {
        println!("there is no local cluster on this machine");
        return Ok(());
    }
    for name in components::NAMES {
        match process::running(&state, name) {
            Some(identity) => println!("{name:<24} runs as process {}", identity.pid),
            None => println!("{name:<24} does not run; its log: {}", state.log(name).display()),
        }
    }
    let kubectl = Kubectl::of(None)?;
    println!(
        "{:<24} {}",
        "node",
        if components::node_ready(&kubectl) {
            "ready"
        } else {
            "not ready"
        }
    );
    println!("{:<24} {}", "kubeconfig", state.kubeconfig().display());
    println!("{:<24} {}", "logs", state.path("log").display());
    println!("{:<24} {}", "every API request", state.audit_log().display());
    println!("{:<24} {REGISTRY}", "image registry");
    Ok(())
}

/// An address of this machine that stands for the world outside the local cluster, and the names that the cluster's DNS
/// has for it.
pub fn outside() -> String {
    [&[config::OUTSIDE], &config::OUTSIDE_NAMES[..]].concat().join(" ")
}

/// The API server's log of all requests, of the local cluster only.
pub fn audit_log() -> PathBuf {
    State::here().audit_log()
}
