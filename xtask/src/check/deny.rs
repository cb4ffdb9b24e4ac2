//! Licences, bans, sources and advisories of the dependencies, by cargo-deny.

use std::process::Command;

use anyhow::{Result, bail};

use super::Verdict;
use crate::setup::cargo_tool;
use crate::{paths, run};

pub fn check() -> Result<Verdict> {
    run::quiet(deny()?.args([
        "--all-features",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))?;
    Ok(Verdict::Holds)
}

/// Their database lies where not every machine may look; that it cannot be had is no failure of ours.
pub fn advisories() -> Result<Verdict> {
    let Err(error) = run::quiet(deny()?.args(["check", "--hide-inclusion-graph", "advisories"])) else {
        return Ok(Verdict::Holds);
    };
    if format!("{error:#}").contains("failed to fetch advisory database") {
        let reason = "the advisory database cannot be fetched from here".to_owned();
        return Ok(Verdict::Skipped {
            name: "advisories".to_owned(),
            reason,
        });
    }
    bail!(error)
}

fn deny() -> Result<Command> {
    let mut command = run::command(cargo_tool::cargo_deny()?);
    command
        .args(["--manifest-path", "Cargo.toml", "--locked"])
        .current_dir(paths::repository());
    Ok(command)
}
