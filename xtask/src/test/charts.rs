//! The charts behave: they hold to Helm's rules, and uninstalling takes everything but the definitions, and with them
//! what was learned.

use anyhow::{Result, ensure};

use super::ledger::Counts;
use super::rules;
use super::stages::Environment;
use crate::cluster::Kubectl;
use crate::{install, paths, run};

/// What has to outlive an uninstall.
const KEPT: &str = "behaviorbaselines,driftalerts,rolloutrecords";
/// What has to be gone after it.
const OURS: &str = "deployments,daemonsets,services,serviceaccounts,roles,rolebindings,configmaps,networkpolicies";
const OURS_IN_NO_NAMESPACE: &str =
    "clusterroles,clusterrolebindings,validatingadmissionpolicies,validatingadmissionpolicybindings";
const LABEL: &str = "app.kubernetes.io/name=anchorwatch";

pub fn check(environment: &Environment) -> Result<Counts> {
    let kubectl = &environment.installed()?.kubectl;
    let mut counts = Counts::default();
    for chart in ["anchorwatch-crds", "anchorwatch"] {
        let folder = paths::repository().join("charts").join(chart);
        run::quiet(kubectl.helm()?.args(["lint", "--strict"]).arg(folder))?;
        counts.passed += 1;
    }
    rules::fire(kubectl)?;
    counts.passed += 1;
    resolvers_reach_the_sensor(kubectl)?;
    counts.passed += 1;
    let before = names(kubectl, &["--all-namespaces", KEPT])?;
    install::uninstall(kubectl)?;
    let after = names(kubectl, &["--all-namespaces", KEPT])?;
    let left = [
        names(kubectl, &["--namespace", install::NAMESPACE, OURS, "--selector", LABEL])?,
        names(kubectl, &[OURS_IN_NO_NAMESPACE, "--selector", LABEL])?,
    ];
    // Whoever comes next finds it installed, whatever is found here.
    install::install(environment.context.as_deref(), &environment.registry)?;
    let lost: Vec<&String> = before.iter().filter(|name| !after.contains(name)).collect();
    ensure!(lost.is_empty(), "uninstalling lost {lost:?}");
    ensure!(left.concat().is_empty(), "uninstalling left {left:?}");
    counts.passed += 1;
    Ok(counts)
}

/// Resolvers that are in no Service are the sensor's argument, and what is no address is refused.
fn resolvers_reach_the_sensor(kubectl: &Kubectl) -> Result<()> {
    let render = |value: &str| -> Result<String> {
        let mut command = kubectl.helm()?;
        command.args([
            "template",
            "anchorwatch",
            "--set",
            &format!("sensor.clusterDNS={value}"),
        ]);
        command.args(["--show-only", "templates/sensor.yaml"]);
        run::output(command.arg(paths::repository().join("charts/anchorwatch")))
    };
    let text = render("{169.254.20.10,[fd00::a]:5353}")?;
    let wanted = "- \"--cluster-dns=169.254.20.10,[fd00::a]:5353\"\n";
    ensure!(text.contains(wanted), "the sensor is not told of resolvers:\n{text}");
    ensure!(
        !render("null")?.contains("--cluster-dns"),
        "the sensor is told of resolvers that nobody named"
    );
    let Err(refusal) = render("{kube-dns}") else {
        anyhow::bail!("a name was taken for a resolver's address");
    };
    let refusal = format!("{refusal:#}");
    ensure!(
        refusal.contains("clusterDNS"),
        "a resolver's name is refused by {refusal}"
    );
    Ok(())
}

fn names(kubectl: &Kubectl, what: &[&str]) -> Result<Vec<String>> {
    let template = "jsonpath={range .items[*]}{.kind}/{.metadata.namespace}/{.metadata.name}{\"\\n\"}{end}";
    let text = run::output(kubectl.command().args(["get", "--output", template]).args(what))?;
    Ok(text.lines().map(str::to_owned).collect())
}
