//! Paths and arguments at their limits, byte for byte.

use crate::fixture::{Live, live};
use crate::payload;
use anchorwatch_sensor::decode::Exec;
use anchorwatch_sensor_common::event::{COMPONENT_LIMIT, FILENAME_LIMIT, PATH_LIMIT};
use rustix::fs::{Mode, OFlags, mkdirat, openat};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Bytes of a folder's name.
const LONG: usize = 250;

/// The most bytes of a path that can be named at once (`PATH_MAX` less its NUL, include/uapi/linux/limits.h).
const NAMED: usize = 4095;

fn executed(live: &mut Live, command: &mut Command) -> Exec {
    let mut child = command.spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let [exec] = <[Exec; 1]>::try_from(live.execs(|exec| exec.pid == pid)).unwrap();
    exec
}

/// Makes a folder in the other for each name, and the program in the last; gives that.
fn nested(live: &Live, names: &[String]) -> OwnedFd {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut folder: OwnedFd = rustix::fs::open(live.scene.path("."), flags, Mode::empty()).unwrap();
    for name in names {
        mkdirat(&folder, name, Mode::from_raw_mode(0o755)).unwrap();
        folder = openat(&folder, name, flags, Mode::empty()).unwrap();
    }
    let created = OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC;
    let program = openat(&folder, "payload", created, Mode::from_raw_mode(0o755)).unwrap();
    File::from(program).write_all(&payload::bytes()).unwrap();
    folder
}

#[test]
fn the_longest_path_that_can_be_named_is_told_whole() {
    let Some(mut live) = live("the_longest_path_that_can_be_named_is_told_whole") else {
        return;
    };
    let before = live.scene.path("x").as_os_str().len() - "/x".len();
    let mut left = NAMED - before - "/payload".len();
    let mut names = Vec::new();
    while left > 0 {
        // None is left with nothing but its slash.
        let length = if left > LONG + 2 { LONG + 1 } else { left };
        let length = if left - length == 1 { length - 1 } else { length };
        names.push("d".repeat(length - 1));
        left -= length;
    }
    drop(nested(&live, &names));
    let program = live.scene.path(&names.join("/")).join("payload");
    assert_eq!(program.as_os_str().len(), NAMED);
    let exec = executed(&mut live, &mut Command::new(&program));
    let path = program.into_os_string().into_vec();
    assert_eq!((exec.path_truncated, exec.key.is_some()), (false, true));
    assert!(exec.executable == path, "{} bytes of it", exec.executable.len());
    // The name that was given is cut where the path is not; as an argument it is whole, but for the other limit.
    assert_eq!(exec.filename, path[..FILENAME_LIMIT - 1]);
    assert_eq!((exec.argv_total as usize, exec.argv_truncated), (NAMED + 1, false));
    assert!(exec.argv.last() == Some(&path[..]));
}

#[test]
fn a_path_longer_than_can_be_named_is_cut_at_the_root_and_flagged() {
    let Some(mut live) = live("a_path_longer_than_can_be_named_is_cut_at_the_root_and_flagged") else {
        return;
    };
    let names: Vec<String> = (b'a'..b'a' + 20)
        .map(|letter| char::from(letter).to_string().repeat(LONG))
        .collect();
    let folder = nested(&live, &names);
    let mut command = Command::new("./payload");
    // SAFETY: a system call between fork and exec.
    unsafe {
        command.pre_exec(move || Ok(rustix::process::fchdir(&folder)?));
    }
    let exec = executed(&mut live, &mut command);
    // The last component begins before the limit, and may end behind it.
    let program = "payload\0".len();
    let kept = (PATH_LIMIT - program).div_ceil(LONG + 1);
    let expected = format!("{}/payload", names[names.len() - kept..].join("/"));
    assert!(PATH_LIMIT < expected.len() && expected.len() < PATH_LIMIT + COMPONENT_LIMIT);
    assert!(
        exec.executable == expected.as_bytes(),
        "{} bytes of it",
        exec.executable.len()
    );
    // What is cut is never taken for known.
    assert_eq!((exec.path_truncated, exec.key), (true, None));
    assert_eq!(
        (&exec.filename[..], exec.argv.last()),
        (&b"./payload"[..], Some(&b"./payload"[..]))
    );
}

#[test]
fn paths_and_arguments_are_bytes_whatever_they_say() {
    let Some(mut live) = live("paths_and_arguments_are_bytes_whatever_they_say") else {
        return;
    };
    let mut longest = b"\xff\xfe \n\x1b[2J\xc3\x28".to_vec();
    longest.resize(COMPONENT_LIMIT - 1, 0x80);
    let program = live.scene.path(".").join(OsString::from_vec(longest));
    let program = program.components().collect::<std::path::PathBuf>();
    payload::write(&program);
    let arguments: [&[u8]; 3] = [b"\x80\xff", b"", b"\x1b]0;x\x07\n\xe2\x80\xae"];
    let mut command = Command::new(&program);
    let exec = executed(&mut live, command.args(arguments.map(OsStr::from_bytes)));
    let path = program.into_os_string().into_vec();
    assert_eq!((&exec.executable, exec.path_truncated), (&path, false));
    assert_eq!((&exec.filename, exec.key.is_some()), (&path, true));
    assert_eq!(exec.argv, [&path[..]].into_iter().chain(arguments).collect());
    assert!(!exec.argv_truncated);
    fs::remove_file(OsStr::from_bytes(&path)).unwrap();
}
