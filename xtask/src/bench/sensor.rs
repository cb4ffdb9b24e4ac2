//! The benches of the sensor: its example `measure`, built as it is shipped, on the real binary.

use anyhow::Result;

use crate::setup::{apt, debian};
use crate::{paths, progress, run};

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub struct Extent {
    pub rounds: u32,
    pub share: f64,
}

/// Builds sensor and bench.
pub fn build() -> Result<()> {
    apt::ensure("the benches of the sensor", apt::BENCHES)?;
    let mut command = cargo("build");
    command.args(["--bin", "anchorwatch-sensor", "--example", "measure"]);
    progress::step("building the sensor as it is shipped", || {
        run::logged(&mut command, "bench-build")
    })
}

/// Runs one and returns what it wrote: a JSON line a figure.
pub fn measure(name: &str, extent: Extent) -> Result<String> {
    let mut command = cargo("run");
    command
        .args(["--quiet", "--example", "measure", "--", name])
        .arg("--sensor")
        .arg(paths::target().join("release/anchorwatch-sensor"))
        .args([
            "--rounds",
            &extent.rounds.to_string(),
            "--share",
            &extent.share.to_string(),
        ]);
    if name == "redis" {
        command
            .arg("--root")
            .arg(debian::rootfs(&["redis-server", "redis-tools"])?);
    }
    progress::step(&format!("measuring {name}"), || run::output(&mut command))
}

fn cargo(what: &str) -> std::process::Command {
    let mut command = run::command("cargo");
    command
        .args([what, "--release", "--package", "anchorwatch-sensor"])
        .current_dir(paths::repository());
    command
}
