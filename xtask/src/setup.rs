//! What each step needs and how it is got: found if it is there, else installed or built into the cache.

pub mod apt;
pub mod bpf_toolchain;
pub mod cargo_tool;
pub mod debian;
pub mod go;
pub mod lock;
pub mod tool;
pub mod versions;

use anyhow::Result;
use clap::ValueEnum;

/// Get ahead of time what the commands would get by themselves.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which part; everything if it is left out.
    #[arg(value_enum)]
    parts: Vec<Part>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Packages and programs of the local cluster, and Helm.
    Cluster,
    /// What `cargo xtask check` runs.
    Check,
    /// What builds the eBPF programs.
    Bpf,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let wanted = |part| arguments.parts.is_empty() || arguments.parts.contains(&part);
    if wanted(Part::Cluster) {
        apt::ensure("the local cluster", apt::CLUSTER)?;
        go::prepare()?;
        println!("cluster programs: {}", go::localcluster()?.display());
        println!("coredns: {}", go::coredns()?.display());
        println!("helm: {}", go::helm()?.display());
    }
    if wanted(Part::Check) {
        println!("cargo-deny: {}", cargo_tool::cargo_deny()?.display());
    }
    if wanted(Part::Bpf) {
        println!("eBPF toolchain: {}", bpf_toolchain::describe(&bpf_toolchain::get()?));
    }
    Ok(())
}
