//! Tools that come as Rust crates.

use std::path::PathBuf;

use anyhow::Result;

use super::{tool, versions};
use crate::run;

/// `cargo deny`.
pub fn cargo_deny() -> Result<PathBuf> {
    install("cargo-deny", versions::CARGO_DENY, &[])
}

/// `cargo fuzz`.
pub fn cargo_fuzz() -> Result<PathBuf> {
    install("cargo-fuzz", versions::CARGO_FUZZ, &[])
}

const BPF_LINKER_OPTIONS: [&str; 3] = ["--no-default-features", "--features", versions::BPF_LINKER_LLVM];

/// The linker of the eBPF programs.
pub fn bpf_linker() -> Result<PathBuf> {
    install("bpf-linker", versions::BPF_LINKER, &BPF_LINKER_OPTIONS)
}

/// The same, if it is there already.
pub fn present_bpf_linker() -> Result<Option<PathBuf>> {
    let folder = tool::present(&folder_name("bpf-linker", versions::BPF_LINKER, &BPF_LINKER_OPTIONS)?)?;
    Ok(folder.map(|folder| folder.join("bin/bpf-linker")))
}

fn install(name: &str, version: &str, options: &[&str]) -> Result<PathBuf> {
    let message = format!("building {name} {version} (minutes, the first time)");
    let folder = tool::cached(&folder_name(name, version, options)?, &message, |folder| {
        let mut command = run::command("cargo");
        command
            .args(["install", name, "--version", version, "--locked", "--root"])
            .arg(folder)
            .args(options);
        // Outside any checkout, so that no project's settings shape the tool.
        run::logged(command.env_remove("RUSTFLAGS").current_dir(folder), name)
    })?;
    Ok(folder.join("bin").join(name))
}

fn folder_name(name: &str, version: &str, options: &[&str]) -> Result<String> {
    Ok(format!("{name}-{version}-{}", tool::fingerprint(options, &[])?))
}
