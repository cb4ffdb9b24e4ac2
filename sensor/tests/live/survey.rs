//! What runs already is told as its execution would have been.

use crate::files::in_root;
use crate::fixture::{live_with, only, skip};
use crate::payload;
use crate::scene::Scene;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::decode::FileSource;
use anchorwatch_sensor::snapshot::survey::{Standing, Survey};
use rustix::fs::MemfdFlags;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

/// Programs that run until they are killed.
struct Waiting(Vec<Child>);

impl Drop for Waiting {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

#[test]
fn what_runs_already_shows_the_same_layer_as_at_its_execution() {
    let name = "what_runs_already_shows_the_same_layer_as_at_its_execution";
    let mut waiting = None;
    let before = |scene: &Scene| {
        let base = scene.path("overlay");
        // A thread's own mounts: nothing of them is seen outside, but for the layers' folders.
        waiting = std::thread::spawn(move || container(&base)).join().unwrap();
    };
    let Some(live) = live_with(name, &only(Feed::Process), before) else {
        return;
    };
    let Some(waiting) = waiting else {
        return skip(name, "no overlay filesystem").unwrap_or_default();
    };
    let mut survey = Survey::of(PathBuf::from("/proc"));
    let ours = |pid: u32| waiting.0.iter().any(|child| child.id() == pid);
    survey.processes = live
        .snapshot
        .processes
        .iter()
        .filter(|process| ours(process.pid))
        .cloned()
        .collect();
    let mut told = survey.start().unwrap();
    let mut seen = Vec::new();
    while let Some(standing) = told.blocking_recv() {
        // A program without libraries, which is no library itself.
        let Standing::Exec(exec) = standing else {
            panic!("{standing:?}");
        };
        assert!(!exec.runtime_stage && !exec.script && !exec.stdin_socket);
        seen.push((String::from_utf8(exec.executable).unwrap(), exec.source));
    }
    seen.sort();
    let expected = [
        ("/changed", FileSource::ImageCopiedUp),
        ("/fresh", FileSource::UpperNew),
        ("/image", FileSource::Image),
        ("/volume/payload", FileSource::Volume),
        ("memfd:hidden", FileSource::Memory),
    ];
    assert_eq!(seen, expected.map(|(path, source)| (path.to_owned(), source)));
}

/// Mounts an overlay and starts a program of each kind with it as root; None where there is no overlayfs.
fn container(base: &Path) -> Option<Waiting> {
    // SAFETY: this thread shares no file descriptors' table with the flag; nothing relies on its mounts.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::FS) }.unwrap();
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
    for directory in ["lower/volume", "upper", "work", "merged"] {
        fs::create_dir_all(base.join(directory)).unwrap();
    }
    for program in ["lower/image", "lower/changed"] {
        payload::write_waiting(&base.join(program));
    }
    let merged = base.join("merged");
    let text = format!("lowerdir={0}/lower,upperdir={0}/upper,workdir={0}/work", base.display());
    let options = std::ffi::CString::new(text).unwrap();
    mount(
        "overlay",
        &merged,
        "overlay",
        MountFlags::empty(),
        Some(options.as_c_str()),
    )
    .ok()?;
    payload::write_waiting(&merged.join("fresh"));
    fs::set_permissions(merged.join("changed"), Permissions::from_mode(0o711)).unwrap();
    mount("none", merged.join("volume"), "tmpfs", MountFlags::empty(), None).unwrap();
    payload::write_waiting(&merged.join("volume/payload"));
    let mut memory = File::from(rustix::fs::memfd_create("hidden", MemfdFlags::empty()).unwrap());
    memory.write_all(&payload::waiting_bytes()).unwrap();
    let mut waiting = Waiting(Vec::new());
    for program in ["/image", "/changed", "/fresh", "/volume/payload"] {
        let mut command = Command::new(program);
        in_root(&mut command, &merged);
        waiting.0.push(command.spawn().unwrap());
    }
    let hidden = Command::new(format!("/proc/self/fd/{}", memory.as_raw_fd())).spawn();
    waiting.0.push(hidden.unwrap());
    Some(waiting)
}
