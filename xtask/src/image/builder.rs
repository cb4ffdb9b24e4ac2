//! buildah, with its storage in the cache: an image is one layer, its tag a hash of what is in it, so that what did not
//! change is neither built nor pushed again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use super::published::Published;
use super::traces::Traces;
use crate::setup::lock;
use crate::{paths, progress, run};

/// An image to be.
#[derive(Debug)]
pub struct Image {
    pub name: String,
    /// What becomes its file system.
    pub root: PathBuf,
    pub entrypoint: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub user: Option<String>,
}

/// buildah with its storage in a folder of ours instead of the system's.
#[derive(Debug)]
pub struct Builder {
    storage: PathBuf,
}

impl Builder {
    /// The storage that all checkouts share.
    pub fn shared() -> Result<Self> {
        Ok(Self {
            storage: paths::cache_folder("buildah")?,
        })
    }

    /// Storage of its own.
    pub fn in_folder(storage: &Path) -> Self {
        Self {
            storage: storage.to_owned(),
        }
    }

    /// Builds the image unless it is there already, and pushes it under a tag that is a hash of its content.
    pub fn publish(&self, registry: &str, image: &Image) -> Result<Published> {
        self.publish_as(registry, image, image.fingerprint()?)
    }

    /// The same, under a tag that stands for this content.
    pub fn publish_as(&self, registry: &str, image: &Image, tag: String) -> Result<Published> {
        let reference = format!("{registry}/{}:{tag}", image.name);
        let local = format!("localhost/{}:{tag}", image.name);
        let _lock = lock::acquire(&self.storage.join("lock"), "images")?;
        let _traces = Traces::remember();
        let digest = progress::step(&format!("pushing {reference}"), || {
            if !run::succeeds(self.buildah(&["inspect", "--type", "image"]).arg(&local)) {
                self.build(image, &local)?;
            }
            self.push(&local, &reference)
        })?;
        Ok(Published {
            name: image.name.clone(),
            reference,
            tag,
            digest,
        })
    }

    fn build(&self, image: &Image, local: &str) -> Result<()> {
        let container = run::output(&mut self.buildah(&["from", "scratch"]))?;
        let result = self.fill_and_commit(&container, image, local);
        run::succeeds(self.buildah(&["rm"]).arg(&container));
        result
    }

    fn fill_and_commit(&self, container: &str, image: &Image, local: &str) -> Result<()> {
        run::quiet(self.buildah(&["copy", "--quiet", container]).arg(&image.root).arg("/"))?;
        let mut config = self.buildah(&["config", "--entrypoint", &serde_json::to_string(&image.entrypoint)?]);
        for (key, value) in &image.environment {
            config.args(["--env", &format!("{key}={value}")]);
        }
        if let Some(user) = &image.user {
            config.args(["--user", user]);
        }
        run::quiet(config.arg(container))?;
        // Without the time of day in it the same content has the same digest.
        run::quiet(&mut self.buildah(&["commit", "--quiet", "--timestamp", "0", container, local]))
    }

    fn push(&self, local: &str, reference: &str) -> Result<String> {
        let digest = self.storage.join("digest");
        let mut command = self.buildah(&["push", "--quiet", "--digestfile"]);
        command.arg(&digest);
        if is_loopback(reference) {
            command.arg("--tls-verify=false");
        }
        run::quiet(command.args([local, &format!("docker://{reference}")]))?;
        fs::read_to_string(&digest).with_context(|| format!("cannot read {}", digest.display()))
    }

    fn buildah(&self, arguments: &[&str]) -> Command {
        let mut command = run::command("buildah");
        // The plain driver works everywhere, in containers too; our images are one layer each.
        command
            .args(["--storage-driver", "vfs", "--root"])
            .arg(self.storage.join("root"));
        command.arg("--runroot").arg(self.storage.join("run")).args(arguments);
        command
    }
}

/// Whether a reference names a registry of this machine, which has no certificate: to any other, images and
/// credentials go over verified TLS alone.
fn is_loopback(reference: &str) -> bool {
    let host = reference.split('/').next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    host == "localhost"
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

impl Image {
    /// A hash over everything that shapes the image.
    fn fingerprint(&self) -> Result<String> {
        let mut hash = Sha256::new();
        hash.update(format!("{:?} {:?} {:?}", self.entrypoint, self.environment, self.user));
        hash_tree(&self.root, Path::new(""), &mut hash)?;
        Ok(hex::encode(&hash.finalize()[..6]))
    }
}

fn hash_tree(root: &Path, inside: &Path, hash: &mut Sha256) -> Result<()> {
    let folder = root.join(inside);
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let mut names: Vec<_> = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect::<std::io::Result<_>>()?;
    names.sort();
    for name in names {
        let inside = inside.join(name);
        let path = root.join(&inside);
        let data = fs::symlink_metadata(&path)?;
        hash.update(format!("{} {:o}\0", inside.display(), data.permissions().mode()));
        if data.is_symlink() {
            hash.update(fs::read_link(&path)?.as_os_str().as_encoded_bytes());
        } else if data.is_dir() {
            hash_tree(root, &inside, hash)?;
        } else {
            hash.update(fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(root: &Path) -> Image {
        Image {
            name: "a".into(),
            root: root.into(),
            entrypoint: vec!["/a".into()],
            environment: Vec::new(),
            user: None,
        }
    }

    #[test]
    fn only_a_registry_of_this_machine_is_spoken_to_without_tls() {
        for reference in ["127.0.0.1:5000/a:1", "localhost:5000/a:1", "[::1]:5000/a:1"] {
            assert!(is_loopback(reference), "{reference}");
        }
        for reference in [
            "registry.example.com/tools/a:1",
            "10.0.0.1:5000/a:1",
            "localhost.example.com/a:1",
            "",
        ] {
            assert!(!is_loopback(reference), "{reference}");
        }
    }

    #[test]
    fn the_tag_changes_with_content_mode_entrypoint_and_user() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("bin/a");
        run::write_atomically(&file, "one").unwrap();
        let first = image(folder.path()).fingerprint().unwrap();
        assert_eq!(first, image(folder.path()).fingerprint().unwrap());
        let mut other = image(folder.path());
        other.user = Some("65532".into());
        assert_ne!(first, other.fingerprint().unwrap());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let executable = image(folder.path()).fingerprint().unwrap();
        assert_ne!(first, executable);
        run::write_atomically(&file, "two").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        assert_ne!(executable, image(folder.path()).fingerprint().unwrap());
    }
}
