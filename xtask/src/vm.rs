//! The eBPF programs on another kernel: boots it in software emulation and runs the live tests of the sensor in it.

mod console;
mod guest;
mod initramfs;
mod kernel;

use anyhow::{Context, Result, bail, ensure};
use cargo_metadata::Message;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::Stdio;

use crate::setup::apt;
use crate::{paths, progress, run};
use console::Report;
use kernel::Kernel;

/// The oldest kernel that is supported.
pub const OLDEST: Kernel = Kernel::V6_1;

/// Run the live eBPF tests on another kernel, in a virtual machine.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which kernel of Debian's.
    #[arg(long, value_enum, default_value = "6.1")]
    kernel: Kernel,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let report = test(arguments.kernel)?;
    for line in &report.verified {
        println!("verified instructions: {line}");
    }
    for test in &report.tests {
        println!("{test}");
    }
    if !report.failures.is_empty() {
        println!("{}", report.failures);
    }
    println!("kernel {}: {}", report.kernel, report.summary());
    ensure!(report.failed == 0, "tests failed on kernel {}", report.kernel);
    Ok(())
}

/// Boots the kernel and returns what the tests said; an error if they could not be run to their end.
pub fn test(kernel: Kernel) -> Result<Report> {
    apt::ensure("the virtual machine", apt::VIRTUAL_MACHINE)?;
    let files = kernel.files()?;
    let live = progress::step("building the live tests", live_tests)?;
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let initramfs = initramfs::make(work.path(), &live, &files.modules)?;
    let log = paths::cache_folder("log")?.join(format!("vm-{}", kernel.name()));
    progress::step(&format!("running the live tests on kernel {}", kernel.name()), || {
        guest::boot(&files.image, &initramfs, &log)
    })?;
    let text = std::fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
    console::parse(&String::from_utf8_lossy(&text))
        .with_context(|| format!("the guest did not come to its end; its console is in {}", log.display()))
}

/// Builds the sensor's live tests and returns the program.
fn live_tests() -> Result<PathBuf> {
    let mut cargo = run::command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args([
            "test",
            "--package",
            "anchorwatch-sensor",
            "--test",
            "live",
            "--no-run",
            "--quiet",
        ])
        .arg("--message-format=json-render-diagnostics")
        .current_dir(paths::repository())
        .stdout(Stdio::piped());
    let mut child = cargo.spawn().context("cannot run cargo")?;
    let output = child.stdout.take().context("cargo has no output")?;
    let mut program = None;
    for message in Message::parse_stream(BufReader::new(output)) {
        if let Message::CompilerArtifact(artifact) = message?
            && artifact.target.name == "live"
        {
            program = artifact.executable;
        }
    }
    if !child.wait()?.success() {
        bail!("the live tests do not build");
    }
    Ok(program.context("cargo built no live tests")?.into_std_path_buf())
}
