//! Debian's kernels for clouds: unpacked into the cache, never installed.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

use crate::setup::debian;

/// Depends on the newest kernel of its suite.
const META: &str = "linux-image-cloud-amd64";
/// What the tests need that is no part of the kernel's image: inserted before they run.
const MODULES: [&str; 3] = ["overlay", "veth", "dummy"];
/// A small module that needs no other: not inserted, so that a test can do it.
const SPARE: &str = "nlmon";

/// A kernel that the programs have to load on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kernel {
    /// Debian 12.
    V6_1,
    /// Debian 13.
    V6_12,
    /// Whatever Debian's unstable suite has today; its experimental one holds release candidates.
    Newest,
}

/// Where its parts are.
#[derive(Debug)]
pub struct Files {
    pub image: PathBuf,
    pub modules: Vec<PathBuf>,
    pub spare: PathBuf,
}

impl Kernel {
    pub const ALL: [Self; 3] = [Self::V6_1, Self::V6_12, Self::Newest];

    pub fn name(self) -> &'static str {
        match self {
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
            Self::Newest => "newest",
        }
    }

    fn suite(self) -> &'static str {
        match self {
            Self::V6_1 => "bookworm",
            Self::V6_12 => "trixie",
            Self::Newest => "sid",
        }
    }

    /// Fetches the packages, unless the cache has them.
    pub fn files(self) -> Result<Files> {
        let packages = packages(|package| debian::dependencies_in(self.suite(), package))?;
        let names: Vec<&str> = packages.iter().map(String::as_str).collect();
        let folder = debian::unpacked(self.suite(), &names)?;
        let module = |name: &str| find(&folder, &format!("{name}.ko"));
        Ok(Files {
            // In /boot, or beside the modules.
            image: find(&folder, "vmlinuz")?,
            modules: MODULES.into_iter().map(module).collect::<Result<_>>()?,
            spare: module(SPARE)?,
        })
    }
}

/// The package of the suite's newest kernel, and those that newer suites split it into: image and modules.
fn packages(dependencies: impl Fn(&str) -> Result<Vec<String>>) -> Result<Vec<String>> {
    let image = dependencies(META)?
        .into_iter()
        .find(|name| name.starts_with("linux-image-"))
        .with_context(|| format!("{META} depends on no kernel"))?;
    let mut packages = dependencies(&image)?;
    packages.retain(|name| {
        ["linux-binary-", "linux-modules-"]
            .iter()
            .any(|part| name.starts_with(part))
    });
    packages.insert(0, image);
    Ok(packages)
}

/// The first file below a folder whose name begins so.
fn find(folder: &Path, name: &str) -> Result<PathBuf> {
    search(folder, name)?.with_context(|| format!("{} has no {name}", folder.display()))
}

fn search(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            if let Some(found) = search(&entry.path(), name)? {
                return Ok(Some(found));
            }
        } else if kind.is_file() && entry.file_name().to_string_lossy().starts_with(name) {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_the_beginning_of_its_name_at_any_depth() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("lib/modules/6.1/kernel/fs/overlayfs");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("overlay.ko.xz"), "").unwrap();
        assert_eq!(find(folder.path(), "overlay.ko").unwrap(), deep.join("overlay.ko.xz"));
        assert!(find(folder.path(), "ext4.ko").is_err());
    }

    fn needed(lists: &[(&str, &[&str])]) -> Result<Vec<String>> {
        packages(|package| {
            let found = lists.iter().find(|(name, _)| *name == package);
            let (_, names) = found.with_context(|| format!("asked for {package}"))?;
            Ok(names.iter().map(|name| (*name).to_owned()).collect())
        })
    }

    #[test]
    fn a_kernel_in_one_package_and_one_in_parts_are_both_found() {
        let whole = needed(&[
            (META, &["linux-image-6.1.0-9-cloud-amd64"]),
            ("linux-image-6.1.0-9-cloud-amd64", &["kmod", "linux-base"]),
        ]);
        assert_eq!(whole.unwrap(), ["linux-image-6.1.0-9-cloud-amd64"]);
        let parts = needed(&[
            (META, &["linux-base-cloud-amd64", "linux-image-9.1-cloud-amd64"]),
            (
                "linux-image-9.1-cloud-amd64",
                &[
                    "dracut",
                    "linux-base-9.1",
                    "linux-binary-9.1-cloud-amd64",
                    "linux-modules-9.1-cloud-amd64",
                ],
            ),
        ]);
        let expected = [
            "linux-image-9.1-cloud-amd64",
            "linux-binary-9.1-cloud-amd64",
            "linux-modules-9.1-cloud-amd64",
        ];
        assert_eq!(parts.unwrap(), expected);
        assert!(needed(&[(META, &["linux-base"])]).is_err());
    }
}
