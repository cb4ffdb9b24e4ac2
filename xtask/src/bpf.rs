//! `cargo xtask bpf`: the eBPF object that is committed, so that a checkout builds on stable Rust alone, and the record
//! of what it was built from, so that nobody forgets to build it again.

mod record;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::setup::bpf_toolchain::{self, HOW_TO_GET, Toolchain};
use crate::setup::versions;
use crate::{paths, progress, run};
use record::{Action, Record, Tools};

const OBJECT: &str = "sensor/bpf/anchorwatch.bpf.o";
const RECORD: &str = "sensor/bpf/anchorwatch.bpf.toml";
const TARGET: &str = "bpfel-unknown-none";

/// Build the eBPF programs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask bpf\n  cargo xtask bpf --check")]
pub struct Arguments {
    /// Change nothing; fail if the object is not what its sources make. Gets no toolchain: without one the recorded
    /// hashes decide.
    #[arg(long)]
    check: bool,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if arguments.check {
        println!("{}", check()?);
        return Ok(());
    }
    let toolchain = bpf_toolchain::get()?;
    let root = paths::repository();
    let sources = record::sources(&root)?;
    let object = build(&root, &toolchain)?;
    let record = Record::new(sources, record::sha256(&object), tools(&toolchain));
    run::write_atomically(&root.join(OBJECT), &object)?;
    run::write_atomically(&root.join(RECORD), record.to_text()?)?;
    println!(
        "{OBJECT}: {} bytes, built by {}",
        object.len(),
        bpf_toolchain::describe(&toolchain)
    );
    Ok(())
}

/// Whether the object is current, and how that was found out.
pub fn check() -> Result<String> {
    let root = paths::repository();
    let read = |path: &str| {
        fs::read(root.join(path)).with_context(|| format!("cannot read {path}; `cargo xtask bpf` writes it"))
    };
    let record = Record::parse(&String::from_utf8(read(RECORD)?)?).with_context(|| format!("cannot read {RECORD}"))?;
    let object = read(OBJECT)?;
    let toolchain = bpf_toolchain::find()?;
    match record.judge(
        &record::sources(&root)?,
        &record::sha256(&object),
        toolchain.as_ref().map(tools).as_ref(),
    ) {
        Action::RefuseObject => bail!("{OBJECT} is not the object that {RECORD} records: run `cargo xtask bpf`"),
        Action::RefuseSources if toolchain.is_some() => {
            bail!("{OBJECT} was built from other sources: run `cargo xtask bpf`")
        }
        Action::RefuseSources => {
            bail!("{OBJECT} was built from other sources, and there is no toolchain here to build it; {HOW_TO_GET}")
        }
        Action::TrustHashes => Ok(format!("{OBJECT} is current by the recorded hashes")),
        Action::Rebuild => {
            let toolchain = toolchain.context("a rebuild was decided without a toolchain")?;
            ensure!(
                build(&root, &toolchain)? == object,
                "{OBJECT} is not what its sources make here: run `cargo xtask bpf`"
            );
            Ok(format!(
                "{OBJECT} is current: built again, it is the same byte for byte"
            ))
        }
    }
}

fn tools(toolchain: &Toolchain) -> Tools {
    Tools {
        rustc: toolchain.rustc.clone(),
        core: toolchain.core.clone(),
        bpf_linker: versions::BPF_LINKER.to_owned(),
    }
}

fn build(root: &Path, toolchain: &Toolchain) -> Result<Vec<u8>> {
    let target = paths::target().join("bpf");
    let mut command = run::command("rustup");
    command.args([
        "run",
        "nightly",
        "cargo",
        "build",
        "--release",
        "--locked",
        "--target",
        TARGET,
        "-Z",
        "build-std=core",
    ]);
    command
        .current_dir(root.join("sensor-ebpf"))
        .env("CARGO_TARGET_DIR", &target);
    command
        .env("RUSTFLAGS", flags(root, toolchain)?.join(" "))
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    // By name and PATH: the linker's own path would go into the symbols' hashes.
    command.env("PATH", prefixed_path(&toolchain.linker)?);
    if !toolchain.library.starts_with(&toolchain.sysroot) {
        // Cargo has no other way to name a source of `core` outside the compiler's own folder, which is not ours.
        command.env("__CARGO_TESTS_ONLY_SRC_ROOT", &toolchain.library);
    }
    progress::step("building the eBPF programs", || run::logged(&mut command, "bpf-build"))?;
    let object = target.join(TARGET).join("release/anchorwatch");
    fs::read(&object).with_context(|| format!("cannot read {}", object.display()))
}

/// Paths are mapped to names, so that the object is the same wherever it is built.
fn flags(root: &Path, toolchain: &Toolchain) -> Result<Vec<String>> {
    let mut flags = ["-C", "linker=bpf-linker", "-C", "debuginfo=2", "-C", "link-arg=--btf"]
        .map(str::to_owned)
        .to_vec();
    // The last match counts: the library may lie inside the sysroot, and the cargo home may hold a checkout.
    let homes = [
        (cargo_home()?, "/cargo"),
        (toolchain.sysroot.clone(), "/rust"),
        (toolchain.library.clone(), "/rust/library"),
        (root.to_owned(), "/anchorwatch"),
    ];
    for (path, name) in homes {
        let path = path
            .to_str()
            .with_context(|| format!("{} is no text", path.display()))?
            .to_owned();
        ensure!(
            !path.contains(' '),
            "{path} has a space in it, which compiler flags cannot express"
        );
        flags.push(format!("--remap-path-prefix={path}={name}"));
    }
    Ok(flags)
}

fn cargo_home() -> Result<PathBuf> {
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(home)
        .context("neither CARGO_HOME nor HOME is set")
}

fn prefixed_path(folder: &Path) -> Result<std::ffi::OsString> {
    let known = run::search_path();
    let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&known));
    std::env::join_paths(folders).context("the PATH cannot be joined")
}
