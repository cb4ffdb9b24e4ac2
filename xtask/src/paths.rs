//! Where things are: the checkout, and the cache outside it.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The root of the checkout that this xtask belongs to.
pub fn repository() -> PathBuf {
    // Cargo sets the variable for `cargo run`; the built-in value serves a binary that is called by its path.
    let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.parent().map_or_else(|| package.clone(), Path::to_owned)
}

/// Tools and whatever else is made once and used by every checkout.
pub fn cache() -> Result<PathBuf> {
    cache_from(|name| env::var_os(name))
}

fn cache_from(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf> {
    let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("ANCHORWATCH_CACHE")
        .or_else(|| absolute("XDG_CACHE_HOME").map(|path| path.join("anchorwatch")))
        .or_else(|| absolute("HOME").map(|path| path.join(".cache/anchorwatch")))
        .context("no place for a cache: none of ANCHORWATCH_CACHE, XDG_CACHE_HOME and HOME is an absolute path")
}

/// A folder of the cache, made if it is missing.
pub fn cache_folder(name: &str) -> Result<PathBuf> {
    let folder = cache()?.join(name);
    std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// Where cargo puts what it builds for this checkout.
pub fn target() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), |folder| repository().join(folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(values: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        move |name| {
            values
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
        }
    }

    #[test]
    fn our_own_variable_comes_before_the_desktop_standard_and_that_before_home() {
        let all = with(&[("ANCHORWATCH_CACHE", "/a"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]);
        assert_eq!(cache_from(all).unwrap(), Path::new("/a"));
        let desktop = with(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/h")]);
        assert_eq!(cache_from(desktop).unwrap(), Path::new("/x/anchorwatch"));
        assert_eq!(
            cache_from(with(&[("HOME", "/h")])).unwrap(),
            Path::new("/h/.cache/anchorwatch")
        );
    }

    #[test]
    fn a_relative_cache_folder_is_not_used() {
        assert!(cache_from(with(&[("ANCHORWATCH_CACHE", "here")])).is_err());
    }
}
