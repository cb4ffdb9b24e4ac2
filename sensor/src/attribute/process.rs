//! What `/proc` still tells of a process that has just done something: best effort, it may be gone, and its number may
//! be another's by now.

use anchorwatch_sensor_common::lineage::NANOSECONDS_PER_TICK;
use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::mounts::{self, Seat};
use crate::decode::FileSource;
use crate::snapshot::survey::layer::Layers;

/// The node's `/proc`. Never a container's own, which may show anything or nothing.
#[derive(Debug, Clone)]
pub struct ProcFolder {
    root: PathBuf,
}

/// A process, by its number and a moment of `CLOCK_BOOTTIME` at which it had that number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessAt {
    pub pid: u32,
    pub at_ns: u64,
}

impl ProcFolder {
    pub const fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The process's working directory, inside its container.
    fn working_directory(&self, process: ProcessAt) -> Option<Vec<u8>> {
        let target = std::fs::read_link(self.folder(process).join("cwd")).ok()?;
        let path = target.as_os_str().as_bytes();
        (path.starts_with(b"/") && self.is_still(process)).then(|| path.to_vec())
    }

    /// Path of the program that the process runs, in its own mounts.
    pub fn executable(&self, process: ProcessAt) -> Option<Vec<u8>> {
        let target = std::fs::read_link(self.folder(process).join("exe")).ok()?;
        self.is_still(process).then(|| target.into_os_string().into_vec())
    }

    /// Path of the process's cgroup in the unified hierarchy; relative to our own cgroup namespace, so that it may
    /// begin with `/..`.
    pub fn cgroup(&self, process: ProcessAt) -> Option<Vec<u8>> {
        let listing = std::fs::read(self.folder(process).join("cgroup")).ok()?;
        let path = listing
            .split(|byte| *byte == b'\n')
            .find_map(|line| line.strip_prefix(b"0::").map(<[u8]>::to_vec))?;
        self.is_still(process).then_some(path)
    }

    /// The pod and container that the kubelet has mounted something into the process's container for.
    pub fn seat(&self, process: ProcessAt) -> Option<Seat> {
        let mounts = std::fs::read(self.folder(process).join("mountinfo")).ok()?;
        let seat = mounts::seat(&mounts)?;
        self.is_still(process).then_some(seat)
    }

    /// A script's path by the name that it was called by. A relative name whose process is gone stays as it is.
    pub fn script(&self, process: ProcessAt, name: &[u8]) -> Vec<u8> {
        if name.starts_with(b"/") {
            return name.to_vec();
        }
        match self.working_directory(process) {
            Some(directory) => joined(&directory, name),
            None => name.to_vec(),
        }
    }

    /// Whether a script was brought into the container that its process runs in, by its path there
    /// ([`Layers::brought`]). Nothing is told of a process that is gone: an image's script must not look like another one
    /// for having been quick.
    pub fn brought(&self, layers: &mut Layers, process: ProcessAt, script: &[u8]) -> Option<FileSource> {
        if !script.starts_with(b"/") {
            return None;
        }
        let source = layers.brought(&self.folder(process), script)?;
        self.is_still(process).then_some(source)
    }

    /// Where layers are looked at.
    pub fn layers(&self) -> Layers {
        Layers::new(&self.root)
    }

    fn folder(&self, process: ProcessAt) -> PathBuf {
        self.root.join(process.pid.to_string())
    }

    /// Whether the number was not given to another process since: that one would have started later. To be asked after
    /// reading, since numbers never go back.
    fn is_still(&self, process: ProcessAt) -> bool {
        let stat = std::fs::read(self.folder(process).join("stat")).unwrap_or_default();
        parse_stat(&stat).is_some_and(|stat| stat.start_ticks.saturating_mul(NANOSECONDS_PER_TICK) <= process.at_ns)
    }
}

