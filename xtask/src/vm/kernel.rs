//! Debian's kernels for clouds: unpacked into the cache, never installed.

use anyhow::{Context, Result};
use clap::ValueEnum;
use std::fs;
use std::path::{Path, PathBuf};

use crate::setup::debian;

/// Depends on the newest kernel of its suite.
const META: &str = "linux-image-cloud-amd64";
/// What the tests need that is no part of the kernel's image.
const MODULES: [&str; 1] = ["overlay"];

/// A kernel that the programs have to load on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kernel {
    /// The oldest that is supported; Debian 12.
    #[value(name = "6.1")]
    V6_1,
    /// Debian 13.
    #[value(name = "6.12")]
    V6_12,
}

/// Where its parts are.
#[derive(Debug)]
pub struct Files {
    pub image: PathBuf,
    pub modules: Vec<PathBuf>,
}

impl Kernel {
    pub fn name(self) -> &'static str {
        match self {
            Self::V6_1 => "6.1",
            Self::V6_12 => "6.12",
        }
    }

    fn suite(self) -> &'static str {
        match self {
            Self::V6_1 => "bookworm",
            Self::V6_12 => "trixie",
        }
    }

    /// Fetches the package, unless the cache has it.
    pub fn files(self) -> Result<Files> {
        let package = debian::first_dependency_in(self.suite(), META)?;
        let folder = debian::unpacked(self.suite(), &[&package])?;
        let image = find(&folder.join("boot"), "vmlinuz-")?;
        let modules = MODULES
            .iter()
            .map(|name| find(&folder, &format!("{name}.ko")))
            .collect::<Result<_>>()?;
        Ok(Files { image, modules })
    }
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
}
