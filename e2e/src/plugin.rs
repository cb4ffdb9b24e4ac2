//! The plugin itself, run as a person would against the cluster that a test was offered.

use std::process::{Command, Output};

use anyhow::{Context, Result};

use crate::cluster::{CONTEXT, KUBECONFIG};

/// Runs `kubectl drift` with these arguments.
pub fn drift(arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    command
        .args(["run", "--quiet", "--package", "kubectl-drift", "--"])
        .args(arguments);
    offered(&mut command).output().context("the plugin can't be run")
}

fn offered(command: &mut Command) -> &mut Command {
    if let Some(path) = std::env::var_os(KUBECONFIG) {
        command.env("KUBECONFIG", path);
    }
    if let Ok(context) = std::env::var(CONTEXT) {
        command.args(["--context", &context]);
    }
    command
}
