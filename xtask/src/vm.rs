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
pub use kernel::Kernel;

/// The oldest kernel that is supported.
pub const OLDEST: Kernel = Kernel::V6_1;

/// More instructions would leave too little room to the verifiers of other kernels, which give up at a million.
const MAX_VERIFIED: u64 = 100_000;

/// Run the live eBPF tests on other kernels, in a virtual machine.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask vm\n  cargo xtask vm --kernel all\n  cargo xtask vm --kernel newest network"
)]
pub struct Arguments {
    /// Which kernel of Debian's.
    #[arg(long, value_enum, default_value = "6.1")]
    kernel: Choice,
    /// Only tests whose names contain this.
    filter: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Choice {
    /// The oldest that is supported; Debian 12.
    #[value(name = "6.1")]
    V6_1,
    /// Debian 13.
    #[value(name = "6.12")]
    V6_12,
    /// The newest that Debian has in its unstable suite.
    Newest,
    /// One after the other.
    All,
}

impl Choice {
    const fn kernels(self) -> &'static [Kernel] {
        match self {
            Self::V6_1 => &[Kernel::V6_1],
            Self::V6_12 => &[Kernel::V6_12],
            Self::Newest => &[Kernel::Newest],
            Self::All => &Kernel::ALL,
        }
    }
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let mut summaries = Vec::new();
    let mut holds = true;
    for kernel in arguments.kernel.kernels() {
        let report = test(*kernel, arguments.filter.as_deref())?;
        for test in &report.tests {
            println!("{test}");
        }
        print_findings(&report);
        holds &= report.holds();
        summaries.push(format!("kernel {}: {}", report.kernel, report.summary()));
    }
    println!("{}", summaries.join("\n"));
    ensure!(holds, "the live tests do not hold on every kernel");
    Ok(())
}

/// What the verifier said, and the output of what failed.
pub fn print_findings(report: &Report) {
    for program in &report.verified {
        let mark = if program.instructions > MAX_VERIFIED {
            "  TOO MANY"
        } else {
            ""
        };
        println!(
            "  {:>7} verified instructions: {}{mark}",
            program.instructions, program.name
        );
    }
    if !report.failures.is_empty() {
        println!("{}", report.failures);
    }
}

/// Boots the kernel and returns what the tests said; an error if they could not be run to their end.
pub fn test(kernel: Kernel, filter: Option<&str>) -> Result<Report> {
    apt::ensure("the virtual machine", apt::VIRTUAL_MACHINE)?;
    let files = kernel.files()?;
    let live = progress::step("building the live tests", live_tests)?;
    let work = tempfile::tempdir().context("cannot make a temporary folder")?;
    let initramfs = initramfs::make(work.path(), &live, &files)?;
    // A run beside this one must not write into what is read here.
    let console = work.path().join("console");
    let booted = progress::step(&format!("running the live tests on kernel {}", kernel.name()), || {
        guest::boot(&files.image, &initramfs, filter, &console)
    });
    let text = std::fs::read(&console).unwrap_or_default();
    let log = paths::cache_folder("log")?.join(format!("vm-{}", kernel.name()));
    run::write_atomically(&log, &text)?;
    booted?;
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
