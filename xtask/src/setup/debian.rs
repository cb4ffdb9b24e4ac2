//! Debian packages unpacked into a folder of the cache, by an apt of our own: with lists, cache and state below the
//! cache, so that the system's apt neither sees nor lends anything but its keys and the mirror it is set up with.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail, ensure};

use super::{apt::simulation, tool};
use crate::{paths, progress, run};

/// Lists older than this may name packages that the mirror no longer has.
const FRESH: Duration = Duration::from_hours(24);
/// The files of a merged root: packages still ship some of their files by the old paths.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// The suite of `packages`, unpacked without what they depend on.
pub fn unpacked(suite: &str, packages: &[&str]) -> Result<PathBuf> {
    let apt = PrivateApt::of_suite(suite)?;
    tool::cached(
        &folder_name(suite, packages)?,
        &format!("fetching {} of Debian {suite}", packages.join(", ")),
        |folder| {
            apt.refresh()?;
            apt.download_and_unpack(
                &packages.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>(),
                folder,
            )
        },
    )
}

/// The same folder if it is there already.
pub fn present(suite: &str, packages: &[&str]) -> Result<Option<PathBuf>> {
    tool::present(&folder_name(suite, packages)?)
}

/// The version that the suite has of a package.
pub fn version_in(suite: &str, package: &str) -> Result<Option<String>> {
    let apt = PrivateApt::of_suite(suite)?;
    apt.refresh()?;
    let shown = run::output(apt.command("apt-cache").args(["show", "--no-all-versions", package])).unwrap_or_default();
    Ok(shown
        .lines()
        .find_map(|line| line.strip_prefix("Version: "))
        .map(str::to_owned))
}

/// Names of what a package of the suite depends on; of alternatives the first.
pub fn dependencies_in(suite: &str, package: &str) -> Result<Vec<String>> {
    let apt = PrivateApt::of_suite(suite)?;
    apt.refresh()?;
    let shown = run::output(apt.command("apt-cache").args(["show", "--no-all-versions", package]))?;
    let depends = shown.lines().find_map(|line| line.strip_prefix("Depends: "));
    Ok(dependencies(depends.unwrap_or_default()))
}

/// As in `a | b (>= 1), c:any`.
fn dependencies(field: &str) -> Vec<String> {
    let name = |entry: &str| {
        let end = entry.find([' ', '(', ':', '|']).unwrap_or(entry.len());
        entry[..end].to_owned()
    };
    field
        .split(',')
        .map(str::trim)
        .map(name)
        .filter(|name| !name.is_empty())
        .collect()
}

/// A root file system with the packages, of this machine's own release, and all that they depend on: programs run in
/// it, as in a container image. Maintainer scripts are not run.
pub fn rootfs(packages: &[&str]) -> Result<PathBuf> {
    let apt = PrivateApt::of_this_machine()?;
    let message = format!("fetching {} from Debian, with what they depend on", packages.join(", "));
    tool::cached(&folder_name("rootfs", packages)?, &message, |folder| {
        apt.refresh()?;
        for name in MERGED {
            fs::create_dir_all(folder.join("usr").join(name))?;
            std::os::unix::fs::symlink(Path::new("usr").join(name), folder.join(name))?;
        }
        apt.download_and_unpack(&apt.with_dependencies(packages)?, folder)?;
        fs::create_dir_all(folder.join("tmp"))?;
        for unneeded in ["usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache"] {
            fs::remove_dir_all(folder.join(unneeded)).ok();
        }
        Ok(())
    })
}

fn folder_name(kind: &str, packages: &[&str]) -> Result<String> {
    let first = packages.first().context("no package was named")?;
    Ok(format!("debian-{kind}-{first}-{}", tool::fingerprint(packages, &[])?))
}

/// apt-get with its own state.
#[derive(Debug)]
struct PrivateApt {
    folder: PathBuf,
    /// A file of sources; the machine's own if there is none.
    sources: Option<PathBuf>,
}

impl PrivateApt {
    fn of_this_machine() -> Result<Self> {
        ensure_debian()?;
        Ok(Self {
            folder: prepared("apt-host")?,
            sources: None,
        })
    }

    fn of_suite(suite: &str) -> Result<Self> {
        ensure_debian()?;
        let folder = prepared(&format!("apt-{suite}"))?;
        let sources = folder.join("sources.list");
        let line = format!(
            "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {} {suite} main\n",
            mirror()?
        );
        run::write_atomically(&sources, line)?;
        Ok(Self {
            folder,
            sources: Some(sources),
        })
    }

    fn refresh(&self) -> Result<()> {
        let stamp = self.folder.join("refreshed");
        let age = fs::metadata(&stamp)
            .and_then(|data| data.modified())
            .map(|time| SystemTime::now().duration_since(time));
        if matches!(age, Ok(Ok(age)) if age < FRESH) {
            return Ok(());
        }
        progress::step("refreshing a package list of our own", || {
            run::logged(self.command("apt-get").arg("update"), "apt-private")
        })?;
        run::write_atomically(&stamp, "")
    }

