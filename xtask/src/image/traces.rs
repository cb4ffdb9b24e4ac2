//! buildah leaves two small things in the system's folders, whatever storage it is given; where they were not there
//! before, they go again.

use std::fs;
use std::path::Path;

const FILES: [&str; 3] = [
    "/etc/cni/net.d/cni.lock",
    "/var/lib/containers/cache/blob-info-cache-v1.boltdb",
    "/var/lib/containers/cache/blob-info-cache-v1.sqlite",
];
const FOLDERS: [&str; 4] = [
    "/etc/cni/net.d",
    "/etc/cni",
    "/var/lib/containers/cache",
    "/var/lib/containers",
];

/// What was missing when it was made, and goes again when it is dropped.
#[derive(Debug)]
pub struct Traces {
    files: Vec<&'static str>,
    folders: Vec<&'static str>,
}

impl Traces {
    pub fn remember() -> Self {
        let missing = |path: &&str| !Path::new(path).exists();
        Self {
            files: FILES.into_iter().filter(missing).collect(),
            folders: FOLDERS.into_iter().filter(missing).collect(),
        }
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        for file in &self.files {
            fs::remove_file(file).ok();
        }
        for folder in &self.folders {
            // Only when it is empty: somebody else may have begun to use it.
            fs::remove_dir(folder).ok();
        }
    }
}
