//! Tests that cargo runs. A test that cannot run somewhere appends a line `its_name: reason` to the file that the
//! variable `ANCHORWATCH_SKIP_FILE` names, and returns: it is then counted as skipped, by that name.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};

use super::ledger::{Counts, parse_skips};
use crate::{paths, progress, run};

const SKIP_FILE: &str = "ANCHORWATCH_SKIP_FILE";

/// How much of a failed run's output is shown; all of it is in the log.
const SHOWN_LINES: usize = 250;

/// Builds the tests without running them.
pub fn build(arguments: &[&str]) -> Result<()> {
    let mut command = cargo(arguments);
    progress::step(&format!("building tests: {}", arguments.join(" ")), || {
        run::logged(command.arg("--no-run"), "test-build")
    })
}

/// Runs them and adds up what they say.
pub fn test(
    stage: &str,
    arguments: &[&str],
    after: &[&str],
    offer: impl FnOnce(&mut Command) -> Result<()>,
) -> Result<Counts> {
    let log = paths::cache_folder("log")?.join(format!("test-{stage}"));
    let skips = tempfile::NamedTempFile::new().context("cannot make a temporary file")?;
    let mut command = cargo(arguments);
    command
        .args(["--no-fail-fast", "--"])
        .args(after)
        .env(SKIP_FILE, skips.path());
    offer(&mut command)?;
    let file = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let status = command
        .stdout(file.try_clone()?)
        .stderr(file)
        .status()
        .context("cannot run cargo")?;
    let output = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
    let mut counts = Counts::of_cargo(&output, parse_skips(&fs::read_to_string(skips.path())?));
    if !status.success() {
        // A test binary that died says nothing of its result.
        counts.failed = counts.failed.max(1);
        println!("{}\n(all of it: {})", end_of(&output), log.display());
    }
    Ok(counts)
}

fn cargo(arguments: &[&str]) -> Command {
    let mut command = run::command("cargo");
    command
        .args(["test", "--locked"])
        .args(arguments)
        .current_dir(paths::repository());
    command
}

/// Without the lines about what went well.
fn end_of(output: &str) -> String {
    let lines: Vec<&str> = output.lines().filter(|line| !line.ends_with(" ... ok")).collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}
