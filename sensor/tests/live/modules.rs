//! Code that is loaded: which mappings are told, once, and as what.

use crate::files::{in_root, overlay_scene};
use crate::fixture::{Live, live_with, only, skip};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::decode::{FileSource, MappedBy, Mapping, RawEvent};
use anchorwatch_sensor::loader::LoadOptions;
use anchorwatch_sensor::modules::{Answer, MappedFile, ModuleLimits, ModulePlaces, Modules, Wanted, WantedFile};
use rustix::fs::{Mode, OFlags};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags};
use sha2::{Digest, Sha256};
use std::ffi::{CStr, CString};
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

const LENGTH: usize = 4096;
const CODE: ProtFlags = ProtFlags::READ.union(ProtFlags::EXEC);

/// A part of this process's memory that is a file's.
struct Mapped(*mut std::ffi::c_void);

impl Mapped {
    fn new(file: impl AsFd, protection: ProtFlags) -> Self {
        map(file.as_fd(), protection).unwrap()
    }
}

fn map(file: BorrowedFd<'_>, protection: ProtFlags) -> rustix::io::Result<Mapped> {
    // SAFETY: a new mapping at a place that the kernel chooses.
    let address = unsafe { rustix::mm::mmap(std::ptr::null_mut(), LENGTH, protection, MapFlags::PRIVATE, file, 0) };
    address.map(Mapped)
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: what `map` mapped; nothing refers to it.
        unsafe { rustix::mm::munmap(self.0, LENGTH) }.unwrap();
    }
}

/// The mappings that a process made, as far as they were told.
fn mappings(live: &mut Live, pid: u32) -> Vec<Mapping> {
    let events = live.events().into_iter();
    let ours = events.filter_map(|event| match event {
        RawEvent::Mapping(mapping) if mapping.loader.pid == pid => Some(*mapping),
        _ => None,
    });
    ours.collect()
}

fn own_mappings(live: &mut Live) -> Vec<Mapping> {
    mappings(live, std::process::id())
}

/// The fixture with the programs that see modules.
pub fn live(name: &str) -> Option<Live> {
    live_with(name, &only(Feed::Module), |_| {})
}

/// The same, where mappings are seen at all.
fn live_with_mappings(name: &str) -> Option<Live> {
    let live = live(name)?;
    let hook = live
        .loaded
        .hooks()
        .iter()
        .find(|hook| hook.name == "fentry/security_mmap_file");
    let hook = hook.unwrap();
    if hook.status.is_in_place() {
        Some(live)
    } else {
        skip(name, &hook.remark())
    }
}

/// A file of this test's with a page of its own content.
fn library(live: &Live, name: &str) -> (std::path::PathBuf, File) {
    let path = live.scene.path(name);
    fs::write(&path, name.repeat(LENGTH / name.len())).unwrap();
    let file = File::open(&path).unwrap();
    (path, file)
}

fn is_by_descriptor(live: &Live) -> bool {
    let hooks = live.loaded.hooks();
    hooks
        .iter()
        .any(|hook| hook.name == "fentry/security_mmap_file" && hook.status.word() == "fallback")
}

#[test]
fn a_library_is_told_once_with_all_that_it_is() {
    if let Some(live) = live_with_mappings("a_library_is_told_once_with_all_that_it_is") {
        assert_a_library_is_told_once(live);
    }
}

#[test]
fn a_library_is_told_once_with_all_that_it_is_where_the_kernel_gives_no_trampolines() {
    let name = "a_library_is_told_once_with_all_that_it_is_where_the_kernel_gives_no_trampolines";
    let options = LoadOptions {
        without: vec!["fentry/security_mmap_file"],
        ..only(Feed::Module)
    };
    if let Some(live) = live_with(name, &options, |_| {}) {
        assert!(is_by_descriptor(&live), "{:?}", live.loaded.hooks());
        assert_a_library_is_told_once(live);
    }
}

fn assert_a_library_is_told_once(mut live: Live) {
    let (path, file) = library(&live, "library");
    let readable = Mapped::new(&file, ProtFlags::READ);
    let first = Mapped::new(&file, CODE);
    let second = Mapped::new(&file, CODE);
    let seen = own_mappings(&mut live);
    let [mapping] = <[Mapping; 1]>::try_from(seen).unwrap();
    let metadata = fs::metadata(&path).unwrap();
    let nanoseconds = |seconds: i64, rest: i64| seconds * 1_000_000_000 + rest;
    let us = live
        .snapshot
        .processes
        .iter()
        .find(|process| process.pid == std::process::id());
    let us = us.unwrap();
    assert_eq!(mapping.path, path.as_os_str().as_bytes());
    assert_eq!(mapping.loader.executions.first(), Some(&us.exec_id));
    assert_eq!(
        (mapping.loader.cgroup_id, mapping.loader.origin),
        (us.cgroup_id, us.origin)
    );
    assert_eq!(
        (mapping.file.inode, mapping.file.size),
        (metadata.ino(), metadata.len())
    );
    assert_eq!(mapping.seen, (mapping.file.device, mapping.file.inode));
    assert_eq!(
        mapping.file.ctime_ns,
        nanoseconds(metadata.ctime(), metadata.ctime_nsec())
    );
    assert_eq!(
        mapping.file.mtime_ns,
        nanoseconds(metadata.mtime(), metadata.mtime_nsec())
    );
    assert!(matches!(mapping.source, FileSource::Unsupported | FileSource::Volume));
    let way = if is_by_descriptor(&live) {
        MappedBy::Descriptor
    } else {
        MappedBy::File
    };
    assert_eq!((mapping.way, mapping.path_truncated, mapping.repeats), (way, false, 0));
    drop((readable, first, second));
}

