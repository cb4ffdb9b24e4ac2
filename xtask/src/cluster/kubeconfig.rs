//! Which cluster a command talks to, and kubectl for it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::state::State;
use crate::setup::go;
use crate::{paths, run};

/// kubectl with the cluster chosen.
#[derive(Debug, Clone)]
pub struct Kubectl {
    program: PathBuf,
    target: Target,
}

#[derive(Debug, Clone)]
enum Target {
    Kubeconfig(PathBuf),
    Context(String),
}

impl Kubectl {
    /// For the local cluster, with the program at hand.
    pub fn local(state: &State, programs: &Path) -> Self {
        Self {
            program: programs.join("kubectl"),
            target: Target::Kubeconfig(state.kubeconfig()),
        }
    }

    /// For the cluster that the person named, or else the local one.
    pub fn of(context: Option<&str>) -> Result<Self> {
        let program = go::localcluster()?.join("kubectl");
        let target = match context {
            Some(name) => Target::Context(name.to_owned()),
            None => Target::Kubeconfig(State::here().kubeconfig()),
        };
        Ok(Self { program, target })
    }

    pub fn command(&self) -> Command {
        let mut command = run::command(&self.program);
        match &self.target {
            Target::Kubeconfig(path) => command.arg("--kubeconfig").arg(path),
            Target::Context(name) => command.arg("--context").arg(name),
        };
        command
    }

    /// Helm for the same cluster, with files of its own in the cache.
    pub fn helm(&self) -> Result<Command> {
        let mut command = run::command(go::helm()?);
        match &self.target {
            Target::Kubeconfig(path) => command.arg("--kubeconfig").arg(path),
            Target::Context(name) => command.arg("--kube-context").arg(name),
        };
        let folder = paths::cache_folder("helm")?;
        for (variable, name) in [
            ("HELM_CACHE_HOME", "cache"),
            ("HELM_CONFIG_HOME", "config"),
            ("HELM_DATA_HOME", "data"),
        ] {
            command.env(variable, folder.join(name));
        }
        Ok(command)
    }

    /// The kubeconfig of the local cluster; `None` where the person named a context.
    pub fn kubeconfig(&self) -> Option<&Path> {
        match &self.target {
            Target::Kubeconfig(path) => Some(path),
            Target::Context(_) => None,
        }
    }

    /// The context that the person named.
    pub fn context(&self) -> Option<&str> {
        match &self.target {
            Target::Kubeconfig(_) => None,
            Target::Context(name) => Some(name),
        }
    }
}
