//! Reads what runs: the cgroup tree first, then `/proc`. What vanishes while we read is left out.

use super::{KnownCgroup, SeedError, SeedOptions};
use crate::attribute::process::{Stat, parse_stat};
use crate::capability::{host_mount_namespace, mount_namespace};
use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A process as `/proc` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub pid: u32,
    pub parent: u32,
    pub uid: u32,
    pub start_ticks: u64,
    pub cgroup_id: u64,
    pub in_host_mounts: bool,
    /// Device of its root, as the kernel encodes it, where that is an overlay filesystem of its own; else 0.
    pub root: u32,
    /// How many namespaces of process ids it is in, from the host's inwards.
    pub pid_namespaces: usize,
    /// The first process of the innermost one: orphans become its children.
    pub is_init: bool,
    /// Its last fork came after its last execution: it runs what its parent executed.
    pub fork_without_exec: bool,
    /// What the kernel calls it: the name of the file that was executed, cut to 15 bytes, unless it chose another.
    pub name: Vec<u8>,
    pub executable: Vec<u8>,
    pub argv: Vec<Vec<u8>>,
}

/// Every cgroup (parents first) and every process that is in one, older ones first.
pub fn read(options: &SeedOptions) -> Result<(Vec<KnownCgroup>, Vec<Found>), SeedError> {
    let mut cgroups = Vec::new();
    let mut members = HashMap::new();
    read_cgroup(&options.cgroup_root, &[], &mut cgroups, &mut members)?;
    let listing = fs::read_dir(&options.proc).map_err(|source| SeedError::Read {
        path: options.proc.clone(),
        source,
    })?;
    let host_mounts = host_mount_namespace(&options.proc);
    let mut processes: Vec<Found> = listing
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: u32| {
            let directory = options.proc.join(pid.to_string());
            // Where we may not look it is no container's: those are the runtime's and ours to see.
            let in_host_mounts = mount_namespace(&directory).is_none_or(|mounts| Some(mounts) == host_mounts);
            read_process(&directory, pid, *members.get(&pid)?, in_host_mounts)
        })
        .collect();
    processes.sort_by_key(|process| (process.start_ticks, process.pid));
    Ok((cgroups, processes))
}