#[test]
fn what_exec_maps_is_no_library_and_what_the_linker_maps_is() {
    let Some(mut live) = live_with_mappings("what_exec_maps_is_no_library_and_what_the_linker_maps_is") else {
        return;
    };
    // A copy, so that its libraries alone may be known already.
    let program = live.scene.path("program");
    fs::copy("/proc/self/exe", &program).unwrap();
    let cgroup = live.scene.cgroup("fresh");
    let mut command = Command::new(&program);
    command
        .args(["--list", "--exact", "nothing"])
        .stdout(std::process::Stdio::null());
    crate::scene::joined(&mut command, &cgroup);
    let mut child = command.spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let paths: Vec<String> = mappings(&mut live, pid)
        .into_iter()
        .map(|mapping| String::from_utf8(mapping.path).unwrap())
        .collect();
    assert!(
        paths
            .iter()
            .any(|path| path.contains("/libc.so") || path.contains("/libc-")),
        "{paths:?}"
    );
    assert!(!paths.iter().any(|path| path.contains("/ld-linux")), "{paths:?}");
    assert!(!paths.contains(&program.to_string_lossy().into_owned()), "{paths:?}");
}

#[test]
fn a_program_that_the_linker_is_told_to_run_is_a_library() {
    let name = "a_program_that_the_linker_is_told_to_run_is_a_library";
    let Some(mut live) = live_with_mappings(name) else {
        return;
    };
    let linker = Path::new("/lib64/ld-linux-x86-64.so.2");
    if !linker.exists() {
        return skip(name, "no dynamic linker").unwrap_or_default();
    }
    let program = live.scene.path("program");
    fs::copy("/proc/self/exe", &program).unwrap();
    let mut command = Command::new(linker);
    command
        .arg(&program)
        .args(["--list", "--exact", "nothing"])
        .stdout(std::process::Stdio::null());
    let mut child = command.spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let seen = mappings(&mut live, pid);
    let path = program.as_os_str().as_bytes();
    assert!(seen.iter().any(|mapping| mapping.path == path), "{seen:?}");
}

#[test]
fn a_library_that_changes_is_told_again() {
    let Some(mut live) = live_with_mappings("a_library_that_changes_is_told_again") else {
        return;
    };
    let (path, file) = library(&live, "changes");
    drop(Mapped::new(&file, CODE));
    let before = hashed(&mut live);
    fs::write(&path, "other ".repeat(1000)).unwrap();
    drop(Mapped::new(File::open(&path).unwrap(), CODE));
    let after = hashed(&mut live);
    let expected = hex::encode(Sha256::digest("other ".repeat(1000)));
    assert_eq!(after.facts.unwrap().sha256, expected);
    assert_ne!(before.facts.unwrap().sha256, expected);
}

/// The only mapping that is told, with its file's hash.
fn hashed(live: &mut Live) -> Answer {
    let [mapping] = <[Mapping; 1]>::try_from(own_mappings(live)).unwrap();
    let places = ModulePlaces {
        proc: "/proc".into(),
        kernel_modules: "/nonexistent".into(),
    };
    let (modules, mut answers) = Modules::start(ModuleLimits::default(), places).unwrap();
    let what = WantedFile::Mapping(MappedFile::from(&mapping));
    assert!(modules.want(Wanted {
        token: 1,
        lane: 1,
        what
    }));
    answers.blocking_recv().unwrap()
}

#[test]
fn a_library_without_a_name_is_hashed_where_it_is_mapped() {
    let Some(mut live) = live_with_mappings("a_library_without_a_name_is_hashed_where_it_is_mapped") else {
        return;
    };
    let (path, file) = library(&live, "nameless");
    fs::remove_file(&path).unwrap();
    let mapped = Mapped::new(&file, CODE);
    let answer = hashed(&mut live);
    let content = "nameless".repeat(LENGTH / "nameless".len());
    assert_eq!(answer.facts.unwrap().sha256, hex::encode(Sha256::digest(content)));
    assert!(!answer.mismatch);
    drop(mapped);
}

