//! The plugin itself, run as a person would against the cluster that a test was offered.

use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};

use crate::cluster::{CONTEXT, KUBECONFIG};

/// Runs `kubectl drift` with these arguments.
pub fn drift(arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()));
    command
        .args(["run", "--quiet", "--package", "kubectl-drift", "--"])
        .args(arguments);
    offered(&mut command).output().context("the plugin can't be run")
}

/// As [`drift`], and what it printed; an error where it ends otherwise than with this code.
pub fn drift_ends(code: i32, arguments: &[&str]) -> Result<String> {
    let output = drift(arguments)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.code() == Some(code),
        "kubectl drift {} ended with {:?}: {said}{}",
        arguments.join(" "),
        output.status.code(),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(said)
}

/// The kubectl that the environment offers, with what it needs to know of the cluster.
pub fn offered_kubectl() -> Result<Command> {
    let offered = std::env::var("ANCHORWATCH_E2E_KUBECTL").unwrap_or_else(|_| "kubectl".into());
    let mut words = offered.lines();
    let mut command = Command::new(words.next().context("kubectl has no name")?);
    command.args(words);
    Ok(command)
}

/// Runs `kubectl` with these arguments and what it reads; none where there is no kubectl.
pub fn kubectl(arguments: &[&str], input: &str) -> Result<Option<Output>> {
    use std::io::Write as _;
    let mut command = Command::new("kubectl");
    command.stdin(std::process::Stdio::piped());
    command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped());
    let mut child = match offered(command.args(arguments)).spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context("kubectl can't be run"),
    };
    let mut stdin = child.stdin.take().context("it reads nothing")?;
    stdin.write_all(input.as_bytes())?;
    drop(stdin);
    Ok(Some(child.wait_with_output()?))
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
