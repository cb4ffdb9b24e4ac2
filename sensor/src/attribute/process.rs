//! What `/proc` still tells of a process that has just executed something: best effort, it may be gone.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// The node's `/proc`.
#[derive(Debug, Clone)]
pub struct ProcFolder {
    root: PathBuf,
}

impl ProcFolder {
    pub const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The process's working directory, inside its container.
    fn working_directory(&self, pid: u32) -> Option<Vec<u8>> {
        let target = std::fs::read_link(self.root.join(pid.to_string()).join("cwd")).ok()?;
        let path = target.as_os_str().as_bytes();
        path.starts_with(b"/").then(|| path.to_vec())
    }

    /// Path of the process's cgroup in the unified hierarchy; relative to our own cgroup namespace, so that it may
    /// begin with `/..`.
    pub fn cgroup(&self, pid: u32) -> Option<Vec<u8>> {
        let listing = std::fs::read(self.root.join(pid.to_string()).join("cgroup")).ok()?;
        listing
            .split(|byte| *byte == b'\n')
            .find_map(|line| line.strip_prefix(b"0::").map(<[u8]>::to_vec))
    }

    /// A script's path by the name that it was called by. A relative name whose process is gone stays as it is.
    pub fn script(&self, pid: u32, name: &[u8]) -> Vec<u8> {
        if name.starts_with(b"/") {
            return name.to_vec();
        }
        match self.working_directory(pid) {
            Some(directory) => joined(&directory, name),
            None => name.to_vec(),
        }
    }
}

/// Resolves `.` and `..` by their text alone: symbolic links are the container's.
fn joined(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in directory
        .split(|byte| *byte == b'/')
        .chain(name.split(|byte| *byte == b'/'))
    {
        match part {
            b"" | b"." => {}
            b".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let mut path = OsString::new();
    for part in &parts {
        path.push("/");
        path.push(std::ffi::OsStr::from_bytes(part));
    }
    path.into_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proc_with(pid: u32, working_directory: &str, cgroup: &str) -> (tempfile::TempDir, ProcFolder) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(pid.to_string());
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(working_directory, folder.join("cwd")).unwrap();
        std::fs::write(folder.join("cgroup"), cgroup).unwrap();
        let proc = ProcFolder::new(root.path().to_path_buf());
        (root, proc)
    }

    #[test]
    fn a_relative_script_is_found_from_the_working_directory() {
        let (_root, proc) = proc_with(7, "/app/bin", "");
        assert_eq!(proc.script(7, b"../run.sh"), b"/app/run.sh");
        assert_eq!(proc.script(7, b"./run.sh"), b"/app/bin/run.sh");
        assert_eq!(proc.script(7, b"/run.sh"), b"/run.sh");
    }

    #[test]
    fn a_relative_script_of_a_process_that_is_gone_stays_as_it_was_called() {
        let (_root, proc) = proc_with(7, "(unreachable)/app", "");
        assert_eq!(proc.script(8, b"./run.sh"), b"./run.sh");
        assert_eq!(proc.script(7, b"./run.sh"), b"./run.sh");
    }

    #[test]
    fn the_unified_hierarchys_cgroup_is_found_beside_others() {
        let (_root, proc) = proc_with(7, "/", "4:memory:/x\n0::/kubepods/pod1\n");
        assert_eq!(proc.cgroup(7).as_deref(), Some(b"/kubepods/pod1".as_slice()));
        assert_eq!(proc.cgroup(8), None);
    }
}
