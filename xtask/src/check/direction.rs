//! Dependencies run in one direction: who may use whom inside the workspace, and what the pure crates may not reach.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

use super::Verdict;
use crate::paths;

const CONVERT: &str = "anchorwatch-convert";
const CORE: &str = "anchorwatch-core";
const CRDS: &str = "anchorwatch-crds";
const FIGURES: &str = "anchorwatch-figures";
const FLEET: &str = "anchorwatch-fleet";
const COMMON: &str = "anchorwatch-sensor-common";

/// Each package of the workspace, and which others it may use.
const MAY_USE: [(&str, &[&str]); 11] = [
    (CORE, &[]),
    (CRDS, &[]),
    (COMMON, &[]),
    (FIGURES, &[]),
    (CONVERT, &[CORE, CRDS]),
    (FLEET, &[CORE]),
    ("anchorwatch-sensor", &[CONVERT, CORE, CRDS, COMMON]),
    ("anchorwatch-operator", &[CONVERT, CORE, CRDS, FLEET]),
    ("kubectl-drift", &[CONVERT, CORE, CRDS]),
    // What is expected is written down there, never computed by the code under test.
    ("anchorwatch-e2e", &[CRDS, FIGURES]),
    // Core for the schema of recordings.
    ("xtask", &[CORE, CRDS]),
];

/// What core must not reach, by whatever way: I/O, clocks, async, the cluster, the kernel, chance.
const IMPURE: [&str; 14] = [
    "async-std",
    "aya",
    "axum",
    "getrandom",
    "hyper",
    "k8s-openapi",
    "kube",
    "libbpf-rs",
    "prometheus",
    "rand",
    "reqwest",
    "smol",
    "tokio",
    "tracing",
];

pub fn check() -> Result<Verdict> {
    let metadata = MetadataCommand::new()
        .current_dir(paths::repository())
        .exec()
        .context("cannot read cargo's metadata")?;
    let mut found = workspace_violations(&uses(&metadata));
    found.extend(purity_violations(&metadata)?);
    found.extend(lint_settings(&paths::repository())?);
    if found.is_empty() {
        Ok(Verdict::Holds)
    } else {
        bail!("{}", found.join("\n"))
    }
}

/// Pairs of workspace packages where the first normally depends on the second.
fn uses(metadata: &Metadata) -> Vec<(String, String)> {
    let members: BTreeSet<&str> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    let of = |package: &Package| {
        let normal = package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind == DependencyKind::Normal);
        let inside = normal.filter(|dependency| members.contains(dependency.name.as_str()));
        inside
            .map(|dependency| (package.name.to_string(), dependency.name.clone()))
            .collect::<Vec<_>>()
    };
    let mut pairs: Vec<_> = metadata.workspace_packages().into_iter().flat_map(of).collect();
    // A package that nobody uses must be in the table too.
    pairs.extend(members.iter().map(|name| ((*name).to_owned(), String::new())));
    pairs
}

fn workspace_violations(uses: &[(String, String)]) -> Vec<String> {
    let judge = |(user, used): &(String, String)| match MAY_USE.iter().find(|(name, _)| name == user) {
        None if used.is_empty() => Some(format!("{user} is not in the table of xtask/src/check/direction.rs")),
        None => None,
        Some((_, allowed)) => {
            (!used.is_empty() && !allowed.contains(&used.as_str())).then(|| format!("{user} must not depend on {used}"))
        }
    };
    uses.iter().filter_map(judge).collect()
}

/// sensor-common depends on nothing at all, core on nothing impure.
fn purity_violations(metadata: &Metadata) -> Result<Vec<String>> {
    let reach = |name: &str| {
        let package = metadata
            .workspace_packages()
            .into_iter()
            .find(|package| package.name == name);
        package
            .map(|package| reached(metadata, &package.id))
            .with_context(|| format!("there is no package {name}"))
    };
    let mut found: Vec<String> = reach(COMMON)?
        .iter()
        .map(|name| format!("{COMMON} must not depend on {name}"))
        .collect();
    let impure = reach(CORE)?.into_iter().filter(|name| IMPURE.contains(&name.as_str()));
    found.extend(impure.map(|name| format!("{CORE} is pure and must not reach {name}")));
    Ok(found)
}

/// Names of all packages that a package normally depends on, directly or not.
fn reached(metadata: &Metadata, start: &PackageId) -> BTreeSet<String> {
    let Some(resolve) = &metadata.resolve else {
        return BTreeSet::new();
    };
    let mut open = vec![start];
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        let Some(node) = resolve.nodes.iter().find(|node| node.id == *id) else {
            continue;
        };
        for dependency in &node.deps {
            let normal = dependency
                .dep_kinds
                .iter()
                .any(|kind| kind.kind == DependencyKind::Normal);
            if normal && seen.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    let names = metadata.packages.iter().filter(|package| seen.contains(&package.id));
    names.map(|package| package.name.to_string()).collect()
}

/// clippy reads the nearest file only, so that one of a crate has to repeat the root's.
fn lint_settings(root: &Path) -> Result<Vec<String>> {
    let read = |name: &str| std::fs::read_to_string(root.join(name)).with_context(|| format!("cannot read {name}"));
    let settings = read("clippy.toml")?;
    let mut lacking = Vec::new();
    for name in ["core/clippy.toml", "operator/clippy.toml"] {
        let own = read(name)?;
        let missing =
            |line: &&str| !line.trim().is_empty() && !line.starts_with('#') && !own.lines().any(|own| own == *line);
        let lines = settings.lines().filter(missing);
        lacking.extend(lines.map(|line| format!("{name} lacks the root's {line:?}")));
    }
    Ok(lacking)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(user: &str, dependency: &str) -> (String, String) {
        (user.to_owned(), dependency.to_owned())
    }

    #[test]
    fn upwards_and_sideways_uses_are_refused_and_downwards_ones_are_not() {
        let uses = [
            pair("anchorwatch-operator", CORE),
            pair(CORE, CRDS),
            pair("anchorwatch-e2e", CORE),
            pair("anchorwatch-operator", COMMON),
        ];
        let expected = [
            "anchorwatch-core must not depend on anchorwatch-crds",
            "anchorwatch-e2e must not depend on anchorwatch-core",
            "anchorwatch-operator must not depend on anchorwatch-sensor-common",
        ];
        assert_eq!(workspace_violations(&uses), expected);
    }

    #[test]
    fn a_new_package_has_to_find_its_place_in_the_table() {
        let found = workspace_violations(&[pair("anchorwatch-new", ""), pair(CORE, "")]);
        assert_eq!(
            found,
            ["anchorwatch-new is not in the table of xtask/src/check/direction.rs"]
        );
    }

    #[test]
    fn this_workspace_holds_to_it() {
        assert_eq!(check().unwrap(), Verdict::Holds);
    }

    #[test]
    fn what_is_reached_indirectly_is_found() {
        let metadata = MetadataCommand::new().current_dir(paths::repository()).exec().unwrap();
        let operator = metadata
            .workspace_packages()
            .into_iter()
            .find(|package| package.name == "anchorwatch-operator")
            .unwrap();
        let names = reached(&metadata, &operator.id);
        assert!(names.contains("tokio") && names.contains("mio"), "{names:?}");
    }
}
