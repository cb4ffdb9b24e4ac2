//! Where an executed file comes from.

use crate::fixture::{Live, live, skip};
use crate::payload;
use crate::scene::joined_at;
use anchorwatch_sensor::decode::{Exec, FileId, FileSource};
use rustix::fs::{MemfdFlags, OFlags};
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

fn exec_of(live: &mut Live, pid: u32) -> Exec {
    let [exec] = <[Exec; 1]>::try_from(live.execs(|exec| exec.pid == pid)).unwrap();
    exec
}

fn run(path: &str) -> u32 {
    let mut child = Command::new(path).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    child.id()
}

#[test]
fn a_file_in_memory_is_reported_as_such() {
    let Some(mut live) = live("a_file_in_memory_is_reported_as_such") else {
        return;
    };
    let mut file = File::from(rustix::fs::memfd_create("hidden", MemfdFlags::empty()).unwrap());
    file.write_all(&payload::bytes()).unwrap();
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let pid = run(&path);
    let exec = exec_of(&mut live, pid);
    assert_eq!(
        (exec.source, exec.executable),
        (FileSource::Memory, b"memfd:hidden".to_vec())
    );
    assert_eq!((exec.filename, exec.path_truncated), (path.into_bytes(), false));
}

#[test]
fn a_script_in_memory_is_told_from_its_interpreter() {
    let Some(mut live) = live("a_script_in_memory_is_told_from_its_interpreter") else {
        return;
    };
    let mut file = File::from(rustix::fs::memfd_create("script", MemfdFlags::empty()).unwrap());
    file.write_all(b"#!/bin/sh\n:\n").unwrap();
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    let pid = run(&path);
    let exec = exec_of(&mut live, pid);
    let shell = fs::canonicalize("/bin/sh")
        .unwrap()
        .into_os_string()
        .into_encoded_bytes();
    assert_eq!((exec.script, exec.script_source), (true, Some(FileSource::Memory)));
    assert_eq!((exec.executable, exec.filename), (shell, path.into_bytes()));
}

#[test]
fn a_file_without_a_name_is_reported_as_deleted() {
    let Some(mut live) = live("a_file_without_a_name_is_reported_as_deleted") else {
        return;
    };
    let path = live.scene.path("gone");
    payload::write(&path);
    let file = rustix::fs::open(&path, OFlags::RDONLY, rustix::fs::Mode::empty()).unwrap();
    fs::remove_file(&path).unwrap();
    let pid = run(&format!("/proc/self/fd/{}", file.as_raw_fd()));
    let exec = exec_of(&mut live, pid);
    assert_eq!(
        (exec.source, exec.executable),
        (FileSource::Deleted, path.into_os_string().into_encoded_bytes())
    );
}

#[test]
fn layers_of_a_container_are_told_apart() {
    let name = "layers_of_a_container_are_told_apart";
    let Some(mut live) = live(name) else { return };
    let base = live.scene.path("overlay");
    fs::create_dir(&base).unwrap();
    let here = base.clone();
    // A thread's own mounts: nothing of them is seen outside.
    let Some((pids, files)) = std::thread::spawn(move || container_with_layers(&here)).join().unwrap() else {
        return skip(name, "no overlay filesystem").unwrap_or_default();
    };
    let capabilities = live.loaded.capabilities();
    let changed = if capabilities.overlay_changes {
        FileSource::ImageChanged
    } else {
        FileSource::ImageCopiedUp
    };
    let upper = |known| {
        if capabilities.overlay_origin {
            known
        } else {
            FileSource::UpperUnknown
        }
    };
    let execs = live.execs(|exec| pids.contains(&exec.pid));
    let seen: Vec<(&[u8], FileSource)> = execs
        .iter()
        .map(|exec| (exec.executable.as_slice(), exec.source))
        .collect();
    let expected = [
        (b"/image".as_slice(), FileSource::Image),
        (b"/changed", upper(FileSource::ImageCopiedUp)),
        (b"/written", upper(changed)),
        (b"/elsewhere", upper(changed)),
        (b"/fresh", upper(FileSource::UpperNew)),
        (b"/volume/payload", FileSource::Volume),
        // Written, opened, deleted and executed through its descriptor: its layer is told all the same.
        (
            b"/gone",
            if capabilities.overlay_origin {
                FileSource::UpperNew
            } else {
                FileSource::Deleted
            },
        ),
        (b"/image-gone", FileSource::Deleted),
    ];
    assert_eq!(seen, expected);
    if capabilities.overlay_changes {
        let told: Vec<_> = execs[..files.len()].iter().map(|exec| exec.file).collect();
        assert_eq!(told, files, "each is the file in its layer");
    }
}

/// What the kernel tells of a file on this filesystem of its own.
fn id(path: &Path) -> Option<FileId> {
    let found = fs::metadata(path).unwrap();
    let device = found.dev();
    FileId::new(rustix::fs::major(device) << 20 | rustix::fs::minor(device), found.ino())
}