/// Notes a cgroup, its processes and its children. The directory's inode number is the cgroup's id.
fn read_cgroup(
    directory: &Path,
    path: &[u8],
    cgroups: &mut Vec<KnownCgroup>,
    members: &mut HashMap<u32, u64>,
) -> Result<(), SeedError> {
    let error = |source| SeedError::Read {
        path: directory.to_path_buf(),
        source,
    };
    let id = fs::metadata(directory).map_err(error)?.ino();
    // Fails in a threaded cgroup, whose processes the threaded domain above lists.
    let processes = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
    members.extend(processes.lines().filter_map(|line| Some((line.parse().ok()?, id))));
    let below = fs::read_dir(directory).map_err(error)?;
    let shown = if path.is_empty() { b"/".to_vec() } else { path.to_vec() };
    cgroups.push(KnownCgroup { id, path: shown });
    for child in below.filter_map(Result::ok) {
        if child.file_type().is_ok_and(|kind| kind.is_dir()) {
            let path = [path, b"/", child.file_name().as_bytes()].concat();
            match read_cgroup(&child.path(), &path, cgroups, members) {
                Err(SeedError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
    }
    Ok(())
}

fn read_process(directory: &Path, pid: u32, cgroup_id: u64, in_host_mounts: bool) -> Option<Found> {
    let stat = fs::read(directory.join("stat")).ok()?;
    let Stat {
        parent,
        flags,
        start_ticks,
        terminal: _,
    } = parse_stat(&stat)?;
    let status = fs::read_to_string(directory.join("status")).ok()?;
    let words = |name| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::split_whitespace)
    };
    let uid = words("Uid:")?.next()?.parse().ok()?;
    let executable = fs::read_link(directory.join("exe")).map(|path| path.into_os_string().into_vec());
    let command = fs::read(directory.join("cmdline")).unwrap_or_default();
    let numbers: Vec<&str> = words("NSpid:").into_iter().flatten().collect();
    Some(Found {
        pid,
        parent,
        uid,
        start_ticks,
        cgroup_id,
        in_host_mounts,
        root: if in_host_mounts { 0 } else { overlay_root(directory) },
        pid_namespaces: numbers.len(),
        is_init: numbers.last() == Some(&"1"),
        fork_without_exec: flags & PF_FORKNOEXEC != 0,
        name: name(&stat).to_vec(),
        executable: executable.map(|path| as_kernel_shows(&path)).unwrap_or_default(),
        argv: arguments(&command),
    })
}

/// `OVERLAYFS_SUPER_MAGIC` (include/uapi/linux/magic.h).
const OVERLAY_MAGIC: u64 = 0x794c_7630;

/// Device of the overlay filesystem that is a process's root, 0 where it is none or cannot be asked. A folder of an overlay
/// has the overlay's own device (`ovl_map_dev_ino`, fs/overlayfs/inode.c).
fn overlay_root(process: &Path) -> u32 {
    let root = process.join("root/.");
    let is_overlay = rustix::fs::statfs(&root).is_ok_and(|told| u64::try_from(told.f_type) == Ok(OVERLAY_MAGIC));
    if !is_overlay {
        return 0;
    }
    fs::metadata(&root).map_or(0, |found| {
        let device = found.dev();
        rustix::fs::major(device) << 20 | rustix::fs::minor(device)
    })
}

/// `PF_FORKNOEXEC` (include/linux/sched.h).
const PF_FORKNOEXEC: u32 = 0x40;

/// Between the first and the last parenthesis.
fn name(stat: &[u8]) -> &[u8] {
    let begin = stat.iter().position(|byte| *byte == b'(').map_or(0, |at| at + 1);
    let end = stat.iter().rposition(|byte| *byte == b')').unwrap_or(begin);
    stat.get(begin..end).unwrap_or_default()
}

/// The link's target in the form of the exec program: without the mark of a deleted file, and a file in memory
/// by its kernel name.
pub fn as_kernel_shows(link: &[u8]) -> Vec<u8> {
    let path = link.strip_suffix(b" (deleted)").unwrap_or(link);
    let memory = path.strip_prefix(b"/").filter(|name| name.starts_with(b"memfd:"));
    memory.unwrap_or(path).to_vec()
}

fn arguments(command: &[u8]) -> Vec<Vec<u8>> {
    if command.is_empty() {
        return Vec::new();
    }
    let command = command.strip_suffix(&[0]).unwrap_or(command);
    command.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn executables_read_as_the_exec_program_shows_them() {
        assert_eq!(as_kernel_shows(b"/bin/x (deleted)"), b"/bin/x");
        assert_eq!(as_kernel_shows(b"/memfd:payload (deleted)"), b"memfd:payload");
    }

    #[test]
    fn a_cgroup_tree_and_its_processes_are_read() {
        let temporary = tempfile::tempdir().unwrap();
        let (proc, root) = (temporary.path().join("proc"), temporary.path().join("cgroup"));
        for directory in ["proc/12", "proc/13", "cgroup/kubepods/pod1"] {
            fs::create_dir_all(temporary.path().join(directory)).unwrap();
        }
        fs::write(root.join("cgroup.procs"), "").unwrap();
        fs::write(root.join("kubepods/cgroup.procs"), "").unwrap();
        fs::write(root.join("kubepods/pod1/cgroup.procs"), "12\n99\n").unwrap();
        fs::write(
            proc.join("12/stat"),
            "12 (sh) S 3 7 7 0 -1 4194368 1 0 0 0 0 0 0 0 20 0 1 0 4711 0 0",
        )
        .unwrap();
        fs::write(
            proc.join("12/status"),
            "Name:\tsh\nUid:\t1000\t0\t0\t0\nNSpid:\t12\t3\n",
        )
        .unwrap();
        fs::write(proc.join("12/cmdline"), "sh\0-c\0x\0").unwrap();
        std::os::unix::fs::symlink("/bin/sh", proc.join("12/exe")).unwrap();
        let (cgroups, processes) = read(&SeedOptions {
            proc,
            cgroup_root: root,
        })
        .unwrap();
        let paths: Vec<&[u8]> = cgroups.iter().map(|cgroup| cgroup.path.as_slice()).collect();
        assert_eq!(paths, [b"/".as_slice(), b"/kubepods", b"/kubepods/pod1"]);
        let expected = Found {
            pid: 12,
            parent: 3,
            uid: 1000,
            start_ticks: 4711,
            cgroup_id: cgroups[2].id,
            in_host_mounts: true,
            root: 0,
            pid_namespaces: 2,
            is_init: false,
            fork_without_exec: true,
            name: b"sh".to_vec(),
            executable: b"/bin/sh".to_vec(),
            argv: vec![b"sh".to_vec(), b"-c".to_vec(), b"x".to_vec()],
        };
        assert_eq!(processes, [expected]);
    }
}