#[test]
fn a_library_in_memory_is_told_each_time_and_hashed() {
    let Some(mut live) = live_with_mappings("a_library_in_memory_is_told_each_time_and_hashed") else {
        return;
    };
    let mut file = File::from(rustix::fs::memfd_create("library", rustix::fs::MemfdFlags::empty()).unwrap());
    file.write_all(&[0xc3; LENGTH]).unwrap();
    let mapped = Mapped::new(&file, CODE);
    let answer = hashed(&mut live);
    assert_eq!(
        answer.facts.unwrap().sha256,
        hex::encode(Sha256::digest([0xc3; LENGTH]))
    );
    let again = Mapped::new(&file, CODE);
    let [mapping] = <[Mapping; 1]>::try_from(own_mappings(&mut live)).unwrap();
    assert_eq!(
        (mapping.source, mapping.path.as_slice()),
        (FileSource::Memory, &b"memfd:library"[..])
    );
    drop((mapped, again));
}

#[test]
fn layers_of_libraries_are_told_apart() {
    let name = "layers_of_libraries_are_told_apart";
    let Some(mut live) = live_with_mappings(name) else {
        return;
    };
    let base = live.scene.path("overlay");
    fs::create_dir(&base).unwrap();
    let here = base.clone();
    // A thread's own mounts: nothing of them is seen outside.
    let Some(pid) = std::thread::spawn(move || library_layers(&here)).join().unwrap() else {
        return skip(name, "no overlay filesystem").unwrap_or_default();
    };
    let capabilities = live.loaded.capabilities();
    let upper = |known| {
        if capabilities.overlay_origin {
            known
        } else {
            FileSource::UpperUnknown
        }
    };
    let changed = if capabilities.overlay_changes {
        FileSource::ImageChanged
    } else {
        FileSource::ImageCopiedUp
    };
    let seen = mappings(&mut live, pid);
    let told: Vec<(&[u8], FileSource)> = seen.iter().map(|mapping| (&mapping.path[..], mapping.source)).collect();
    let expected = [
        (&b"/image"[..], FileSource::Image),
        (b"/changed", upper(FileSource::ImageCopiedUp)),
        (b"/written", upper(changed)),
        (b"/fresh", upper(FileSource::UpperNew)),
        (b"/volume/payload", FileSource::Volume),
    ];
    assert_eq!(told, expected);
    // All lie in one filesystem below, which the overlay's own device hides.
    let devices: Vec<bool> = seen
        .iter()
        .map(|mapping| mapping.file.device == seen[3].file.device)
        .collect();
    assert_eq!(devices, [true, true, true, true, false]);
    assert_ne!(seen[0].seen.0, seen[0].file.device);
}

/// Maps a file of each layer, as a process whose root is the overlay; its id.
fn library_layers(base: &Path) -> Option<u32> {
    let merged = overlay_scene(base)?;
    let mut command = Command::new("/image");
    in_root(&mut command, &merged);
    let files = ["/image", "/changed", "/written", "/fresh", "/volume/payload"].map(|path| CString::new(path).unwrap());
    // SAFETY: system calls between fork and exec.
    unsafe {
        command.pre_exec(move || {
            for path in &files {
                map_in_child(path)?;
            }
            Ok(())
        });
    }
    let mut child = command.spawn().unwrap();
    assert!(child.wait().unwrap().success());
    Some(child.id())
}

fn map_in_child(path: &CStr) -> rustix::io::Result<()> {
    let file = rustix::fs::open(path, OFlags::RDONLY, Mode::empty())?;
    std::mem::forget(map(file.as_fd(), CODE)?);
    Ok(())
}

#[test]
fn a_mapping_that_becomes_executable_is_told() {
    let name = "a_mapping_that_becomes_executable_is_told";
    let Some(mut live) = live_with_mappings(name) else {
        return;
    };
    let hooks = live.loaded.hooks();
    let hook = hooks
        .iter()
        .find(|hook| hook.name == "fentry/security_file_mprotect")
        .unwrap();
    if !hook.status.is_in_place() {
        return skip(name, &hook.remark()).unwrap_or_default();
    }
    let (path, file) = library(&live, "becomes");
    let mapped = Mapped::new(&file, ProtFlags::READ);
    // SAFETY: what is mapped there is only made executable.
    unsafe { rustix::mm::mprotect(mapped.0, LENGTH, MprotectFlags::READ | MprotectFlags::EXEC) }.unwrap();
    let [mapping] = <[Mapping; 1]>::try_from(own_mappings(&mut live)).unwrap();
    assert_eq!(
        (mapping.path.as_slice(), mapping.way),
        (path.as_os_str().as_bytes(), MappedBy::Protection)
    );
    drop(mapped);
}
