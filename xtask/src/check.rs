//! `cargo xtask check`: everything that can be said of the tree without running it. Each part is also a stage of
//! `cargo xtask test`.

mod deny;
mod direction;
mod layout;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, bail};

use crate::{bpf, generate, paths, progress, run};

/// Formatting, lints, direction of dependencies, layout, generated files, licences and sources of dependencies.
#[derive(Debug, clap::Args)]
pub struct Arguments {}

/// What a check that did not fail says.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Holds,
    /// It could not be done here: name of what was not checked, and why.
    Skipped {
        name: String,
        reason: String,
    },
}

/// A check: how it is called, and what does it.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    pub name: &'static str,
    pub run: fn() -> Result<Verdict>,
}

pub const ALL: [Check; 8] = [
    Check {
        name: "format",
        run: format,
    },
    Check {
        name: "lints",
        run: lints,
    },
    Check {
        name: "direction",
        run: direction::check,
    },
    Check {
        name: "layout",
        run: layout::check,
    },
    Check {
        name: "generated",
        run: generated,
    },
    Check {
        name: "bpf-object",
        run: bpf_object,
    },
    Check {
        name: "deny",
        run: deny::check,
    },
    Check {
        name: "advisories",
        run: deny::advisories,
    },
];

pub fn run(_: &Arguments) -> Result<()> {
    let mut failed = Vec::new();
    for check in ALL {
        match progress::step(check.name, check.run) {
            Ok(Verdict::Holds) => println!("{:<12} ok", check.name),
            Ok(Verdict::Skipped { name, reason }) => println!("{:<12} SKIPPED {name}: {reason}", check.name),
            Err(error) => {
                println!("{:<12} FAILED\n{error:#}\n", check.name);
                failed.push(check.name);
            }
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!("failed: {}", failed.join(", "))
}

fn format() -> Result<Verdict> {
    run::quiet(
        run::command("cargo")
            .args(["fmt", "--all", "--check"])
            .current_dir(paths::repository()),
    )?;
    let programs = ["fmt", "--check", "--manifest-path", "sensor-ebpf/Cargo.toml"];
    run::quiet(run::command("cargo").args(programs).current_dir(paths::repository()))?;
    run::quiet(
        run::command("rustfmt")
            .args(["--check", "--edition", "2024"])
            .args(fuzz_targets()?)
            .current_dir(paths::repository()),
    )?;
    Ok(Verdict::Holds)
}

/// Without what they share: it is links to the sensor's sources, whose tests lie elsewhere.
fn fuzz_targets() -> Result<Vec<PathBuf>> {
    let files = fs::read_dir(paths::repository().join("fuzz/targets"))?;
    files.map(|file| Ok(file?.path())).collect()
}

fn lints() -> Result<Verdict> {
    let arguments = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--locked",
        "--quiet",
        "--",
        "-D",
        "warnings",
    ];
    run::logged(
        run::command("cargo").args(arguments).current_dir(paths::repository()),
        "clippy",
    )?;
    run::logged(&mut fuzz_check(), "fuzz-check")?;
    Ok(Verdict::Holds)
}

/// Whether the fuzz targets still fit the sources that they link to: they are a workspace of their own, which nothing else
/// compiles every day. Nothing is linked, so that the fuzzer's own library need not be there.
fn fuzz_check() -> Command {
    let mut command = run::command("cargo");
    command
        .args(["check", "--manifest-path", "fuzz/Cargo.toml", "--locked", "--quiet"])
        .env("CUSTOM_LIBFUZZER_PATH", "/nowhere/libfuzzer.a")
        .current_dir(paths::repository());
    command
}

fn generated() -> Result<Verdict> {
    generate::check()?;
    Ok(Verdict::Holds)
}

fn bpf_object() -> Result<Verdict> {
    bpf::check()?;
    Ok(Verdict::Holds)
}
