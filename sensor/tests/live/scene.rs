//! A directory and cgroups for one test, gone when it ends.

use crate::cgroup::Cgroup;
use crate::payload;
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

pub struct Scene {
    directory: TempDir,
    cgroup_root: PathBuf,
}

impl Scene {
    pub fn new(cgroup_root: &Path) -> Self {
        let directory = tempfile::Builder::new().prefix("anchorwatch-live-").tempdir().unwrap();
        let scene = Self {
            directory,
            cgroup_root: cgroup_root.to_path_buf(),
        };
        // Other users have to be able to execute what lies here.
        fs::set_permissions(
            scene.directory.path(),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
        payload::write(&scene.payload());
        scene
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join(name)
    }

    /// A program that ends at once.
    pub fn payload(&self) -> PathBuf {
        self.path("payload")
    }

    /// A cgroup of the unified hierarchy, removed when it is dropped.
    pub fn cgroup(&self, name: &str) -> Cgroup {
        let unique = self.directory.path().file_name().unwrap().to_string_lossy();
        Cgroup::create(&self.cgroup_root, &format!("{unique}-{name}"))
    }

    /// A pipe with a name: who reads it waits until somebody writes.
    pub fn gate(&self, name: &str) -> Gate {
        let path = self.path(name);
        let text = CString::new(path.as_os_str().as_bytes()).unwrap();
        // SAFETY: the path is a valid C string.
        assert_eq!(unsafe { libc::mkfifo(text.as_ptr(), 0o600) }, 0);
        Gate(path)
    }

    pub fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(script).current_dir(self.directory.path());
        command
    }
}

/// Opened from the inside by `read line < PATH`.
pub struct Gate(PathBuf);

impl Gate {
    pub fn path(&self) -> String {
        self.0.to_string_lossy().into_owned()
    }

    /// Waits for the reader, too.
    pub fn open(&self) {
        fs::write(&self.0, "go\n").unwrap();
    }
}

/// Makes the command's program start as a container runtime does: in its cgroup, in mounts of its own.
pub fn in_container(command: &mut Command, cgroup: &Cgroup) {
    joined(command, cgroup);
    // SAFETY: a single system call between fork and exec.
    unsafe {
        command.pre_exec(|| Ok(rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS)?));
    }
}

/// Makes the command's program start in the cgroup and still in the host's mounts.
pub fn joined(command: &mut Command, cgroup: &Cgroup) {
    joined_at(command, &cgroup.procs());
}

/// The same by the file in which the cgroup lists its processes.
pub fn joined_at(command: &mut Command, procs: &Path) {
    let procs = CString::new(procs.as_os_str().as_bytes()).unwrap();
    // SAFETY: open, write and close between fork and exec, without allocation.
    unsafe {
        command.pre_exec(move || {
            let file = rustix::fs::open(&procs, rustix::fs::OFlags::WRONLY, rustix::fs::Mode::empty())?;
            rustix::io::write(&file, b"0")?;
            Ok(())
        });
    }
}
