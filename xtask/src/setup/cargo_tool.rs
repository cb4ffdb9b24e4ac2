//! Tools that come as Rust crates.

use std::path::PathBuf;

use anyhow::Result;

use super::{tool, versions};
use crate::run;

/// `cargo deny`.
pub fn cargo_deny() -> Result<PathBuf> {
    install("cargo-deny", versions::CARGO_DENY, &[])
}

/// The linker of the eBPF programs.
pub fn bpf_linker() -> Result<PathBuf> {
    install(
        "bpf-linker",
        versions::BPF_LINKER,
        &["--no-default-features", "--features", versions::BPF_LINKER_LLVM],
    )
}

fn install(name: &str, version: &str, options: &[&str]) -> Result<PathBuf> {
    let hash = tool::fingerprint(options, &[])?;
    let message = format!("building {name} {version} (minutes, the first time)");
    let folder = tool::cached(&format!("{name}-{version}-{hash}"), &message, |folder| {
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
