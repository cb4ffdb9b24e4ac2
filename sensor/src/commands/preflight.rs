//! What this node offers, and what is missing.

use anchorwatch_sensor::args::{Options, Output};
use anchorwatch_sensor::preflight::{Findings, checks};
use std::io::Write;
use std::process::ExitCode;

use super::load_options;

pub fn run(options: &Options, output: Output) -> anyhow::Result<ExitCode> {
    let checks = checks(options, &load_options(options, true));
    let findings = Findings::from(checks.as_slice());
    let mut out = std::io::stdout().lock();
    match output {
        Output::Text => {
            for check in &checks {
                writeln!(out, "{check}")?;
            }
            writeln!(out, "{}", findings.verdict())?;
        }
        Output::Json => writeln!(out, "{}", serde_json::to_string_pretty(&findings)?)?,
    }
    Ok(if findings.can_run {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
