//! A cgroup that a test owns.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the last process may take to leave.
const CEILING: Duration = Duration::from_secs(10);

pub struct Cgroup {
    directory: PathBuf,
    pub id: u64,
    /// Its path in the hierarchy.
    pub path: Vec<u8>,
}

impl Cgroup {
    /// Beside the root's children, wherever the test itself runs.
    pub fn create(root: &Path, name: &str) -> Self {
        let directory = root.join(name);
        fs::create_dir(&directory).unwrap();
        let id = fs::metadata(&directory).unwrap().ino();
        Self {
            directory,
            id,
            path: format!("/{name}").into_bytes(),
        }
    }

    pub fn procs(&self) -> PathBuf {
        self.directory.join("cgroup.procs")
    }

    /// Ends all that runs in it.
    pub fn kill(&self) {
        if let Err(error) = fs::write(self.directory.join("cgroup.kill"), "1") {
            assert!(!self.directory.exists(), "{error}");
        }
    }

    /// Removes it, once the last process has left.
    pub fn remove(&self) {
        let start = Instant::now();
        while let Err(error) = fs::remove_dir(&self.directory) {
            assert!(start.elapsed() < CEILING, "{}: {error}", self.directory.display());
            std::thread::yield_now();
        }
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.kill(); // who was to end what runs here did not come to it
        }
        if self.directory.exists() {
            self.remove();
        }
    }
}
