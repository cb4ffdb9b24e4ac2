//! `cargo xtask demo`: a shell out of a real pod becomes a DriftAlert, from nothing to `kubectl get driftalerts`.

use std::path::Path;

use anyhow::Result;

use crate::cluster::{self, Kubectl};
use crate::{install, paths, run};

/// Where the demo's agent lives.
const NAMESPACE: &str = "anchorwatch-demo";

/// Show the whole chain on a real cluster: learn an agent, raise a shell out of it, explain a rollout.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask demo\n  cargo xtask demo --cleanup\n  cargo xtask --context kind-dev demo --registry registry.example:5000"
)]
pub struct Arguments {
    /// The registry that the images are pushed to and pulled from; the local cluster's if left out.
    #[arg(long, value_name = "REGISTRY", default_value = cluster::REGISTRY)]
    registry: String,
    /// End what an earlier demo left running.
    #[arg(long)]
    cleanup: bool,
}

pub fn run(arguments: &Arguments, context: Option<&str>) -> Result<()> {
    if arguments.cleanup {
        return cleanup(context);
    }
    show(&arguments.registry, context)
}

/// From nothing to alerts, told step by step; an error if anything did not happen.
pub fn show(registry: &str, context: Option<&str>) -> Result<()> {
    let cluster = context.map_or_else(
        || "a Kubernetes of this machine's own".to_owned(),
        |name| format!("the cluster of the context {name}"),
    );
    println!("This demo installs Anchorwatch on {cluster} and lets an agent misbehave.");
    let installed = install::install(context, registry)?;
    let mut demo = run::command("cargo");
    demo.args([
        "run",
        "--quiet",
        "--package",
        "anchorwatch-e2e",
        "--bin",
        "anchorwatch-demo",
    ]);
    demo.current_dir(paths::repository());
    installed.offer(&mut demo)?;
    run::shown(&mut demo)?;
    print!("{}", farewell(&installed.kubectl));
    Ok(())
}

fn cleanup(context: Option<&str>) -> Result<()> {
    if context.is_none() {
        return cluster::down();
    }
    let kubectl = Kubectl::of(context)?;
    run::quiet(
        kubectl
            .command()
            .args(["delete", "namespace", NAMESPACE, "--ignore-not-found"]),
    )?;
    install::uninstall(&kubectl)?;
    println!(
        "Anchorwatch is uninstalled. Its definitions stay, with what was learned: charts/anchorwatch-crds says how to delete them."
    );
    Ok(())
}

fn farewell(kubectl: &Kubectl) -> String {
    let (choice, flag) = match (kubectl.kubeconfig(), kubectl.context()) {
        (Some(path), _) => (format!("  export KUBECONFIG={}\n", path.display()), String::new()),
        (None, Some(name)) => (
            format!("  kubectl config use-context {name}\n"),
            format!(" --context {name}"),
        ),
        (None, None) => (String::new(), String::new()),
    };
    let path = if run::has("kubectl") {
        String::new()
    } else {
        path_line(kubectl)
    };
    format!(
        "\nEverything happened as it should. The cluster keeps running; look around:\n\n{choice}{path}  \
         kubectl get driftalerts --all-namespaces\n  \
         kubectl -n {NAMESPACE} describe driftalerts\n  \
         kubectl -n {NAMESPACE} get behaviorbaseline deployment-agent -o yaml\n  \
         kubectl -n {NAMESPACE} get rolloutrecords\n\n\
         Run it again with `cargo xtask{flag} demo`, end it with `cargo xtask{flag} demo --cleanup`.\n"
    )
}

/// For machines without a kubectl of their own.
fn path_line(kubectl: &Kubectl) -> String {
    let program = kubectl.command().get_program().to_owned();
    let folder = Path::new(&program).parent().unwrap_or(Path::new("/"));
    format!("  export PATH=$PATH:{}\n", folder.display())
}
