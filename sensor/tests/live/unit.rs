//! A unit of a host, and what its processes do in all three feeds.

use crate::cgroup::Cgroup;
use crate::fixture::{Sourced, live_with, skip};
use crate::scene::{Scene, joined};
use anchorwatch_sensor::attribute::network::Destinations;
use anchorwatch_sensor::attribute::process::ProcFolder;
use anchorwatch_sensor::attribute::scope::Scope;
use anchorwatch_sensor::attribute::{AttributionLimits, Attributor};
use anchorwatch_sensor::loader::filter::FilterOptions;
use anchorwatch_sensor::loader::{CgroupScope, LoadOptions};
use anchorwatch_sensor::metrics::Metrics;
use anchorwatch_sensor::modules::{ModuleLimits, ModulePlaces};
use anchorwatch_sensor::names::resolvers::Resolvers;
use anchorwatch_sensor::pipeline::{Hashing, Intake, LiveKernel, Sources};
use rustix::mm::{MapFlags, ProtFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::ffi::CString;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// As much of a file as is mapped, and of a test's library.
const LENGTH: usize = 4096;

/// A host with a unit, before anything is taken in.
pub struct Unit {
    pub scene: Scene,
    pub cgroup: Cgroup,
    pub runtime: Runtime,
    /// As the unit is named.
    pub workload: String,
    _rest: Box<dyn std::any::Any>,
}

/// The fixture, where flows and mappings are seen at all, and its sources.
pub fn unit(name: &str, filter: FilterOptions) -> Option<(Unit, Sources<LiveKernel>)> {
    let options = LoadOptions {
        cgroup_scope: CgroupScope::All,
        filter,
        ..LoadOptions::default()
    };
    let live = live_with(name, &options, |_| {})?;
    for wanted in ["cgroup/connect4", "fentry/security_mmap_file"] {
        let hook = live.loaded.hooks().iter().find(|hook| hook.name == wanted);
        if let Some(hook) = hook.filter(|hook| !hook.status.is_in_place()) {
            return skip(name, &format!("{wanted}: {}", hook.remark()));
        }
    }
    let cgroup = live.scene.cgroup("demo.service");
    let Sourced {
        kernel,
        snapshot,
        scene,
        runtime,
        guards,
    } = live.sourced();
    let mut attributor = Attributor::new(AttributionLimits::default(), ProcFolder::new(PathBuf::from("/proc")))
        .with_scope(Scope::Host)
        .with_observations()
        .with_destinations(Destinations::on_host(Resolvers::default(), Instant::now()));
    attributor.seed(&snapshot);
    let places = ModulePlaces {
        proc: "/proc".into(),
        kernel_modules: "/nonexistent".into(),
    };
    let hashing = Hashing::start(ModuleLimits::default(), places).unwrap();
    let metrics = Arc::new(Metrics::new());
    let sources = Sources {
        kernel,
        intake: Intake::new(attributor, Some(hashing), "/proc".into(), metrics),
        standing: mpsc::channel(1).1,
        pods: mpsc::channel(1).1,
        cluster: mpsc::channel(1).1,
    };
    let path = String::from_utf8(cgroup.path.clone()).unwrap();
    let unit = Unit {
        workload: format!("host/Unit{path}"),
        scene,
        cgroup,
        runtime,
        _rest: Box::new(guards),
    };
    Some((unit, sources))
}

impl Unit {
    pub fn runs(&self, mut command: Command) {
        joined(&mut command, &self.cgroup);
        assert!(command.status().unwrap().success());
    }

    /// What the unit does every day, and by whose argument it is recognised: its own program, which ends at once.
    pub fn runs_payload(&self, argument: &str) {
        let mut payload = Command::new(self.scene.payload());
        payload.arg(argument);
        self.runs(payload);
    }

    /// A process of this test's program, inside the unit, begins to connect; there may be no route.
    pub fn connects(&self, address: SocketAddr) {
        let mut command = Command::new(self.scene.payload());
        joined(&mut command, &self.cgroup);
        // SAFETY: system calls between fork and exec.
        unsafe {
            command.pre_exec(move || {
                let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
                let socket = rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
                let _begun_or_refused = rustix::net::connect(&socket, &address);
                Ok(())
            });
        }
        assert!(command.status().unwrap().success());
    }

    /// Such a process maps a library.
    pub fn maps(&self, library: &Path) {
        let path = CString::new(library.as_os_str().as_bytes()).unwrap();
        let mut command = Command::new(self.scene.payload());
        joined(&mut command, &self.cgroup);
        // SAFETY: system calls between fork and exec; the mapping is at a place that the kernel chooses.
        unsafe {
            command.pre_exec(move || {
                let file = rustix::fs::open(&path, rustix::fs::OFlags::RDONLY, rustix::fs::Mode::empty())?;
                let code = ProtFlags::READ | ProtFlags::EXEC;
                rustix::mm::mmap(std::ptr::null_mut(), LENGTH, code, MapFlags::PRIVATE, &file, 0)?;
                Ok(())
            });
        }
        assert!(command.status().unwrap().success());
    }

    /// A library of this test's own.
    pub fn library(&self, name: &str) -> PathBuf {
        let path = self.scene.path(name);
        fs::write(&path, name.repeat(LENGTH / name.len() + 1)).unwrap();
        File::open(&path).unwrap().sync_all().unwrap();
        path
    }
}
