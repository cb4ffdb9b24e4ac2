//! `cargo xtask package`: the plugin as krew installs it, an archive and its manifest.

mod krew;

use std::{
    env::consts::ARCH,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{paths, progress, run};
use krew::{Manifest, install};

/// Build the plugin's archive and krew manifest, and install it from them as krew does.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  cargo xtask package --from https://downloads.example.org/anchorwatch\n\nTo install what was made, \
with krew: kubectl krew install --manifest=drift.yaml --archive=ARCHIVE; without it: unpack the archive and put kubectl-drift \
into a folder of your PATH."
)]
pub struct Arguments {
    /// Where the archive will be downloaded from: its name is put behind.
    #[arg(
        long,
        value_name = "URL",
        default_value = "https://downloads.example.org/anchorwatch"
    )]
    from: String,
    /// Folder that archive and manifest are written to.
    #[arg(long, value_name = "FOLDER", default_value = "target/package")]
    into: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let binary = build()?;
    let into = paths::repository().join(&arguments.into);
    let (archive, manifest) = package(&binary, &arguments.from, &into)?;
    let home = tempfile::tempdir().context("cannot make a temporary folder")?;
    let installed = install(&manifest, &archive, home.path(), "linux", go_name(ARCH)?)?;
    let said = run::output(Command::new(installed).arg("--version"))?;
    println!(
        "{}\n{}\ninstalled and run: {}",
        archive.display(),
        into.join("drift.yaml").display(),
        said.trim()
    );
    Ok(())
}

/// One static binary: it runs on every Linux.
fn build() -> Result<PathBuf> {
    let target = format!("{ARCH}-unknown-linux-gnu");
    let mut command = run::command("cargo");
    command
        .args([
            "build",
            "--release",
            "--locked",
            "--package",
            "kubectl-drift",
            "--target",
            &target,
        ])
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .current_dir(paths::repository());
    progress::step("building the plugin (about 3 minutes the first time)", || {
        run::logged(&mut command, "package-build")
    })?;
    Ok(paths::target().join(target).join("release/kubectl-drift"))
}

/// The name that Go, and so krew, has for a processor.
fn go_name(arch: &str) -> Result<&'static str> {
    match arch {
        "x86_64" => Ok("amd64"),
        "aarch64" => Ok("arm64"),
        other => bail!("krew has no name for the processor {other}"),
    }
}

/// Writes the archive of a binary and the manifest that installs it.
fn package(binary: &Path, from: &str, into: &Path) -> Result<(PathBuf, Manifest)> {
    let version = env!("CARGO_PKG_VERSION");
    let arch = go_name(ARCH)?;
    let name = format!("kubectl-drift-{version}-linux-{arch}.tar.gz");
    fs::create_dir_all(into).with_context(|| format!("cannot make {}", into.display()))?;
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    for (path, name) in [
        (binary, "kubectl-drift"),
        (&paths::repository().join("LICENSE"), "LICENSE"),
    ] {
        fs::copy(path, folder.path().join(name)).with_context(|| format!("cannot copy {}", path.display()))?;
    }
    let archive = into.join(&name);
    // The same bytes whenever and by whomever it is made.
    let mut tar = Command::new("tar");
    tar.args([
        "--sort=name",
        "--mtime=@0",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--mode=a+rX,u+w,go-w",
    ])
    .args(["--use-compress-program=gzip -n", "-cf"])
    .arg(&archive)
    .arg("-C")
    .arg(folder.path())
    .args(["LICENSE", "kubectl-drift"]);
    run::quiet(&mut tar)?;
    let manifest = Manifest::of(
        version,
        arch,
        &format!("{}/{name}", from.trim_end_matches('/')),
        &archive,
    )?;
    let violations = manifest.violations();
    ensure!(
        violations.is_empty(),
        "the manifest is none that krew takes: {}",
        violations.join("; ")
    );
    run::write_atomically(&into.join("drift.yaml"), serde_yaml::to_string(&manifest)?)?;
    Ok((archive, manifest))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A program that says what it is called.
    fn stand_in(folder: &Path) -> PathBuf {
        let path = folder.join("plugin");
        fs::write(&path, "#!/bin/sh\necho \"run as $(basename \"$0\")\"\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn what_is_packaged_is_installed_from_its_manifest_and_runs() {
        let folder = tempfile::tempdir().unwrap();
        let binary = stand_in(folder.path());
        let from = "https://downloads.example.org/anchorwatch/";
        let (archive, _) = package(&binary, from, &folder.path().join("made")).unwrap();
        let text = fs::read_to_string(folder.path().join("made/drift.yaml")).unwrap();
        let manifest: Manifest = serde_yaml::from_str(&text).unwrap();
        assert!(
            text.contains("uri: https://downloads.example.org/anchorwatch/kubectl-drift-"),
            "{text}"
        );
        let home = folder.path().join("krew");
        let installed = install(&manifest, &archive, &home, "linux", go_name(ARCH).unwrap()).unwrap();
        assert_eq!(installed, home.join("bin/kubectl-drift"));
        assert_eq!(
            run::output(&mut Command::new(&installed)).unwrap().trim(),
            "run as kubectl-drift"
        );
        assert!(
            home.join("store/drift")
                .join(format!("v{}", env!("CARGO_PKG_VERSION")))
                .join("LICENSE")
                .exists()
        );
    }

    #[test]
    fn an_archive_is_the_same_however_often_it_is_made() {
        let folder = tempfile::tempdir().unwrap();
        let binary = stand_in(folder.path());
        let made = |into: &str| {
            let (archive, _) = package(&binary, "https://x.example", &folder.path().join(into)).unwrap();
            fs::read(archive).unwrap()
        };
        assert_eq!(made("one"), made("two"));
    }

    #[test]
    fn an_archive_that_was_changed_and_a_platform_that_is_not_there_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let binary = stand_in(folder.path());
        let (archive, manifest) = package(&binary, "https://x.example", &folder.path().join("made")).unwrap();
        let home = folder.path().join("krew");
        let arch = go_name(ARCH).unwrap();
        let said = install(&manifest, &archive, &home, "plan9", arch)
            .unwrap_err()
            .to_string();
        assert!(said.contains("no platform for plan9"), "{said}");
        fs::write(&archive, "something else").unwrap();
        let said = install(&manifest, &archive, &home, "linux", arch)
            .unwrap_err()
            .to_string();
        assert!(said.contains("is not what the manifest names"), "{said}");
    }
}
