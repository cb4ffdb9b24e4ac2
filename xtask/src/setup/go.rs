//! Tools that come as Go modules: the local cluster's programs, Helm, and the controller of Argo Rollouts.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::{tool, versions};
use crate::{paths, run};

/// The names by which the local cluster's binary is called.
pub const APPLETS: [&str; 7] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
    "kubectl",
];

/// The Go release that `e2e/localcluster/go.mod` asks for.
const OLDEST: (u32, u32) = (1, 25);

/// Builds side by side what [`localcluster`], [`pause`] and [`coredns`] then find: each spends a part of its time on one
/// processor, as long as there are more.
pub fn prepare() -> Result<()> {
    std::thread::scope(|scope| {
        let others = [coredns as fn() -> Result<PathBuf>, pause].map(|build| scope.spawn(build));
        let cluster = localcluster();
        let others = others.map(|other| other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        others
            .into_iter()
            .chain([cluster])
            .try_for_each(|built| built.map(drop))
    })
}

/// The folder with Kubernetes' and etcd's programs, and kubectl.
pub fn localcluster() -> Result<PathBuf> {
    let source = paths::repository().join("e2e/localcluster");
    let files = ["main.go", "go.mod", "go.sum"].map(|file| source.join(file));
    let go = go_version()?;
    let hash = tool::fingerprint(&[versions::KUBERNETES, &go, &ldflags()], &files)?;
    let name = format!("localcluster-{}-{hash}", versions::KUBERNETES);
    tool::cached(
        &name,
        "building the local cluster's binary (about 7 minutes the first time)",
        |folder| {
            build(&source, folder, "localcluster", ".", &ldflags(), true)?;
            for applet in APPLETS {
                symlink("localcluster", folder.join(applet))?;
            }
            Ok(())
        },
    )
}

/// The static program that holds pods' namespaces.
pub fn pause() -> Result<PathBuf> {
    let source = paths::repository().join("e2e/localcluster");
    let files = ["go.mod", "pause/pause.go"].map(|file| source.join(file));
    let hash = tool::fingerprint(&[&go_version()?], &files)?;
    let folder = tool::cached(&format!("pause-{hash}"), "building the pause program", |folder| {
        build(&source, folder, "pause", "./pause", "-s -w", false)
    })?;
    Ok(folder.join("pause"))
}

/// CoreDNS, a static program.
pub fn coredns() -> Result<PathBuf> {
    let module = format!("github.com/coredns/coredns@v{}", versions::COREDNS);
    install("coredns", versions::COREDNS, &module, "-s -w", "2 minutes")
}

/// The definition of OpenReports' Report: for the tests, it is no part of what is installed.
pub fn open_reports() -> Result<PathBuf> {
    go_version()?;
    let version = versions::OPEN_REPORTS;
    let folder = tool::cached(
        &format!("openreports-{version}"),
        &format!("fetching the definitions of OpenReports {version}"),
        |folder| {
            let mut command = run::command("go");
            let module = format!("github.com/openreports/reports-api@v{version}");
            command.args(["mod", "download", "-json", &module]).current_dir(folder);
            let fetched: serde_json::Value = serde_json::from_str(&run::output(&mut command)?)?;
            let fetched = Path::new(fetched["Dir"].as_str().context("the module has no folder")?);
            let name = "openreports.io_reports.yaml";
            std::fs::copy(fetched.join("config/crd").join(name), folder.join("reports.yaml"))
                .with_context(|| format!("the module has no {name}"))?;
            Ok(())
        },
    )?;
    Ok(folder.join("reports.yaml"))
}

/// The krew program.
pub fn krew() -> Result<PathBuf> {
    let module = format!("sigs.k8s.io/krew/cmd/krew@v{}", versions::KREW);
    install("krew", versions::KREW, &module, "-s -w", "1 minute")
}

/// The Helm program.
pub fn helm() -> Result<PathBuf> {
    let module = format!("helm.sh/helm/v3/cmd/helm@v{}", versions::HELM);
    install("helm", versions::HELM, &module, &helm_ldflags(), "3 minutes")
}

/// A folder with the controller of Argo Rollouts, a static program, and in `crds` the definitions that it works with.
pub fn argo_rollouts() -> Result<PathBuf> {
    let go = go_version()?;
    let version = versions::ARGO_ROLLOUTS;
    tool::cached(
        &argo_rollouts_name(&go)?,
        &format!("building Argo Rollouts {version} (about 4 minutes the first time)"),
        |folder| {
            // It replaces modules that it requires, so that it can only be built as what it is: a main module.
            let source = folder.join("source");
            run::quiet(
                run::command("cp")
                    .args(["--recursive", "--no-preserve=mode"])
                    .arg(module(&format!("github.com/argoproj/argo-rollouts@v{version}"))?)
                    .arg(&source),
            )?;
            let package = format!("./cmd/{ARGO_ROLLOUTS}");
            build(&source, folder, ARGO_ROLLOUTS, &package, "-s -w", false)?;
            fs::rename(source.join("manifests/crds"), folder.join("crds"))?;
            Ok(fs::remove_dir_all(&source)?)
        },
    )
}

/// That folder, where it was made.
pub fn argo_rollouts_if_built() -> Result<Option<PathBuf>> {
    match go_version() {
        Ok(go) => tool::present(&argo_rollouts_name(&go)?),
        Err(_) => Ok(None),
    }
}

/// The controller's program.
const ARGO_ROLLOUTS: &str = "rollouts-controller";

fn argo_rollouts_name(go: &str) -> Result<String> {
    let hash = tool::fingerprint(&[go], &[])?;
    Ok(format!("argo-rollouts-{}-{hash}", versions::ARGO_ROLLOUTS))
}

/// What `go mod download` says of a module.
#[derive(Debug, Deserialize)]
struct Downloaded {
    #[serde(rename = "Dir")]
    folder: PathBuf,
}

/// The folder of a module's sources, which are checked against the checksum database as Go is told to.
fn module(name: &str) -> Result<PathBuf> {
    let said = run::output(
        run::command("go")
            .args(["mod", "download", "-json", name])
            .current_dir("/"),
    )?;
    let downloaded: Downloaded = serde_json::from_str(&said).with_context(|| format!("{name} is not there: {said}"))?;
    Ok(downloaded.folder)
}

/// The program that a module's main package makes.
fn install(name: &str, version: &str, module: &str, ldflags: &str, takes: &str) -> Result<PathBuf> {
    go_version()?;
    let folder = tool::cached(
        &format!("{name}-{version}-{}", tool::fingerprint(&[ldflags], &[])?),
        &format!("building {name} {version} (about {takes} the first time)"),
        |folder| {
            let mut command = run::command("go");
            command
                .args(["install", "-buildvcs=false", "-trimpath", "-ldflags", ldflags, module])
                .env("CGO_ENABLED", "0")
                .env("GOBIN", folder);
            run::logged(command.current_dir(folder), name)
        },
    )?;
    Ok(folder.join(name))
}

fn build(source: &Path, folder: &Path, name: &str, package: &str, ldflags: &str, cgo: bool) -> Result<()> {
    let mut command = run::command("go");
    command
        .args(["build", "-buildvcs=false", "-trimpath", "-ldflags", ldflags, "-o"])
        .arg(folder.join(name))
        .arg(package);
    if !cgo {
        command.env("CGO_ENABLED", "0");
    }
    run::logged(command.current_dir(source), name)
}

/// Kubernetes asks its own version of the linker; without it clients refuse to compare versions.
fn ldflags() -> String {
    let (major, minor) = major_and_minor();
    let version = "k8s.io/component-base/version";
    let tag = versions::KUBERNETES;
    format!("-s -w -X {version}.gitVersion=v{tag} -X {version}.gitMajor={major} -X {version}.gitMinor={minor}")
}

/// Where Helm is not told of a Kubernetes, it takes an old one for granted that charts of today refuse.
fn helm_ldflags() -> String {
    let helm = "helm.sh/helm/v3";
    let (major, minor) = major_and_minor();
    let mut flags = format!("-s -w -X {helm}/internal/version.version=v{}", versions::HELM);
    for package in ["pkg/chartutil", "pkg/lint/rules"] {
        for (name, value) in [("Major", major), ("Minor", minor)] {
            flags = format!("{flags} -X {helm}/{package}.k8sVersion{name}={value}");
        }
    }
    flags
}

/// Of the pinned Kubernetes.
fn major_and_minor() -> (&'static str, &'static str) {
    let mut parts = versions::KUBERNETES.split('.');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn go_version() -> Result<String> {
    if !run::has("go") {
        bail!(
            "Go is missing: install {}.{} or newer from https://go.dev/dl or your distribution",
            OLDEST.0,
            OLDEST.1
        );
    }
    let version = run::output(run::command("go").args(["env", "GOVERSION"]).current_dir("/"))?;
    let (major, minor) = parse(&version).with_context(|| format!("cannot read Go's version {version:?}"))?;
    ensure!(
        (major, minor) >= OLDEST,
        "{version} is too old: {}.{} or newer is needed",
        OLDEST.0,
        OLDEST.1
    );
    Ok(version)
}

fn parse(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.strip_prefix("go")?.split('.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts
        .next()?
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()?;
    Some((major, minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_versions_are_read_with_and_without_a_patch_release() {
        assert_eq!(parse("go1.26.8"), Some((1, 26)));
        assert_eq!(parse("go1.25rc1"), Some((1, 25)));
        assert_eq!(parse("devel"), None);
    }

    #[test]
    fn the_pinned_kubernetes_is_the_one_that_the_module_requires() {
        let module = std::fs::read_to_string(paths::repository().join("e2e/localcluster/go.mod")).unwrap();
        assert!(module.contains(&format!("k8s.io/kubernetes v{}\n", versions::KUBERNETES)));
    }
}
