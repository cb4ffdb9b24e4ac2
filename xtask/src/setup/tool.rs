//! A tool in the cache: in a folder named after everything that shapes it, so that a folder that exists is current.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::lock;
use crate::{paths, progress};

/// Returns the tool's folder, made by `build` if it is missing. Nobody ever sees a half-made folder, and two xtasks do
/// not build the same thing.
pub fn cached(name: &str, message: &str, build: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    cached_in(&paths::cache_folder("tools")?, name, message, build)
}

/// The tool's folder if it is there.
pub fn present(name: &str) -> Result<Option<PathBuf>> {
    let folder = paths::cache()?.join("tools").join(name);
    Ok(folder.is_dir().then_some(folder))
}

fn cached_in(tools: &Path, name: &str, message: &str, build: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let folder = tools.join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    let _lock = lock::acquire(&tools.join(format!(".{name}.lock")), message)?;
    if folder.is_dir() {
        return Ok(folder);
    }
    let partial = tools.join(format!(".{name}.partial"));
    if partial.exists() {
        fs::remove_dir_all(&partial).with_context(|| format!("cannot remove {}", partial.display()))?;
    }
    fs::create_dir_all(&partial).with_context(|| format!("cannot make {}", partial.display()))?;
    progress::step(message, || build(&partial))?;
    fs::rename(&partial, &folder).with_context(|| format!("cannot rename {}", partial.display()))?;
    Ok(folder)
}

/// A short hash over strings and the contents of files, for a folder's name.
pub fn fingerprint(words: &[&str], files: &[PathBuf]) -> Result<String> {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word.as_bytes());
        hash.update([0]);
    }
    for file in files {
        hash.update(fs::read(file).with_context(|| format!("cannot read {}", file.display()))?);
        hash.update([0]);
    }
    Ok(hex::encode(&hash.finalize()[..6]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_built_once_and_a_failed_build_leaves_nothing_that_looks_current() {
        let tools = tempfile::tempdir().unwrap();
        let failed = cached_in(tools.path(), "tool-1", "building", |folder| {
            fs::write(folder.join("half"), "")?;
            anyhow::bail!("broken")
        });
        assert_eq!(failed.unwrap_err().to_string(), "broken");
        assert!(!tools.path().join("tool-1").exists());

        let build = |folder: &Path| Ok(fs::write(folder.join("tool"), "whole")?);
        let folder = cached_in(tools.path(), "tool-1", "building", build).unwrap();
        assert!(!folder.join("half").exists());
        cached_in(tools.path(), "tool-1", "building", |_| panic!("built twice")).unwrap();
        assert_eq!(fs::read_to_string(folder.join("tool")).unwrap(), "whole");
    }

    #[test]
    fn the_fingerprint_tells_words_and_contents_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "one").unwrap();
        let first = fingerprint(&["ab", "c"], std::slice::from_ref(&file)).unwrap();
        assert_ne!(first, fingerprint(&["a", "bc"], std::slice::from_ref(&file)).unwrap());
        fs::write(&file, "two").unwrap();
        assert_ne!(first, fingerprint(&["ab", "c"], &[file]).unwrap());
    }
}
