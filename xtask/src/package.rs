//! `cargo xtask package`: the plugin as krew installs it, an archive and its manifest.

mod krew;

use std::{
    env::consts::ARCH,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::test::{Counts, Environment};
use crate::{paths, progress, run};
use krew::{Manifest, install};

/// Where nothing can be downloaded from.
const FROM: &str = "https://downloads.example.org/anchorwatch";

/// Build the plugin's archive and krew manifest, and have krew install it from them.
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
        default_value = FROM
    )]
    from: String,
    /// Folder that archive and manifest are written to.
    #[arg(long, value_name = "FOLDER", default_value = "target/package")]
    into: PathBuf,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    let into = paths::repository().join(&arguments.into);
    let Made { archive, manifest } = package(&build()?, &arguments.from, &into)?;
    let home = tempfile::tempdir().context("cannot make a temporary folder")?;
    let said = run::output(Command::new(install(&manifest, &archive, home.path())?).arg("--version"))?;
    println!(
        "{}\n{}\ninstalled by krew and run: {}",
        archive.display(),
        manifest.display(),
        said.trim()
    );
    Ok(())
}

/// The plugin as it is released is built, packaged, installed by krew and run. For the tests.
pub fn release(_: &Environment) -> Result<Counts> {
    let into = tempfile::tempdir().context("cannot make a temporary folder")?;
    run(&Arguments {
        from: FROM.to_owned(),
        into: into.path().to_owned(),
    })?;
    Ok(Counts::one_passed())
}

/// krew takes what is packaged, and nothing else in its place. For the tests: a script stands in for the plugin.
pub fn krew_takes_it(_: &Environment) -> Result<Counts> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let binary = folder.path().join("plugin");
    fs::write(&binary, "#!/bin/sh\necho \"run as $(basename \"$0\")\"\n")?;
    let Made { archive, manifest } = package(&binary, FROM, &folder.path().join("made"))?;
    let home = folder.path().join("krew");
    let said = run::output(&mut Command::new(install(&manifest, &archive, &home)?))?;
    ensure!(
        said.trim() == "run as kubectl-drift",
        "the installed plugin says {said:?}"
    );
    let store = home.join("store/drift").join(format!("v{}", env!("CARGO_PKG_VERSION")));
    ensure!(store.join("LICENSE").exists(), "krew did not install the licence");
    fs::write(&archive, "something else")?;
    let Err(refusal) = install(&manifest, &archive, &folder.path().join("other")) else {
        bail!("krew installed another archive than the manifest names");
    };
    let refusal = format!("{refusal:#}");
    ensure!(
        refusal.contains("checksum"),
        "krew refuses an altered archive by {refusal}"
    );
    Ok(Counts::one_passed())
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

/// What a package is made of.
#[derive(Debug)]
struct Made {
    archive: PathBuf,
    manifest: PathBuf,
}

/// Writes the archive of a binary and the manifest that installs it.
fn package(binary: &Path, from: &str, into: &Path) -> Result<Made> {
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
    fs::set_permissions(folder.path().join("kubectl-drift"), fs::Permissions::from_mode(0o755))?;
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
    let path = into.join("drift.yaml");
    run::write_atomically(&path, serde_yaml::to_string(&manifest)?)?;
    Ok(Made {
        archive,
        manifest: path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_the_same_however_often_it_is_made_and_the_manifest_names_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("plugin");
        fs::write(&binary, "#!/bin/sh\n").unwrap();
        let made = |into: &str| package(&binary, "https://x.example/", &folder.path().join(into)).unwrap();
        let (one, two) = (made("one"), made("two"));
        assert_eq!(fs::read(one.archive).unwrap(), fs::read(two.archive).unwrap());
        let text = fs::read_to_string(one.manifest).unwrap();
        assert!(text.contains("uri: https://x.example/kubectl-drift-"), "{text}");
        serde_yaml::from_str::<Manifest>(&text).unwrap();
    }
}