    /// Names of the packages and of all that they need, as if nothing were installed.
    fn with_dependencies(&self, packages: &[&str]) -> Result<Vec<String>> {
        let mut command = self.command("apt-get");
        command
            .args(["install", "-s", "--no-install-recommends"])
            .args(packages);
        let simulation = simulation::parse(&run::output(&mut command)?);
        ensure!(
            !simulation.installed.is_empty(),
            "apt names no package to install for {}",
            packages.join(", ")
        );
        Ok(simulation.installed)
    }

    fn download_and_unpack(&self, packages: &[String], root: &Path) -> Result<()> {
        let downloads = tempfile::tempdir_in(&self.folder)?;
        let mut command = self.command("apt-get");
        run::logged(
            command.arg("download").args(packages).current_dir(downloads.path()),
            "apt-download",
        )?;
        for entry in fs::read_dir(downloads.path())? {
            unpack(&entry?.path(), root)?;
        }
        Ok(())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = run::command(program);
        let option = |name: &str, path: &Path| ["-o".to_owned(), format!("{name}={}", path.display())];
        command.args(option("Dir::State", &self.folder.join("state")));
        command.args(option("Dir::Cache", &self.folder.join("cache")));
        command.args(option("Dir::State::status", Path::new("/dev/null")));
        command.args(option("Dir::State::extended_states", Path::new("/dev/null")));
        if let Some(sources) = &self.sources {
            command
                .args(option("Dir::Etc::SourceList", sources))
                .args(option("Dir::Etc::SourceParts", Path::new("/dev/null")));
        }
        // Our folders need not be readable for the user that apt would else change to.
        command
            .args(["-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none"])
            .env("LC_ALL", "C");
        command
    }
}

fn ensure_debian() -> Result<()> {
    if run::has("apt-get") && run::has("dpkg-deb") {
        return Ok(());
    }
    bail!(
        "this step unpacks Debian packages and needs apt-get and dpkg-deb: run it on Debian or Ubuntu, in a container if need be"
    )
}

fn prepared(name: &str) -> Result<PathBuf> {
    let folder = paths::cache_folder(name)?;
    for part in ["state/lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(folder.join(part)).with_context(|| format!("cannot make {part} in {}", folder.display()))?;
    }
    Ok(folder)
}

/// The Debian mirror that this machine is set up with.
fn mirror() -> Result<String> {
    let mut command = run::command("apt-get");
    let sources = run::output(command.args(["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]))?;
    choose_mirror(&sources).context("apt is set up with no Debian mirror here, so Debian's packages cannot be had")
}

fn choose_mirror(sources: &str) -> Option<String> {
    let is_debian = |uri: &&str| uri.trim_end_matches('/').ends_with("/debian");
    sources.lines().map(str::trim).find(is_debian).map(str::to_owned)
}

/// tar keeps our links from `/bin` to `/usr/bin`, which `dpkg-deb -x` would replace by folders.
fn unpack(package: &Path, root: &Path) -> Result<()> {
    let archive = root.with_extension("tar");
    let mut extract = run::command("dpkg-deb");
    let file = fs::File::create(&archive)?;
    ensure!(
        extract
            .arg("--fsys-tarfile")
            .arg(package)
            .stdout(file)
            .status()?
            .success(),
        "cannot read {}",
        package.display()
    );
    let mut tar = run::command("tar");
    tar.args(["--extract", "--keep-directory-symlink", "--no-same-owner", "--file"])
        .arg(&archive)
        .arg("--directory")
        .arg(root);
    run::quiet(&mut tar)?;
    fs::remove_file(&archive)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_archive_and_not_the_security_updates_or_a_vendor() {
        let sources = "http://deb.example/debian-security/\nhttps://vendor.example/apt/\nhttp://deb.example/debian/\n";
        assert_eq!(choose_mirror(sources).as_deref(), Some("http://deb.example/debian/"));
        assert_eq!(choose_mirror("http://archive.example/ubuntu/\n"), None);
    }

    #[test]
    fn dependencies_are_named_without_versions_and_alternatives() {
        let field = "dracut | initramfs-tools (>= 0.120), kmod, linux-base:any (= 7.2-1)";
        assert_eq!(dependencies(field), ["dracut", "kmod", "linux-base"]);
        assert!(dependencies("").is_empty());
    }

    #[test]
    fn the_folder_is_named_after_every_package() {
        assert_ne!(
            folder_name("rootfs", &["bash"]).unwrap(),
            folder_name("rootfs", &["bash", "sed"]).unwrap()
        );
        assert!(folder_name("rootfs", &[]).is_err());
    }
}