#[test]
fn an_overlay_of_a_processs_own_making_holds_nothing_of_the_image() {
    let name = "an_overlay_of_a_processs_own_making_holds_nothing_of_the_image";
    let Some(mut live) = live(name) else { return };
    let cgroup = live.scene.cgroup("container");
    let base = live.scene.path("overlay");
    fs::create_dir(&base).unwrap();
    let (here, container) = (base.clone(), cgroup.procs());
    // A thread's own mounts: nothing of them is seen outside.
    let Some(pid) = std::thread::spawn(move || container_with_an_overlay(&here, &container))
        .join()
        .unwrap()
    else {
        return skip(name, "no overlay filesystem over this root").unwrap_or_default();
    };
    let execs = live.execs(|exec| exec.pid == pid);
    let [image @ .., own] = &execs[..] else {
        panic!("{execs:#?}");
    };
    // A shell of the image and its `chroot`, which is busybox's own work where it is the shell.
    let sources: Vec<_> = image.iter().map(|exec| exec.source).collect();
    assert!([1, 2].contains(&image.len()) && sources.iter().all(|source| *source == FileSource::Image));
    // What lies in the lower layer of an overlay that the image knows nothing of.
    assert_eq!(
        (own.source, &own.executable[..]),
        (FileSource::Volume, &b"/inner/merged/image"[..])
    );
}

/// Runs the machine's shell as a container whose image is the machine's own root; it makes another overlay its root. None
/// where there is no overlay over that.
fn container_with_an_overlay(base: &Path, container: &Path) -> Option<u32> {
    own_mounts(base);
    for directory in ["upper", "work", "merged"] {
        fs::create_dir(base.join(directory)).unwrap();
    }
    let merged = base.join("merged");
    overlay(Path::new("/"), base, &merged)?;
    let inner = merged.join("inner");
    fs::create_dir(&inner).unwrap();
    mount("none", &inner, "tmpfs", MountFlags::empty(), None).unwrap();
    for directory in ["lower", "upper", "work", "merged"] {
        fs::create_dir(inner.join(directory)).unwrap();
    }
    payload::write(&inner.join("lower/image"));
    overlay(&inner.join("lower"), &inner, &inner.join("merged"))?;
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "exec chroot /inner/merged /image"]);
    joined_at(&mut command, container);
    in_root(&mut command, &merged);
    Some(finished(command))
}

#[test]
fn a_script_shows_where_its_own_file_comes_from_and_not_only_its_interpreter() {
    let name = "a_script_shows_where_its_own_file_comes_from_and_not_only_its_interpreter";
    let Some(mut live) = live(name) else { return };
    let hooks = live.loaded.hooks();
    let hook = hooks
        .iter()
        .find(|hook| hook.name == "fentry/security_bprm_check")
        .unwrap();
    if !hook.status.is_in_place() {
        return skip(name, &hook.remark()).unwrap_or_default();
    }
    let base = live.scene.path("overlay");
    fs::create_dir(&base).unwrap();
    let here = base.clone();
    // A thread's own mounts: nothing of them is seen outside.
    let Some(pids) = std::thread::spawn(move || container_with_scripts(&here))
        .join()
        .unwrap()
    else {
        return skip(name, "no overlay filesystem").unwrap_or_default();
    };
    let new = if live.loaded.capabilities().overlay_origin {
        FileSource::UpperNew
    } else {
        FileSource::UpperUnknown
    };
    let execs = live.execs(|exec| pids.contains(&exec.pid));
    let seen: Vec<_> = execs
        .iter()
        .map(|exec| (&exec.filename[..], exec.source, exec.script_source))
        .collect();
    let expected = [
        (&b"/script"[..], FileSource::Image, Some(FileSource::Image)),
        (b"/new-script", FileSource::Image, Some(new)),
        (b"/volume/script", FileSource::Image, Some(FileSource::Volume)),
        // Of the image, and interpreted by a script that is not.
        (b"/script-of-script", FileSource::Image, Some(new)),
        // Its execution failed before in the same process, as a script of the image's.
        (b"/image", FileSource::Image, None),
    ];
    assert_eq!(seen, expected);
}

/// Runs a script of each kind with an overlay as root, and a program after a script that has no interpreter.
fn container_with_scripts(base: &Path) -> Option<Vec<u32>> {
    let merged = overlay_scene(base)?;
    for script in ["new-script", "volume/script"] {
        write_script(&merged.join(script), "/image");
    }
    let scripts = ["/script", "/new-script", "/volume/script", "/script-of-script"];
    let mut pids: Vec<u32> = scripts.map(|script| run_with_root(&merged, script)).into();
    let mut command = Command::new("/image");
    in_root(&mut command, &merged);
    // SAFETY: system calls between fork and exec, with lists that end with their null.
    unsafe {
        command.pre_exec(|| {
            let arguments = [c"/script-of-nobody".as_ptr(), std::ptr::null()];
            libc::execv(arguments[0], arguments.as_ptr());
            Ok(())
        });
    }
    pids.push(finished(command));
    Some(pids)
}

