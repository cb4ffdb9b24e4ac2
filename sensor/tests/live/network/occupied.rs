//! A cgroup with a program that tolerates no other.

use crate::fixture::{live_with, skip};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::loader::{CgroupScope, HookStatus, LoadOptions};
use anchorwatch_sensor::snapshot::find_cgroup_root;
use std::fs::File;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// `enum bpf_cmd`, `enum bpf_prog_type` and `enum bpf_attach_type` (include/uapi/linux/bpf.h).
const PROG_LOAD: libc::c_long = 5;
const PROG_ATTACH: libc::c_long = 8;
const CGROUP_SKB: u32 = 8;
const CGROUP_INET_INGRESS: u32 = 0;

/// `r0 = 1; exit`: lets everything through.
static ALLOW: [u64; 2] = [0x0000_0001_0000_00b7, 0x0000_0000_0000_0095];

/// The head of `union bpf_attr` for `PROG_LOAD`.
#[repr(C)]
struct Load {
    kind: u32,
    instructions: u32,
    code: u64,
    license: u64,
    rest: [u64; 13],
}

/// The same for `PROG_ATTACH`.
#[repr(C)]
struct Attach {
    cgroup: u32,
    program: u32,
    kind: u32,
    flags: u32,
}

fn bpf<T>(command: libc::c_long, attributes: &T) -> io::Result<i32> {
    // SAFETY: the kernel reads that many bytes of attributes, and what they point to is static.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, std::ptr::from_ref(attributes), size_of::<T>()) };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(i32::try_from(result).unwrap())
    }
}

/// Attaches a program alone: it goes with its cgroup.
fn occupy(cgroup: &Path) -> io::Result<()> {
    let program = bpf(
        PROG_LOAD,
        &Load {
            kind: CGROUP_SKB,
            instructions: 2,
            code: ALLOW.as_ptr().addr() as u64,
            license: c"GPL".as_ptr().addr() as u64,
            rest: [0; 13],
        },
    )?;
    // SAFETY: the kernel has just given it to us.
    let program = unsafe { OwnedFd::from_raw_fd(program) };
    let cgroup = File::open(cgroup)?;
    bpf(
        PROG_ATTACH,
        &Attach {
            cgroup: cgroup.as_raw_fd().cast_unsigned(),
            program: program.as_raw_fd().cast_unsigned(),
            kind: CGROUP_INET_INGRESS,
            flags: 0,
        },
    )
    .map(drop)
}

#[test]
fn an_occupied_cgroup_is_named_and_the_other_hooks_are_attached() {
    let name = "an_occupied_cgroup_is_named_and_the_other_hooks_are_attached";
    let Ok(root) = find_cgroup_root() else {
        skip::<()>(name, "no unified cgroup hierarchy");
        return;
    };
    let path: PathBuf = root.join(format!("anchorwatch-occupied-{}", std::process::id()));
    let options = LoadOptions {
        cgroup_scope: CgroupScope::One(path.clone()),
        ..LoadOptions::default()
    };
    let live = live_with(name, &options, |_| {
        std::fs::create_dir(&path).unwrap();
        occupy(&path).unwrap();
    });
    if path.exists() {
        std::fs::remove_dir(&path).unwrap();
    }
    let Some(live) = live else { return };
    for hook in live.loaded.hooks() {
        match &hook.status {
            HookStatus::Failed(why) if hook.name == "cgroup_skb/ingress" => {
                assert!(
                    why.contains("is occupied") && why.contains(&*path.to_string_lossy()),
                    "{why}"
                );
                assert_eq!(hook.feed, Feed::Network);
            }
            status => assert_eq!((hook.name, status), (hook.name, &HookStatus::Attached)),
        }
    }
    let failed = live
        .loaded
        .hooks()
        .iter()
        .filter(|hook| !hook.status.is_in_place())
        .count();
    assert_eq!(failed, 1);
}
