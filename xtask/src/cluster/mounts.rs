//! The host's mounts, as `/proc/self/mountinfo` tells them (proc_pid_mountinfo(5)).

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

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