fn write_script(path: &Path, interpreter: &str) {
    fs::write(path, format!("#!{interpreter}\n")).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// Runs a program of each kind with an overlay as root, those with a name first, and tells which files those are; None
/// where there is no overlayfs.
fn container_with_layers(base: &Path) -> Option<(Vec<u32>, Vec<Option<FileId>>)> {
    let merged = overlay_scene(base)?;
    payload::write(&merged.join("gone"));
    let programs = [
        "/image",
        "/changed",
        "/written",
        "/elsewhere",
        "/fresh",
        "/volume/payload",
    ];
    let named = programs.map(|program| run_with_root(&merged, program));
    let files = [
        "lower/image",
        "upper/changed",
        "upper/written",
        "upper/elsewhere",
        "upper/fresh",
        "merged/volume/payload",
    ];
    let files = files.map(|file| id(&base.join(file))).into();
    let nameless = ["/gone", "/image-gone"].map(|name| run_deleted(&merged, name));
    Some(([named.as_slice(), &nameless].concat(), files))
}

/// Gives this thread mounts of its own, with a fresh filesystem in a folder.
fn own_mounts(base: &Path) {
    // SAFETY: this thread shares no file descriptors' table with the flag; nothing relies on its mounts.
    unsafe { unshare_unsafe(UnshareFlags::NEWNS | UnshareFlags::FS) }.unwrap();
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
    mount("none", base, "tmpfs", MountFlags::empty(), None).unwrap();
}

/// Mounts an overlay whose writable layer lies in a folder; None where there is no overlayfs.
pub fn overlay(lower: &Path, base: &Path, merged: &Path) -> Option<()> {
    let text = format!(
        "lowerdir={0},upperdir={1}/upper,workdir={1}/work",
        lower.display(),
        base.display()
    );
    let options = std::ffi::CString::new(text).unwrap();
    mount(
        "overlay",
        merged,
        "overlay",
        MountFlags::empty(),
        Some(options.as_c_str()),
    )
    .ok()
}

/// Mounts an overlay with a file of each kind for this thread alone; None where there is no overlayfs.
pub fn overlay_scene(base: &Path) -> Option<PathBuf> {
    own_mounts(base);
    for directory in ["lower/volume", "upper", "work", "merged"] {
        fs::create_dir_all(base.join(directory)).unwrap();
    }
    for program in ["image", "changed", "written", "moved", "image-gone"] {
        let program = base.join("lower").join(program);
        payload::write(&program);
        // As an image's are: made long ago.
        let file = File::options().write(true).open(program).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1))
            .unwrap();
    }
    for (script, interpreter) in [
        ("script", "/image"),
        ("script-of-script", "/new-script"),
        ("script-of-nobody", "/nobody"),
    ] {
        write_script(&base.join("lower").join(script), interpreter);
    }
    let merged = base.join("merged");
    overlay(&base.join("lower"), base, &merged)?;
    payload::write(&merged.join("fresh"));
    fs::set_permissions(merged.join("changed"), Permissions::from_mode(0o711)).unwrap();
    // In place, as `cp` does it: not even its mode changes.
    fs::write(merged.join("written"), payload::bytes()).unwrap();
    fs::rename(merged.join("moved"), merged.join("elsewhere")).unwrap();
    mount("none", merged.join("volume"), "tmpfs", MountFlags::empty(), None).unwrap();
    payload::write(&merged.join("volume/payload"));
    Some(merged)
}

/// Runs a program whose name the process itself has taken away, by the descriptor that is left.
fn run_deleted(root: &Path, program: &str) -> u32 {
    let mut command = Command::new("/nonexistent");
    in_root(&mut command, root);
    let path = std::ffi::CString::new(program).unwrap();
    // SAFETY: system calls between fork and exec, with strings and lists that end with their null.
    unsafe {
        command.pre_exec(move || {
            let file = rustix::fs::open(&path, OFlags::RDONLY, rustix::fs::Mode::empty())?;
            rustix::fs::unlink(&path)?;
            let (arguments, environment) = ([path.as_ptr(), std::ptr::null()], [std::ptr::null::<libc::c_char>()]);
            libc::syscall(
                libc::SYS_execveat,
                file.as_raw_fd(),
                c"".as_ptr(),
                arguments.as_ptr(),
                environment.as_ptr(),
                libc::AT_EMPTY_PATH,
            );
            Err(std::io::Error::last_os_error())
        });
    }
    finished(command)
}

fn run_with_root(root: &Path, program: &str) -> u32 {
    let mut command = Command::new(program);
    in_root(&mut command, root);
    finished(command)
}

/// Makes the command's program start with this directory as the root of its mounts.
pub fn in_root(command: &mut Command, root: &Path) {
    let root = root.to_path_buf();
    // SAFETY: system calls between fork and exec; this process has one thread then and no locks are taken.
    unsafe {
        command.pre_exec(move || {
            unshare_unsafe(UnshareFlags::NEWNS)?;
            rustix::process::chdir(&root)?;
            rustix::process::pivot_root(".", ".")?;
            unmount(".", UnmountFlags::DETACH)?;
            rustix::process::chdir("/")?;
            Ok(())
        });
    }
}

fn finished(mut command: Command) -> u32 {
    let mut child = command.spawn().unwrap();
    assert!(child.wait().unwrap().success());
    child.id()
}
