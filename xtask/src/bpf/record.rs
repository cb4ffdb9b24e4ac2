//! What the committed object was built from and with.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const HEADER: &str = "# Written by `cargo xtask bpf`. Do not edit.\n";

/// What shapes the object: the programs, their lock file, and the types that they share with the sensor.
const SOURCES: [&str; 5] = [
    "sensor-ebpf/Cargo.lock",
    "sensor-ebpf/Cargo.toml",
    "sensor-ebpf/src",
    "sensor-common/Cargo.toml",
    "sensor-common/src",
];

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// SHA-256 over the names and contents of the sources.
    sources: String,
    /// SHA-256 of the object.
    object: String,
    built_with: Tools,
}

/// Only the same tools make the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tools {
    pub rustc: String,
    pub core: String,
    pub bpf_linker: String,
}

/// What `--check` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    RefuseObject,
    RefuseSources,
    TrustHashes,
    Rebuild,
}

impl Record {
    pub fn new(sources: String, object: String, built_with: Tools) -> Self {
        Self {
            sources,
            object,
            built_with,
        }
    }

    pub fn parse(text: &str) -> Result<Self> {
        Ok(toml::from_str(text)?)
    }

    pub fn to_text(&self) -> Result<String> {
        Ok(format!("{HEADER}{}", toml::to_string(self)?))
    }

    pub fn judge(&self, sources: &str, object: &str, tools: Option<&Tools>) -> Action {
        if self.sources != sources {
            Action::RefuseSources
        } else if self.object != object {
            Action::RefuseObject
        } else if tools == Some(&self.built_with) {
            Action::Rebuild
        } else {
            Action::TrustHashes
        }
    }
}

/// The hash of everything that the object is built from.
pub fn sources(root: &Path) -> Result<String> {
    let mut files = Vec::new();
    for source in SOURCES {
        collect(&root.join(source), &mut files)?;
    }
    let mut hash = Sha256::new();
    for file in files {
        let content = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let name = file.strip_prefix(root).unwrap_or(&file);
        hash.update(format!("{} {}\0", name.display(), content.len()));
        hash.update(content);
    }
    Ok(hex::encode(hash.finalize()))
}

fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    paths.sort();
    paths.iter().try_for_each(|path| collect(path, files))
}

pub fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tools(rustc: &str) -> Tools {
        Tools {
            rustc: rustc.into(),
            core: "c".into(),
            bpf_linker: "l".into(),
        }
    }

    #[test]
    fn the_same_tools_build_again_and_other_tools_or_none_trust_the_hashes() {
        let record = Record::new("s".into(), "o".into(), tools("1"));
        assert_eq!(record.judge("s", "o", Some(&tools("1"))), Action::Rebuild);
        assert_eq!(record.judge("s", "o", Some(&tools("2"))), Action::TrustHashes);
        assert_eq!(record.judge("s", "o", None), Action::TrustHashes);
    }

    #[test]
    fn changed_sources_and_a_changed_object_are_refused_with_any_tools() {
        let record = Record::new("s".into(), "o".into(), tools("1"));
        assert_eq!(record.judge("t", "o", None), Action::RefuseSources);
        assert_eq!(record.judge("s", "p", Some(&tools("1"))), Action::RefuseObject);
    }

    #[test]
    fn the_record_reads_back_as_it_was_written() {
        let record = Record::new("s".into(), "o".into(), tools("1"));
        assert_eq!(Record::parse(&record.to_text().unwrap()).unwrap(), record);
    }

    #[test]
    fn the_hash_sees_a_changed_and_a_renamed_source() {
        let root = tempfile::tempdir().unwrap();
        for source in SOURCES {
            let path = if source.ends_with("src") {
                format!("{source}/main.rs")
            } else {
                source.to_owned()
            };
            crate::run::write_atomically(&root.path().join(path), source).unwrap();
        }
        let first = sources(root.path()).unwrap();
        fs::rename(
            root.path().join("sensor-ebpf/src/main.rs"),
            root.path().join("sensor-ebpf/src/lib.rs"),
        )
        .unwrap();
        let renamed = sources(root.path()).unwrap();
        assert_ne!(first, renamed);
        crate::run::write_atomically(&root.path().join("sensor-common/src/main.rs"), "changed").unwrap();
        assert_ne!(renamed, sources(root.path()).unwrap());
    }
}
