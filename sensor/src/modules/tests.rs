//! With files and processes of the test's own.

use super::hash::PIECE;
use super::*;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use tokio::sync::mpsc::UnboundedReceiver;

fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}

fn identity(path: &Path) -> FileIdentity {
    let metadata = fs::metadata(path).unwrap();
    FileIdentity {
        inode: metadata.ino(),
        size: metadata.len(),
        ctime_ns: open::nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
        mtime_ns: open::nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
        device: 0,
        generation: 0,
    }
}

/// A file of this process's, mapped or not.
fn file(path: &Path) -> MappedFile {
    let identity = identity(path);
    MappedFile {
        pid: std::process::id(),
        path: Some(path.as_os_str().as_encoded_bytes().to_vec()),
        identity,
        seen: (0, identity.inode),
        filesystem: 0,
        by_descriptor: false,
    }
}

fn wanted(token: u64, lane: u64, file: MappedFile) -> Wanted {
    Wanted {
        token,
        lane,
        what: WantedFile::Mapping(file),
    }
}

fn start(limits: ModuleLimits, kernel_modules: &Path) -> (Modules, UnboundedReceiver<Answer>) {
    let places = ModulePlaces {
        proc: "/proc".into(),
        kernel_modules: kernel_modules.to_path_buf(),
    };
    Modules::start(limits, places).unwrap()
}

/// The facts of a file, for a thread of its own.
fn facts(file: MappedFile) -> Result<Facts, Unhashed> {
    let (modules, mut answers) = start(ModuleLimits::default(), Path::new("/nonexistent"));
    assert!(modules.want(wanted(1, 1, file)));
    answers.blocking_recv().unwrap().facts
}

#[test]
fn a_file_is_hashed_by_its_path_below_the_processes_root() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lib.so");
    fs::write(&path, vec![7; 700_000]).unwrap();
    let expected = Facts {
        sha256: sha256(&vec![7; 700_000]),
        build_id: None,
    };
    assert_eq!(facts(file(&path)), Ok(expected));
}

#[test]
fn an_empty_file_has_the_hash_of_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty");
    fs::write(&path, "").unwrap();
    assert_eq!(facts(file(&path)).unwrap().sha256, sha256(b""));
}

#[test]
fn a_file_that_was_changed_since_it_was_mapped_has_no_hash() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lib.so");
    fs::write(&path, "evil").unwrap();
    let mut seen = file(&path);
    seen.identity.ctime_ns -= 1;
    assert_eq!(facts(seen.clone()), Err(Unhashed::Changed));
    seen.identity.ctime_ns += 1;
    seen.identity.size += 1;
    assert_eq!(facts(seen), Err(Unhashed::Changed));
}

#[test]
fn a_link_put_in_the_files_place_is_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let (path, other) = (folder.path().join("lib.so"), folder.path().join("other"));
    fs::write(&other, "another file").unwrap();
    let mut seen = file(&other);
    seen.path = Some(path.as_os_str().as_encoded_bytes().to_vec());
    std::os::unix::fs::symlink(&other, &path).unwrap();
    assert_eq!(facts(seen), Err(Unhashed::Gone));
}

#[test]
fn what_is_no_regular_file_is_not_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &path,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR,
        0,
    )
    .unwrap();
    assert_eq!(facts(file(&path)), Err(Unhashed::Changed));
}

#[test]
fn a_process_that_is_gone_and_a_filesystem_that_may_hang_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lib.so");
    fs::write(&path, "x").unwrap();
    let mut seen = file(&path);
    // Above the highest pid that Linux gives (`PID_MAX_LIMIT`).
    seen.pid = 1 << 23;
    assert_eq!(facts(seen), Err(Unhashed::Gone));
    let mut seen = file(&path);
    seen.filesystem = 0x6573_5546;
    assert_eq!(facts(seen), Err(Unhashed::ForeignFilesystem));
}

#[test]
fn a_file_that_is_too_large_is_told_without_reading_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse");
    File::create(&path).unwrap().set_len(3 << 30).unwrap();
    assert_eq!(facts(file(&path)), Err(Unhashed::TooLarge));
}

