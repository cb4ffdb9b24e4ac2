//! Loaded programs with their reader, and the way to collect exactly what a trigger made.

use crate::scene::Scene;
use crate::tracefs::Tracefs;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::decode::{Exec, RawEvent};
use anchorwatch_sensor::loader::{KernelTypes, LoadError, LoadOptions, Loaded, load_with};
use anchorwatch_sensor::pipeline::LiveKernel;
use anchorwatch_sensor::ring::RingReader;
use anchorwatch_sensor::snapshot::{SeedOptions, Snapshot, find_cgroup_root};
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;

/// How long an event may take until the test gives up; software emulation is slow.
pub const CEILING: Duration = Duration::from_secs(30);

/// How long to look at a ring in which nothing more is expected; what is in it is read at once.
const QUIET: Duration = Duration::from_millis(500);

/// One test at a time: each sees every execution of the machine.
static ONE: Mutex<()> = Mutex::new(());

/// Programs in the kernel, told what ran before.
pub struct Live {
    pub loaded: Loaded,
    pub snapshot: Snapshot,
    pub scene: Scene,
    reader: RingReader,
    runtime: Runtime,
    fences: u32,
    guards: (Tracefs, MutexGuard<'static, ()>),
}

/// What a test of a feed loads: to verify the programs of the others is most of a test's time on an emulated kernel.
pub fn only(feed: Feed) -> LoadOptions {
    LoadOptions {
        feeds: vec![feed],
        ..LoadOptions::default()
    }
}

/// The fixture with the programs of the process feed, or None after noting why the test `name` is skipped.
pub fn live(name: &str) -> Option<Live> {
    live_with(name, &only(Feed::Process), |_| {})
}

/// The same with options, and with something that happens before the programs are loaded.
pub fn live_with(name: &str, options: &LoadOptions, before: impl FnOnce(&Scene)) -> Option<Live> {
    let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    if !rustix::process::geteuid().is_root() {
        return skip(name, "needs root");
    }
    let Ok(cgroup_root) = find_cgroup_root() else {
        return skip(name, "no unified cgroup hierarchy");
    };
    let tracefs = Tracefs::mounted();
    let scene = Scene::new(&cgroup_root);
    before(&scene);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let inside = runtime.enter();
    let mut loaded = match types(options).and_then(|types| load_with(options, types)) {
        Ok(loaded) => loaded,
        Err(error @ (LoadError::Refused { .. } | LoadError::Offsets(_))) => return skip(name, &error.to_string()),
        Err(error) => panic!("{error:?}"),
    };
    let proc = PathBuf::from("/proc");
    let snapshot = loaded.seed(&SeedOptions { proc, cgroup_root }).unwrap();
    let reader = loaded.events().unwrap();
    drop(inside);
    Some(Live {
        loaded,
        snapshot,
        scene,
        reader,
        runtime,
        fences: 0,
        guards: (tracefs, one),
    })
}

/// The kernel's types, read once for all tests.
fn types(options: &LoadOptions) -> Result<&'static KernelTypes, LoadError> {
    static TYPES: OnceLock<KernelTypes> = OnceLock::new();
    match TYPES.get() {
        Some(types) => Ok(types),
        // Tests come here one at a time.
        None => KernelTypes::read(&options.btf).map(|types| TYPES.get_or_init(|| types)),
    }
}

/// Notes that a test did not run, by its name, where the counting of tests can see it.
#[expect(
    clippy::print_stdout,
    reason = "whoever watches the test should see why it did not run"
)]
pub fn skip<T>(name: &str, reason: &str) -> Option<T> {
    println!("skipped: {name}: {reason}");
    if let Some(path) = std::env::var_os("ANCHORWATCH_SKIP_FILE") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        writeln!(file.unwrap(), "{name}: {reason}").unwrap();
    }
    None
}

/// The programs as a source of events, for what has a loop of its own.
pub struct Sourced {
    pub kernel: LiveKernel,
    pub snapshot: Snapshot,
    pub scene: Scene,
    pub runtime: Runtime,
    /// What has to stay until the end.
    pub guards: (Tracefs, MutexGuard<'static, ()>),
}

impl Live {
    pub fn sourced(self) -> Sourced {
        Sourced {
            kernel: LiveKernel::new(self.loaded, Some(self.reader)),
            snapshot: self.snapshot,
            scene: self.scene,
            runtime: self.runtime,
            guards: self.guards,
        }
    }

    /// Everything that was reported until now. A last execution marks the end, since records keep their order.
    pub fn events(&mut self) -> Vec<RawEvent> {
        self.fences += 1;
        let fence = format!("fence-{}-{}", std::process::id(), self.fences).into_bytes();
        let status = Command::new(self.scene.payload())
            .arg(String::from_utf8_lossy(&fence).as_ref())
            .status();
        assert!(status.unwrap().success());
        let mut events = Vec::new();
        let is_fence =
            |event: &RawEvent| matches!(event, RawEvent::Exec(exec) if exec.argv.last() == Some(fence.as_slice()));
        while !events.iter().any(is_fence) {
            let next = self
                .runtime
                .block_on(async { tokio::time::timeout(CEILING, self.reader.next()).await });
            let batch = next.expect("the fence is reported within the ceiling").unwrap();
            assert_eq!(batch.malformed, 0);
            events.extend(batch.events);
        }
        events.retain(|event| !is_fence(event));
        events
    }

    /// The executions among them of this test's own files and processes.
    pub fn execs(&mut self, mut ours: impl FnMut(&Exec) -> bool) -> Vec<Exec> {
        let execs = self.events().into_iter().filter_map(|event| match event {
            RawEvent::Exec(exec) if ours(&exec) => Some(exec),
            _ => None,
        });
        execs.collect()
    }

    /// Reads what is there without marking its end: for a ring that is full, or that stays empty.
    pub fn waiting(&mut self) -> Vec<RawEvent> {
        self.waiting_for(QUIET)
    }

    /// The same, with a time of one's own after which nothing more is expected.
    pub fn waiting_for(&mut self, quiet: Duration) -> Vec<RawEvent> {
        let next = self
            .runtime
            .block_on(async { tokio::time::timeout(quiet, self.reader.next()).await });
        next.map(|batch| batch.unwrap().events).unwrap_or_default()
    }

    /// How often the reader looked at the rings.
    pub fn drains(&self) -> u64 {
        self.reader.drains()
    }
}
