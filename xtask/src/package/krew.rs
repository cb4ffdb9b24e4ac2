//! A krew manifest, what krew checks of it before it is published, and krew itself installing from it.
//!
//! After `pkg/index/types.go` and `internal/index/validation/validate.go` of kubernetes-sigs/krew 0.4.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{run, setup::go};

const API_VERSION: &str = "krew.googlecontainertools.github.com/v1alpha2";
const NAME: &str = "drift";

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    api_version: String,
    kind: String,
    metadata: Metadata,
    spec: Spec,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Metadata {
    name: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Spec {
    version: String,
    short_description: String,
    description: String,
    platforms: Vec<Platform>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Platform {
    selector: Selector,
    uri: String,
    sha256: String,
    files: Vec<Move>,
    bin: String,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Selector {
    match_labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Move {
    from: String,
    to: String,
}

impl Manifest {
    /// The manifest of an archive for one platform.
    pub fn of(version: &str, arch: &str, uri: &str, archive: &Path) -> Result<Self> {
        let labels = [("os", "linux"), ("arch", arch)].map(|(name, value)| (name.to_owned(), value.to_owned()));
        let file = |from: &str| Move {
            from: from.to_owned(),
            to: ".".to_owned(),
        };
        Ok(Self {
            api_version: API_VERSION.to_owned(),
            kind: "Plugin".to_owned(),
            metadata: Metadata { name: NAME.to_owned() },
            spec: Spec {
                version: format!("v{version}"),
                short_description: "Review what workloads newly do".to_owned(),
                description: "Lists and shows the drift that Anchorwatch finds, decides about it, and tells what was learned of \
                              a workload, what a rollout changed in what it does, and whether alerting can be switched on. It \
                              needs Anchorwatch in the cluster.\n"
                    .to_owned(),
                platforms: vec![Platform {
                    selector: Selector {
                        match_labels: labels.into(),
                    },
                    uri: uri.to_owned(),
                    sha256: digest(archive)?,
                    files: vec![file("kubectl-drift"), file("LICENSE")],
                    bin: "kubectl-drift".to_owned(),
                }],
            },
        })
    }

    /// What krew would refuse it for.
    pub fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut expect = |holds: bool, what: &str| {
            if !holds {
                found.push(what.to_owned());
            }
        };
        let Self {
            api_version,
            kind,
            metadata,
            spec,
        } = self;
        expect(
            api_version == API_VERSION && kind == "Plugin",
            "apiVersion and kind are a plugin's",
        );
        let is_safe =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
        expect(is_safe(&metadata.name), "metadata.name has letters, digits and dashes");
        let numbers: Vec<&str> = spec.version.strip_prefix('v').unwrap_or_default().split('.').collect();
        let is_version = numbers.len() == 3 && numbers.iter().all(|number| number.parse::<u32>().is_ok());
        expect(is_version, "spec.version is v and three numbers");
        let is_short = !spec.short_description.is_empty() && spec.short_description.chars().count() <= 50;
        expect(
            is_short && !spec.short_description.contains('\n'),
            "spec.shortDescription is one line of at most 50 characters",
        );
        expect(!spec.platforms.is_empty(), "spec.platforms lists a platform");
        for platform in &spec.platforms {
            expect(platform.uri.starts_with("https://"), "uri begins with https://");
            let is_hash =
                platform.sha256.len() == 64 && platform.sha256.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
            expect(is_hash, "sha256 is 64 hexadecimal digits");
            expect(!platform.files.is_empty(), "files lists a file");
            let paths = platform.files.iter().flat_map(|file| [&file.from, &file.to]);
            expect(
                paths.chain([&platform.bin]).all(|path| stays_within(path)),
                "no path leads out of the archive",
            );
            expect(!platform.bin.is_empty(), "bin names the program");
        }
        found
    }
}

fn stays_within(path: &str) -> bool {
    Path::new(path).components().all(|part| match part {
        Component::Normal(_) | Component::CurDir => true,
        Component::Prefix(_) | Component::RootDir | Component::ParentDir => false,
    })
}

fn digest(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(hex::encode(Sha256::digest(bytes)))
}

/// Has krew install a plugin from its manifest and archive, below `home`, and returns the link that kubectl finds it by.
pub fn install(manifest: &Path, archive: &Path, home: &Path) -> Result<PathBuf> {
    let mut krew = run::command(go::krew()?);
    krew.arg("install")
        .arg(format!("--manifest={}", manifest.display()))
        .arg(format!("--archive={}", archive.display()))
        .env("KREW_ROOT", home)
        .env("KREW_NO_UPGRADE_CHECK", "1");
    run::quiet(&mut krew)?;
    Ok(home.join("bin").join(format!("kubectl-{NAME}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_krew_would_refuse_is_named_for_what_it_is() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut manifest = Manifest::of("0.1.0", "amd64", "https://x.example/a.tar.gz", file.path()).unwrap();
        assert_eq!(manifest.violations(), Vec::<String>::new());
        manifest.spec.version = "0.1".into();
        manifest.spec.platforms[0].files[0].from = "../kubectl-drift".into();
        manifest.spec.platforms[0].sha256.truncate(63);
        assert_eq!(
            manifest.violations(),
            [
                "spec.version is v and three numbers",
                "sha256 is 64 hexadecimal digits",
                "no path leads out of the archive"
            ]
        );
    }
}
