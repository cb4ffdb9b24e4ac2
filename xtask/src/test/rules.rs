//! The chart's alerting rules. They are off by default, and so never part of what is installed here: they are tried by promtool,
//! and by a Prometheus that scrapes the release.

use std::path::PathBuf;
use std::process::Command;

use anyhow::Result;

use crate::cluster::Kubectl;
use crate::setup::debian;
use crate::{paths, run};

/// Debian's release with a Prometheus that is maintained, and its tool.
const SUITE: &str = "trixie";

/// The rules as a file of Prometheus's own, with these values of the chart.
fn rendered(kubectl: &Kubectl, values: &[&str]) -> Result<String> {
    let mut command = kubectl.helm()?;
    command.args(["template", "anchorwatch", "--set", "prometheusRule.enabled=true"]);
    for value in values {
        command.args(["--set", value]);
    }
    command.args(["--show-only", "templates/prometheusrule.yaml"]);
    let text = run::output(command.arg(paths::repository().join("charts/anchorwatch")))?;
    let object: serde_yaml::Value = serde_yaml::from_str(&text)?;
    Ok(serde_yaml::to_string(&object["spec"])?)
}

/// Prometheus's own tool takes them, and they fire as their tests say.
pub fn fire(kubectl: &Kubectl) -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("rules.yaml"), rendered(kubectl, &[])?)?;
    std::fs::write(folder.path().join("rules.test.yaml"), include_str!("rules.test.yaml"))?;
    let promtool = debian::unpacked(SUITE, &["promtool"])?.join("usr/bin/promtool");
    let mut promtool = run::command(promtool);
    run::quiet(
        promtool
            .args(["test", "rules", "rules.test.yaml"])
            .current_dir(folder.path()),
    )
}

/// Debian's Prometheus.
pub fn prometheus() -> Result<PathBuf> {
    Ok(debian::unpacked(SUITE, &["prometheus"])?.join("usr/bin/prometheus"))
}

/// Tells a program of e2e where Prometheus is, and the rules, which fire without waiting.
pub fn offer(kubectl: &Kubectl, command: &mut Command) -> Result<()> {
    let rules = paths::cache_folder("prometheus")?.join("rules.yaml");
    run::write_atomically(&rules, rendered(kubectl, &["prometheusRule.for=0s"])?)?;
    command.env("ANCHORWATCH_E2E_PROMETHEUS", prometheus()?);
    command.env("ANCHORWATCH_E2E_RULES", rules);
    Ok(())
}
