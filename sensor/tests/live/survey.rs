//! What runs already is told as its execution would have been.

use crate::files::{in_root, overlay};
use crate::fixture::{live_with, only, skip};
use crate::payload;
use crate::scene::Scene;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::attribute::process::{ProcFolder, ProcessAt};
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
use std::time::SystemTime;

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
        ("/written", FileSource::ImageChanged),
        ("memfd:hidden", FileSource::Memory),
    ];
    assert_eq!(seen, expected.map(|(path, source)| (path.to_owned(), source)));
}

#[test]
fn a_script_that_is_new_or_was_changed_is_found_out_while_it_runs() {
    let name = "a_script_that_is_new_or_was_changed_is_found_out_while_it_runs";
    let mut waiting = None;
    let before = |scene: &Scene| {
        let base = scene.path("overlay");
        waiting = std::thread::spawn(move || scripts(&base)).join().unwrap();
    };
    let Some(live) = live_with(name, &only(Feed::Process), before) else {
        return;
    };
    let Some(waiting) = waiting else {
        return skip(name, "no overlay filesystem").unwrap_or_default();
    };
    let proc = ProcFolder::new(PathBuf::from("/proc"));
    let mut layers = proc.layers();
    let now = live
        .snapshot
        .processes
        .iter()
        .map(|process| process.found_ns)
        .max()
        .unwrap();
    let mut brought = |child: &Child, script: &str, at_ns| {
        let process = ProcessAt { pid: child.id(), at_ns };
        proc.brought(&mut layers, process, script.as_bytes())
    };
    let found: Vec<_> = SCRIPTS
        .iter()
        .zip(&waiting.0)
        .map(|(script, child)| brought(child, script, now))
        .collect();
    let expected = [
        None,
        Some(FileSource::UpperNew),
        Some(FileSource::ImageChanged),
        // A volume may be served by whoever lets us wait.
        None,
    ];
    assert_eq!(found, expected);
    let new = &waiting.0[1];
    assert_eq!(brought(new, "new-script", now), None, "a name that leads nowhere");
    assert_eq!(brought(new, SCRIPTS[1], 0), None, "another process had the number");
}

/// Of the image, new, of the image and changed, of a volume.
const SCRIPTS: [&str; 4] = ["/script", "/new-script", "/written-script", "/volume/script"];

/// Starts a script of each kind with an overlay as root, by a program of the image; None where there is no overlayfs.
fn scripts(base: &Path) -> Option<Waiting> {
    let write = |path: PathBuf| {
        fs::write(&path, "#!/image\n").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    };
    let merged = scene(base, || {
        for script in ["script", "written-script"] {
            write(base.join("lower").join(script));
        }
    })?;
    for script in &SCRIPTS[1..] {
        write(merged.join(&script[1..]));
    }
    fs::write(merged.join("written-script"), "#!/image x\n").unwrap();
    Some(Waiting(SCRIPTS.iter().map(|script| started(&merged, script)).collect()))
}

fn started(merged: &Path, program: &str) -> Child {
    let mut command = Command::new(program);
    in_root(&mut command, merged);
    command.spawn().unwrap()
}

/// Mounts an overlay over an image, to which something is added; None where there is no overlayfs.
fn scene(base: &Path, add: impl FnOnce()) -> Option<PathBuf> {
    // SAFETY: this thread shares no file descriptors' table with the flag; nothing relies on its mounts.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::FS) }.unwrap();
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
    for directory in ["lower/volume", "upper", "work", "merged"] {
        fs::create_dir_all(base.join(directory)).unwrap();
    }
    for program in ["lower/image", "lower/changed", "lower/written"] {
        payload::write_waiting(&base.join(program));
        let file = File::options().write(true).open(base.join(program)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    }
    add();
    let merged = base.join("merged");
    overlay(&base.join("lower"), base, &merged)?;
    mount("none", merged.join("volume"), "tmpfs", MountFlags::empty(), None).unwrap();
    Some(merged)
}

/// Starts a program of each kind with an overlay as root; None where there is no overlayfs.
fn container(base: &Path) -> Option<Waiting> {
    let merged = scene(base, || {})?;
    payload::write_waiting(&merged.join("fresh"));
    fs::set_permissions(merged.join("changed"), Permissions::from_mode(0o711)).unwrap();
    fs::write(merged.join("written"), payload::waiting_bytes()).unwrap();
    payload::write_waiting(&merged.join("volume/payload"));
    let mut memory = File::from(rustix::fs::memfd_create("hidden", MemfdFlags::empty()).unwrap());
    memory.write_all(&payload::waiting_bytes()).unwrap();
    let programs = ["/image", "/changed", "/written", "/fresh", "/volume/payload"];
    let mut waiting = Waiting(programs.map(|program| started(&merged, program)).into());
    let hidden = Command::new(format!("/proc/self/fd/{}", memory.as_raw_fd())).spawn();
    waiting.0.push(hidden.unwrap());
    Some(waiting)
}
