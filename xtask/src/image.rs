//! `cargo xtask image`: images FROM scratch, made with buildah and pushed to a registry.

mod traces;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::run;
use traces::Traces;

/// Build the images of operator and sensor and push them.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The registry to push to; the local cluster's if left out.
    #[arg(long, value_name = "REGISTRY", default_value = crate::cluster::REGISTRY)]
    push: String,
}

pub fn run(_arguments: &Arguments) -> Result<()> {
    anyhow::bail!("not yet")
}

/// buildah with its storage in a folder of ours instead of the system's.
#[derive(Debug)]
pub struct Builder {
    storage: PathBuf,
}

impl Builder {
    pub fn in_folder(storage: &Path) -> Self {
        Self {
            storage: storage.to_owned(),
        }
    }

    /// Makes an image of one layer from a folder and pushes it; returns the digest of its manifest.
    pub fn push_folder(
        &self,
        root: &Path,
        name: &str,
        entrypoint: &[&str],
        environment: &[(&str, &str)],
        user: Option<&str>,
    ) -> Result<String> {
        let _traces = Traces::remember();
        let container = run::output(&mut self.buildah(&["from", "scratch"]))?;
        let result = self.commit_and_push(&container, root, name, entrypoint, environment, user);
        run::succeeds(self.buildah(&["rm"]).arg(&container));
        result
    }

    fn commit_and_push(
        &self,
        container: &str,
        root: &Path,
        name: &str,
        entrypoint: &[&str],
        environment: &[(&str, &str)],
        user: Option<&str>,
    ) -> Result<String> {
        run::quiet(self.buildah(&["copy", "--quiet", container]).arg(root).arg("/"))?;
        let mut config = self.buildah(&["config", "--entrypoint", &serde_json::to_string(entrypoint)?]);
        for (key, value) in environment {
            config.args(["--env", &format!("{key}={value}")]);
        }
        if let Some(user) = user {
            config.args(["--user", user]);
        }
        run::quiet(config.arg(container))?;
        run::quiet(&mut self.buildah(&["commit", "--quiet", container, name]))?;
        let digest = self.storage.join("digest");
        let target = format!("docker://{name}");
        run::quiet(
            self.buildah(&["push", "--quiet", "--tls-verify=false", "--digestfile"])
                .arg(&digest)
                .args([name, &target]),
        )?;
        std::fs::read_to_string(&digest).with_context(|| format!("cannot read {}", digest.display()))
    }

    fn buildah(&self, arguments: &[&str]) -> Command {
        let mut command = run::command("buildah");
        // The plain driver works everywhere, in containers too; our images are a layer of a few megabytes.
        command
            .args(["--storage-driver", "vfs", "--root"])
            .arg(self.storage.join("root"));
        command.arg("--runroot").arg(self.storage.join("run")).args(arguments);
        command
    }
}
