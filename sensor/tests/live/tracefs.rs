//! The file system that names the kernel's tracepoints, which nobody may have mounted.

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::path::Path;

const FOLDER: &str = "/sys/kernel/tracing";

/// Mounted by the test, and not any more when this is dropped.
pub struct Tracefs {
    ours: bool,
}

impl Tracefs {
    /// Where it cannot be mounted the kernel has none, and the hooks that need it say so.
    pub fn mounted() -> Self {
        let there = Path::new(FOLDER).join("events").exists();
        Self {
            ours: !there && mount("tracefs", FOLDER, "tracefs", MountFlags::empty(), None).is_ok(),
        }
    }
}

impl Drop for Tracefs {
    fn drop(&mut self) {
        if self.ours {
            unmount(FOLDER, UnmountFlags::DETACH).unwrap();
        }
    }
}
