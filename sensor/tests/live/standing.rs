//! Libraries that are mapped and sockets that are open already are told as the module and the network feed tell them.

use crate::fixture::{Live, live_with};
use crate::scene::Scene;
use anchorwatch_sensor::decode::{Flow, FlowKind, FlowProtocol, Mapping, RawEvent};
use anchorwatch_sensor::loader::LoadOptions;
use anchorwatch_sensor::modules::{MappedFile, ModuleLimits, ModulePlaces, Modules, Wanted, WantedFile};
use anchorwatch_sensor::snapshot::survey::{Standing, Survey};
use rustix::mm::{MapFlags, ProtFlags};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

const LENGTH: usize = 4096;

/// Maps a page of a file as code, for as long as this process runs.
fn map(path: &Path) {
    let file = File::open(path).unwrap();
    let code = ProtFlags::READ | ProtFlags::EXEC;
    // SAFETY: a new mapping at a place that the kernel chooses.
    unsafe { rustix::mm::mmap(std::ptr::null_mut(), LENGTH, code, MapFlags::PRIVATE, &file, 0) }.unwrap();
}

/// What stands of this process, as a survey of it tells.
fn standing(live: &Live) -> (Vec<Mapping>, Vec<Flow>) {
    let mut survey = Survey::of(PathBuf::from("/proc"));
    let ours = live.snapshot.processes.iter();
    let ours = ours.filter(|process| process.pid == std::process::id()).cloned();
    survey.processes = ours.collect();
    // As if it had mounts of its own: a process with the host's is a runtime that is not a container yet.
    for process in &mut survey.processes {
        process.in_host_mounts = false;
    }
    let mut told = survey.start().unwrap();
    let (mut libraries, mut sockets) = (Vec::new(), Vec::new());
    while let Some(standing) = told.blocking_recv() {
        match standing {
            Standing::Exec(_) => {}
            Standing::Library(mapping) => libraries.push(*mapping),
            Standing::Socket(flow) => sockets.push(flow),
            Standing::Cut { .. } => panic!("{standing:?}"),
        }
    }
    (libraries, sockets)
}

#[test]
fn a_library_that_is_mapped_already_is_told_as_its_mapping_would_be_with_its_hash() {
    let name = "a_library_that_is_mapped_already_is_told_as_its_mapping_would_be_with_its_hash";
    let mut path = None;
    let before = |scene: &Scene| {
        let file = scene.path("library");
        fs::write(&file, "standing".repeat(LENGTH / 8)).unwrap();
        map(&file);
        path = Some(file);
    };
    let Some(mut live) = live_with(name, &LoadOptions::default(), before) else {
        return;
    };
    let path = path.unwrap();
    let (libraries, _) = standing(&live);
    let own = |mapping: &&Mapping| mapping.path == path.as_os_str().as_bytes();
    let found: Vec<&Mapping> = libraries.iter().filter(own).collect();
    let [found] = found.as_slice() else {
        panic!("{libraries:?}")
    };
    let program = fs::read_link("/proc/self/exe").unwrap();
    let program = program.as_os_str().as_bytes();
    assert!(!libraries.iter().any(|mapping| mapping.path == program));
    let us = live
        .snapshot
        .processes
        .iter()
        .find(|process| process.pid == std::process::id());
    let us = us.unwrap();
    assert_eq!(
        (found.loader.executions[0], found.loader.origin),
        (us.exec_id, us.origin)
    );

    let places = ModulePlaces {
        proc: "/proc".into(),
        kernel_modules: "/nonexistent".into(),
    };
    let (modules, mut answers) = Modules::start(ModuleLimits::default(), places).unwrap();
    let what = WantedFile::Mapping(MappedFile::from(*found));
    assert!(modules.want(Wanted {
        token: 1,
        lane: 1,
        what
    }));
    let facts = answers.blocking_recv().unwrap().facts.unwrap();
    let hash = Sha256::digest("standing".repeat(LENGTH / 8));
    assert_eq!(facts.sha256, format!("{hash:x}"));

    // Mapped once more, now that it is seen: the same behaviour.
    map(&path);
    let events = live.events();
    let seen = events.iter().find_map(|event| match event {
        RawEvent::Mapping(mapping) if own(&&**mapping) => Some(mapping),
        _ => None,
    });
    // Where no hook for mappings is in place there is nothing to compare with.
    if let Some(seen) = seen {
        assert_eq!((&seen.path, seen.source), (&found.path, found.source));
        assert_eq!(
            (seen.file.size, seen.file.mtime_ns),
            (found.file.size, found.file.mtime_ns)
        );
        assert_eq!(seen.loader, found.loader);
    }
}

#[test]
fn sockets_that_are_open_already_are_told_as_who_opened_them() {
    let name = "sockets_that_are_open_already_are_told_as_who_opened_them";
    let mut open = None;
    let before = |_: &Scene| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let bound = listener.local_addr().unwrap();
        let client = TcpStream::connect(bound).unwrap();
        let server = listener.accept().unwrap();
        let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
        datagrams.connect("127.0.0.1:9").unwrap();
        open = Some((bound, listener, client, server, datagrams));
    };
    let Some(live) = live_with(name, &LoadOptions::default(), before) else {
        return;
    };
    let (bound, _listener, client, ..) = open.as_ref().unwrap();
    let (_, sockets) = standing(&live);
    let us = live
        .snapshot
        .processes
        .iter()
        .find(|process| process.pid == std::process::id());
    let us = us.unwrap();
    assert!(
        sockets
            .iter()
            .all(|flow| flow.exec_id == Some(us.exec_id) && flow.origin == us.origin)
    );
    let told = |address: SocketAddr| -> Vec<_> {
        let flows = sockets.iter().filter(|flow| flow.address == address);
        flows.map(|flow| (flow.protocol, flow.kind)).collect()
    };
    let of_bound = told(*bound);
    let is_listener = |flow: &(FlowProtocol, FlowKind)| matches!(flow, (FlowProtocol::Tcp, FlowKind::Listen { .. }));
    assert_eq!(of_bound.iter().filter(|flow| is_listener(flow)).count(), 1);
    assert!(of_bound.contains(&(FlowProtocol::Tcp, FlowKind::Connect)));
    assert_eq!(of_bound.len(), 2, "{of_bound:?}");
    // The other end was accepted.
    assert_eq!(told(client.local_addr().unwrap()), []);
    let udp = told("127.0.0.1:9".parse().unwrap());
    assert_eq!(udp, [(FlowProtocol::Udp, FlowKind::Connect)]);
}
