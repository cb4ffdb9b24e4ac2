//! `cargo xtask fuzz`: what strangers' bytes go through, by libFuzzer (`fuzz/`). What it finds is mended and kept as a unit
//! test beside the code; the seeds stay small.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::setup::{apt, bpf_toolchain, cargo_tool};
use crate::{paths, progress, run};

/// Every target: a file in `fuzz/targets`, and its seeds in `fuzz/seeds`.
pub const TARGETS: [&str; 7] = ["btf", "cgroup", "command", "decode", "dns", "elf", "recording"];

/// How long each target of all of them is fuzzed in `cargo xtask test --full`.
pub const BRIEFLY: Duration = Duration::from_secs(10);

/// An input that takes longer than this many seconds, or more than this many MiB, is a finding.
const SLOW_SECONDS: u32 = 5;
const LARGE_MIB: u32 = 1024;
/// Longest input in bytes: a record with a path and arguments, or a page of type information.
const LONGEST: u32 = 16_384;

/// Feed made-up bytes to what reads strangers' bytes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  cargo xtask fuzz\n  cargo xtask fuzz dns --seconds 600")]
pub struct Arguments {
    /// Only this target.
    #[arg(value_parser = TARGETS)]
    target: Option<String>,
    /// How long each target is fuzzed.
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    seconds: u64,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    build()?;
    let chosen = |target: &&str| arguments.target.as_deref().is_none_or(|chosen| chosen == *target);
    for target in TARGETS.into_iter().filter(chosen) {
        println!("{}", fuzz(target, Duration::from_secs(arguments.seconds))?);
    }
    Ok(())
}

/// Whether the compiler is there that the fuzzer needs, without getting it.
pub fn is_possible() -> bool {
    bpf_toolchain::has_nightly()
}

/// Gets the fuzzer and builds every target.
pub fn build() -> Result<()> {
    apt::ensure("fuzzing", apt::FUZZING)?;
    progress::step("building the fuzz targets (minutes, the first time)", || {
        run::logged(&mut cargo_fuzz("build")?, "fuzz-build")
    })
}

/// Fuzzes one target, from its seeds and what former runs have found worth keeping, and says how far it got.
pub fn fuzz(target: &str, time: Duration) -> Result<String> {
    let place = paths::target().join("fuzz");
    let corpus = place.join("corpus").join(target);
    let findings = place.join("findings").join(target);
    for folder in [&corpus, &findings] {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let log = format!("fuzz-{target}");
    let mut command = cargo_fuzz("run")?;
    command
        .arg(target)
        .arg(&corpus)
        .arg(folder().join("seeds").join(target));
    command.arg("--").args([
        format!("-max_total_time={}", time.as_secs()),
        format!("-timeout={SLOW_SECONDS}"),
        format!("-rss_limit_mb={LARGE_MIB}"),
        format!("-max_len={LONGEST}"),
        format!("-artifact_prefix={}/", findings.display()),
        "-print_final_stats=1".to_owned(),
    ]);
    let message = format!("fuzzing {target} for {} s", time.as_secs());
    progress::step(&message, || run::logged(&mut command, &log))?;
    let path = paths::cache_folder("log")?.join(&log);
    let said = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    outcome(target, &String::from_utf8_lossy(&said))
}

/// From what libFuzzer says at its end: `#1234 DONE cov: 56 ft: 78 …`.
fn outcome(target: &str, said: &str) -> Result<String> {
    let done = said.lines().rev().find_map(|line| {
        let (runs, rest) = line.trim().strip_prefix('#')?.split_once(char::is_whitespace)?;
        let covered = rest.trim().strip_prefix("DONE")?.trim().strip_prefix("cov: ")?;
        Some((runs, covered.split_whitespace().next()?))
    });
    match done {
        Some((runs, covered)) => Ok(format!(
            "{target}: {runs} inputs, {covered} places reached, nothing found"
        )),
        None => bail!("the fuzzer of {target} did not come to its end"),
    }
}

fn folder() -> PathBuf {
    paths::repository().join("fuzz")
}

/// A command of cargo-fuzz. Without a sanitizer: what is fuzzed is safe Rust, and checks its sums.
fn cargo_fuzz(command: &str) -> Result<Command> {
    let tool = cargo_tool::cargo_fuzz()?;
    let mut nightly = run::command("rustup");
    nightly.args(["run", "nightly"]).arg(tool).args(["fuzz", command]);
    nightly.args(["--sanitizer", "none", "--fuzz-dir"]).arg(folder());
    nightly.arg("--target-dir").arg(paths::target().join("fuzz/build"));
    // What this program was run by is another cargo.
    for variable in ["CARGO", "RUSTUP_TOOLCHAIN", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
        nightly.env_remove(variable);
    }
    nightly.current_dir(paths::repository());
    Ok(nightly)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_a_file_and_seeds() {
        let names = |kind: &str| {
            let entries = std::fs::read_dir(folder().join(kind)).unwrap();
            let mut names: Vec<String> = entries
                .map(|entry| {
                    entry
                        .unwrap()
                        .path()
                        .file_stem()
                        .unwrap()
                        .to_string_lossy()
                        .into_owned()
                })
                .collect();
            names.sort();
            names
        };
        assert_eq!(names("targets"), TARGETS);
        assert_eq!(names("seeds"), TARGETS);
    }

    #[test]
    fn how_far_it_got_is_read_from_what_the_fuzzer_says_last() {
        let said =
            "#2\tINITED cov: 3 ft: 4\n#4096\tpulse  cov: 9 ft: 9\n#5000\tDONE   cov: 12 ft: 30 corp: 7/1Kb\nDone\n";
        assert_eq!(
            outcome("dns", said).unwrap(),
            "dns: 5000 inputs, 12 places reached, nothing found"
        );
        assert!(outcome("dns", "#2\tINITED cov: 3 ft: 4\n").is_err());
    }
}
