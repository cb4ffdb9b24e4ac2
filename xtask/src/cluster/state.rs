//! Where the cluster keeps its state. One folder for the whole machine: that is what makes it the only cluster here.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::mounts;
use crate::setup::lock::{self, Lock};

/// Short enough for the UNIX sockets below it (108 bytes at most, containerd's deepest is about 90).
const ROOT: &str = "/var/lib/anchorwatch-cluster";
const TURN: &str = "/run/lock/anchorwatch-turn.lock";
const LOCK: &str = "/run/lock/anchorwatch-cluster.lock";

/// The state folder and what is in it.
#[derive(Debug, Clone)]
pub struct State {
    root: PathBuf,
}

impl State {
    pub fn here() -> Self {
        Self { root: ROOT.into() }
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// A path as an argument or a line of a configuration file.
    pub fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub fn exists(&self) -> bool {
        self.root.exists()
    }

    pub fn journal(&self) -> PathBuf {
        self.path("journal.jsonl")
    }

    pub fn kubeconfig(&self) -> PathBuf {
        self.path("admin.kubeconfig")
    }

    pub fn log(&self, component: &str) -> PathBuf {
        self.path("log").join(format!("{component}.log"))
    }

    pub fn audit_log(&self) -> PathBuf {
        self.path("log/audit.jsonl")
    }
}

/// Held by whoever works with what runs in the cluster: the demo and the tests install, restart and count there.
pub fn turn() -> Result<Lock> {
    lock::acquire(Path::new(TURN), "the local cluster, in its demo, tests or measurements")
}

/// Held by whoever brings the cluster up or down.
pub fn lock() -> Result<Lock> {
    lock::acquire(Path::new(LOCK), "the local cluster")
}

/// Removes the state.
pub fn forget(state: &State) -> Result<()> {
    // Whatever is still mounted below is not ours to delete.
    let mounted = mounts::read()?
        .into_iter()
        .find(|mount| mount.target.starts_with(state.root()));
    if let Some(mount) = mounted {
        bail!("{} is still mounted", mount.target.display());
    }
    std::fs::remove_dir_all(state.root()).with_context(|| format!("cannot remove {}", state.root().display()))
}