#[test]
fn a_known_file_is_answered_when_its_process_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lib.so");
    fs::write(&path, "settled").unwrap();
    // The time of an inode's change cannot be set: it has to grow old.
    let changed = identity(&path).ctime_ns;
    let (modules, mut answers) = start(ModuleLimits::default(), Path::new("/nonexistent"));
    let mut gone = file(&path);
    gone.pid = 1 << 23;
    let started = std::time::Instant::now();
    loop {
        assert!(modules.want(wanted(1, 1, file(&path))));
        assert!(answers.blocking_recv().unwrap().facts.is_ok());
        assert!(modules.want(wanted(2, 2, gone.clone())));
        let answer = answers.blocking_recv().unwrap();
        if answer.facts == Ok(facts_of("settled")) {
            break;
        }
        assert_eq!(answer.facts, Err(Unhashed::Gone));
        assert!(started.elapsed() < Duration::from_secs(30));
        std::thread::yield_now();
    }
    assert_eq!(identity(&path).ctime_ns, changed);
}

fn facts_of(content: &str) -> Facts {
    Facts {
        sha256: sha256(content.as_bytes()),
        build_id: None,
    }
}

#[test]
fn a_large_file_keeps_others_waiting_for_its_pieces_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (large, small) = (folder.path().join("large"), folder.path().join("small"));
    File::create(&large).unwrap().set_len(64 << 20).unwrap();
    fs::write(&small, "small").unwrap();
    let limits = ModuleLimits {
        bytes_per_second: 8 << 20,
        ..ModuleLimits::default()
    };
    let (modules, mut answers) = start(limits, Path::new("/nonexistent"));
    assert!(modules.want(wanted(1, 1, file(&large))));
    assert!(modules.want(wanted(2, 1, file(&small))));
    let first = answers.blocking_recv().unwrap();
    assert_eq!((first.token, first.facts), (2, Ok(facts_of("small"))));
}

#[test]
fn a_container_that_wants_too_much_is_refused_and_others_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let limits = ModuleLimits {
        // So slow that no file of several pieces is done before all have come, though the first piece is free.
        bytes_per_second: 1,
        waiting_of_one: 2,
        ..ModuleLimits::default()
    };
    let (modules, mut answers) = start(limits, Path::new("/nonexistent"));
    for token in 0..5u8 {
        let path = folder.path().join(token.to_string());
        fs::write(&path, vec![token; 4 * PIECE]).unwrap();
        assert!(modules.want(wanted(token.into(), 1, file(&path))));
    }
    let path = folder.path().join("other");
    fs::write(&path, vec![9; 4 * PIECE]).unwrap();
    assert!(modules.want(wanted(9, 2, file(&path))));
    let refused: Vec<u64> = (0..2)
        .map(|_| {
            let answer = answers.blocking_recv().unwrap();
            assert_eq!(answer.facts, Err(Unhashed::QueueFull));
            answer.token
        })
        .collect();
    assert_eq!(refused.len(), 2);
    assert!(!refused.contains(&9));
}

#[test]
fn who_takes_too_long_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lib.so");
    fs::write(&path, "x").unwrap();
    let limits = ModuleLimits {
        patience: Duration::ZERO,
        ..ModuleLimits::default()
    };
    let (modules, mut answers) = start(limits, Path::new("/nonexistent"));
    assert!(modules.want(wanted(1, 1, file(&path))));
    assert_eq!(answers.blocking_recv().unwrap().facts, Err(Unhashed::TooSlow));
}

#[test]
fn a_descriptor_that_was_exchanged_is_a_mismatch() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("not-mapped");
    fs::write(&path, "x").unwrap();
    let (modules, mut answers) = start(ModuleLimits::default(), Path::new("/nonexistent"));
    let mut seen = file(&path);
    seen.by_descriptor = true;
    assert!(modules.want(wanted(1, 1, seen)));
    let answer = answers.blocking_recv().unwrap();
    assert_eq!((answer.mismatch, answer.facts), (true, Ok(facts_of("x"))));
}

#[test]
fn a_kernel_modules_file_is_hashed_as_it_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("modules.dep"), "some-thing.ko.xz:\n").unwrap();
    fs::write(folder.path().join("some-thing.ko.xz"), "compressed").unwrap();
    let (modules, mut answers) = start(ModuleLimits::default(), folder.path());
    for (token, name) in [(1, "some_thing"), (2, "absent")] {
        assert!(modules.want(Wanted {
            token,
            lane: 0,
            what: WantedFile::KernelModule(name.to_owned()),
        }));
    }
    let first = answers.blocking_recv().unwrap();
    let second = answers.blocking_recv().unwrap();
    let mut both = [(first.token, first.facts), (second.token, second.facts)];
    both.sort_by_key(|(token, _)| *token);
    assert_eq!(both, [(1, Ok(facts_of("compressed"))), (2, Err(Unhashed::Gone))]);
}
