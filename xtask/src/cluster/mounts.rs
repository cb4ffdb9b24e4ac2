//! The host's mounts: read from `/proc/self/mountinfo` (`proc_pid_mountinfo(5)`), made and undone by system calls, since
//! mount(8) keeps notes of its own under /run.

use std::fs;
use std::path::{Path, PathBuf};

use std::ffi::CString;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};

/// One line of mountinfo, as far as we need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    pub target: PathBuf,
    pub kind: String,
    pub shared: bool,
    /// The superblock's options, such as a cgroup hierarchy's controllers.
    pub options: String,
}

/// All mounts, in the order in which they were made.
pub fn read() -> Result<Vec<Mount>> {
    let text = fs::read_to_string("/proc/self/mountinfo").context("cannot read /proc/self/mountinfo")?;
    Ok(parse(&text))
}

pub fn parse(text: &str) -> Vec<Mount> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let mut fields = before.split(' ').skip(4);
    let target = unescape(fields.next()?);
    let shared = fields.skip(1).any(|tag| tag.starts_with("shared:"));
    let mut rest = after.split(' ');
    let kind = rest.next()?.to_owned();
    let options = rest.nth(1).unwrap_or_default().to_owned();
    Some(Mount {
        target: target.into(),
        kind,
        shared,
        options,
    })
}

/// Spaces and the like are written as three octal digits.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let code = (byte == b'\\' && tail.len() >= 3)
            .then(|| {
                std::str::from_utf8(&tail[..3])
                    .ok()
                    .and_then(|digits| u8::from_str_radix(digits, 8).ok())
            })
            .flatten();
        bytes.push(code.unwrap_or(byte));
        rest = if code.is_some() { &tail[3..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether something is mounted exactly there.
pub fn is_mounted(mounts: &[Mount], target: &Path) -> bool {
    mounts.iter().any(|mount| mount.target == target)
}

/// Where hybrid hosts (cgroup v1 with v2 beside it) mount the v2 hierarchy.
pub fn hybrid_unified(mounts: &[Mount]) -> Option<&Path> {
    mounts
        .iter()
        .find(|mount| mount.kind == "cgroup2" && mount.target != Path::new("/sys/fs/cgroup"))
        .map(|mount| mount.target.as_path())
}

/// The roots of all cgroup hierarchies.
pub fn cgroup_roots(mounts: &[Mount]) -> Vec<PathBuf> {
    let is_cgroup = |mount: &&Mount| mount.kind == "cgroup" || mount.kind == "cgroup2";
    mounts
        .iter()
        .filter(is_cgroup)
        .map(|mount| mount.target.clone())
        .collect()
}

/// Mounts a file system of the kernel's own.
pub fn make(kind: &str, options: &str, target: &Path) -> Result<()> {
    fs::create_dir_all(target).with_context(|| format!("cannot make {}", target.display()))?;
    let data = CString::new(options)?;
    mount(kind, target, kind, MountFlags::empty(), data.as_c_str())
        .with_context(|| format!("cannot mount {}", target.display()))
}

/// Takes it off again, and its folder if that was made for it.
pub fn undo(kind: &str, options: &str, target: &Path, made_folder: bool) -> Result<Option<String>> {
    let mut done = None;
    if is_mounted(&read()?, target) {
        take_off(target)?;
        if kind == "cgroup" {
            return_controller(options, target)?;
        }
        done = Some(format!("{} unmounted", target.display()));
    }
    if made_folder && target.exists() {
        fs::remove_dir(target).with_context(|| format!("cannot remove {}", target.display()))?;
    }
    Ok(done)
}

fn take_off(target: &Path) -> Result<()> {
    unmount(target, UnmountFlags::empty()).with_context(|| format!("cannot unmount {}", target.display()))
}

/// A controller goes back to cgroup v2 when its hierarchy is unmounted while it has no child left
/// (`cgroup_kill_sb`, kernel/cgroup/cgroup.c); removed cgroups linger a moment, and only an unmount tries again.
fn return_controller(name: &str, target: &Path) -> Result<()> {
    let mounts = read()?;
    let Some(unified) = hybrid_unified(&mounts) else {
        return Ok(());
    };
    let is_back = &|| {
        let controllers = fs::read_to_string(unified.join("cgroup.controllers")).unwrap_or_default();
        controllers.split_whitespace().any(|controller| controller == name)
    };
    let started = Instant::now();
    while !comes_back(is_back) {
        ensure!(
            started.elapsed() < Duration::from_secs(30),
            "the controller {name} did not go back to cgroup v2"
        );
        make("cgroup", name, target)?;
        take_off(target)?;
    }
    Ok(())
}

/// The kernel takes its time, and mounting again would stop it.
fn comes_back(is_back: impl Fn() -> bool) -> bool {
    (0..10).any(|_| {
        sleep(Duration::from_millis(100));
        is_back()
    })
}

/// Mounts made from now on below any mount are seen by those who share it, as pods with `HostToContainer` need.
pub fn share_everything() -> Result<()> {
    mount_change("/", MountPropagationFlags::SHARED | MountPropagationFlags::REC)
        .context("cannot share the mounts below /")
}

/// Makes those private again that were so before.
pub fn unshare(not_shared: &[PathBuf], whole_tree: bool) -> Result<String> {
    if whole_tree {
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).context("cannot make the mounts below / private")?;
    }
    for target in not_shared {
        // What is no longer mounted needs nothing.
        mount_change(target, MountPropagationFlags::PRIVATE).ok();
    }
    Ok("mounts are as private as they were".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n\
24 22 0:21 / /sys rw shared:2 - sysfs sysfs rw\n\
25 24 0:22 / /sys/fs/cgroup rw shared:3 master:1 - tmpfs tmpfs rw,mode=755\n\
26 25 0:23 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
27 25 0:24 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
28 22 0:25 / /mnt/a\\040b rw master:1 - tmpfs none rw\n";

    #[test]
    fn target_kind_options_and_sharing_are_read() {
        let mounts = parse(TEXT);
        let shared: Vec<bool> = mounts.iter().map(|mount| mount.shared).collect();
        assert_eq!(shared, [false, true, true, false, false, false]);
        let memory = Mount {
            target: "/sys/fs/cgroup/memory".into(),
            kind: "cgroup".into(),
            shared: false,
            options: "rw,memory".into(),
        };
        assert_eq!(mounts[3], memory);
        assert_eq!(mounts[5].target, Path::new("/mnt/a b"));
    }

    #[test]
    fn hybrid_hosts_have_the_unified_hierarchy_beside_the_others() {
        assert_eq!(hybrid_unified(&parse(TEXT)), Some(Path::new("/sys/fs/cgroup/unified")));
        let pure = parse("25 24 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
        assert_eq!(hybrid_unified(&pure), None);
        assert_eq!(cgroup_roots(&pure), [PathBuf::from("/sys/fs/cgroup")]);
    }
}