/// Parts of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub parent: u32,
    /// `PF_` bits (include/linux/sched.h).
    pub flags: u32,
    /// In ticks of [`NANOSECONDS_PER_TICK`] since boot.
    pub start_ticks: u64,
    /// It has a controlling terminal.
    pub terminal: bool,
}

/// The name that comes first may hold anything, so the last `)` ends it.
pub fn parse_stat(stat: &[u8]) -> Option<Stat> {
    let behind = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let fields: Vec<&str> = str::from_utf8(&stat[behind..]).ok()?.split_whitespace().collect();
    // Fields 4, 7, 9 and 22 of proc_pid_stat(5), counted from the third, which comes first here.
    Some(Stat {
        parent: fields.get(1)?.parse().ok()?,
        flags: fields.get(6)?.parse().ok()?,
        start_ticks: fields.get(19)?.parse().ok()?,
        terminal: *fields.get(4)? != "0",
    })
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

    /// Started at the tick 100.
    const STAT: &str = "7 (a) b (c) S 3 7 7 0 -1 4194368 1 0 0 0 0 0 0 0 20 0 1 0 100 0 0";

    fn at(pid: u32) -> ProcessAt {
        ProcessAt {
            pid,
            at_ns: 100 * NANOSECONDS_PER_TICK,
        }
    }

    fn proc_with(pid: u32, working_directory: &str, cgroup: &str) -> (tempfile::TempDir, ProcFolder) {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join(pid.to_string());
        std::fs::create_dir(&folder).unwrap();
        std::os::unix::fs::symlink(working_directory, folder.join("cwd")).unwrap();
        std::fs::write(folder.join("cgroup"), cgroup).unwrap();
        std::fs::write(folder.join("stat"), STAT).unwrap();
        let proc = ProcFolder::new(root.path().to_path_buf());
        (root, proc)
    }

    #[test]
    fn a_relative_script_is_found_from_the_working_directory() {
        let (_root, proc) = proc_with(7, "/app/bin", "");
        assert_eq!(proc.script(at(7), b"../run.sh"), b"/app/run.sh");
        assert_eq!(proc.script(at(7), b"./run.sh"), b"/app/bin/run.sh");
        assert_eq!(proc.script(at(7), b"/run.sh"), b"/run.sh");
    }

    #[test]
    fn a_relative_script_of_a_process_that_is_gone_stays_as_it_was_called() {
        let (_root, proc) = proc_with(7, "(unreachable)/app", "");
        assert_eq!(proc.script(at(8), b"./run.sh"), b"./run.sh");
        assert_eq!(proc.script(at(7), b"./run.sh"), b"./run.sh");
    }

    #[test]
    fn the_unified_hierarchys_cgroup_is_found_beside_others() {
        let (_root, proc) = proc_with(7, "/", "4:memory:/x\n0::/kubepods/pod1\n");
        assert_eq!(proc.cgroup(at(7)).as_deref(), Some(b"/kubepods/pod1".as_slice()));
        assert_eq!(proc.cgroup(at(8)), None);
    }

    #[test]
    fn a_number_that_was_given_to_another_process_tells_nothing() {
        let (_root, proc) = proc_with(7, "/app", "0::/kubepods/pod1\n");
        let before = ProcessAt {
            pid: 7,
            at_ns: 100 * NANOSECONDS_PER_TICK - 1,
        };
        assert_eq!(proc.cgroup(before), None);
        assert_eq!(proc.script(before, b"./run.sh"), b"./run.sh");
        assert_eq!(proc.seat(before), None);
    }

    #[test]
    fn a_name_with_parentheses_and_spaces_does_not_shift_the_fields() {
        let expected = Stat {
            parent: 3,
            flags: 0x40_0040,
            start_ticks: 100,
            terminal: false,
        };
        assert_eq!(parse_stat(STAT.as_bytes()), Some(expected));
        let attached = STAT.replace("7 7 0 -1", "7 7 34816 -1");
        assert!(parse_stat(attached.as_bytes()).is_some_and(|stat| stat.terminal));
        assert_eq!(parse_stat(b"7 (a"), None);
    }
}
