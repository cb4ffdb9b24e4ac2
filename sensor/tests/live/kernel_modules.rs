//! Modules that are put into the kernel: by this process, which is no container's.

use crate::fixture::{Live, skip};
use crate::modules::live;
use anchorwatch_core::behaviour::{Behaviour, ModuleKind, ModuleParts, Origin};
use anchorwatch_sensor::attribute::module::Code;
use anchorwatch_sensor::attribute::pod::Container;
use anchorwatch_sensor::attribute::process::ProcFolder;
use anchorwatch_sensor::attribute::{AttributionLimits, Attributor, Outcome};
use anchorwatch_sensor::decode::{KernelModule, RawEvent};
use std::ffi::CString;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A module that is in the kernel until this is dropped.
struct Inserted(String);

impl Inserted {
    fn new(path: &Path) -> Self {
        let file = File::open(path).unwrap();
        // SAFETY: the descriptor and the string outlive the call.
        let loaded = unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) };
        assert_eq!(loaded, 0, "{}", std::io::Error::last_os_error());
        Self::of(path)
    }

    /// The same for one that is there already.
    fn of(path: &Path) -> Self {
        Self(path.file_stem().unwrap().to_string_lossy().replace('-', "_"))
    }
}

impl Drop for Inserted {
    fn drop(&mut self) {
        let name = CString::new(self.0.as_str()).unwrap();
        // SAFETY: the string outlives the call.
        let removed = unsafe { libc::syscall(libc::SYS_delete_module, name.as_ptr(), libc::O_NONBLOCK) };
        assert_eq!(removed, 0, "{}", std::io::Error::last_os_error());
    }
}

/// The fixture and a module that is not in the kernel, where modules can be seen and loaded.
fn live_with_module(name: &str) -> Option<(Live, PathBuf)> {
    let live = live(name)?;
    let hooks = live.loaded.hooks();
    let hook = hooks.iter().find(|hook| hook.name == "tp_btf/module_load").unwrap();
    if !hook.status.is_in_place() {
        return skip(name, &hook.remark());
    }
    match std::env::var_os("ANCHORWATCH_TEST_MODULE") {
        Some(path) => Some((live, path.into())),
        None => skip(name, "no kernel module to load"),
    }
}

/// The modules that were loaded since.
fn told(live: &mut Live) -> Vec<KernelModule> {
    let events = live.events().into_iter();
    let modules = events.filter_map(|event| match event {
        RawEvent::KernelModule(module) => Some(*module),
        _ => None,
    });
    modules.collect()
}

#[test]
fn a_kernel_module_is_told_by_its_name() {
    let Some((mut live, path)) = live_with_module("a_kernel_module_is_told_by_its_name") else {
        return;
    };
    let inserted = Inserted::new(&path);
    let [module] = <[KernelModule; 1]>::try_from(told(&mut live)).unwrap();
    assert_eq!(
        (module.name.as_slice(), module.loader.pid),
        (inserted.0.as_bytes(), std::process::id())
    );
    assert_eq!((module.by_kernel, module.foreign), (false, false));
}

#[test]
fn a_kernel_module_that_the_host_loads_is_the_nodes_and_what_was_there_before_is_no_news() {
    let name = "a_kernel_module_that_the_host_loads_is_the_nodes_and_what_was_there_before_is_no_news";
    let Some((mut live, path)) = live_with_module(name) else {
        return;
    };
    assert!(std::fs::read_to_string("/proc/modules").unwrap().lines().count() > 0);
    assert_eq!(told(&mut live), []);
    let proc = ProcFolder::new(PathBuf::from("/proc"));
    let mut attributor = Attributor::new(AttributionLimits::default(), proc);
    attributor.seed(&live.snapshot);
    let inserted = Inserted::new(&path);
    let [module] = <[KernelModule; 1]>::try_from(told(&mut live)).unwrap();
    let loading = attributor.loading(Code::KernelModule(Box::new(module)), false).unwrap();
    let Outcome::Attributed(attributed) = attributor.loaded(loading, None, Instant::now()) else {
        panic!("not attributed");
    };
    assert_eq!(*attributed.container, Container::of_node());
    let Behaviour::Module(behaviour) = attributed.behaviour else {
        panic!("no module");
    };
    let expected = ModuleParts {
        origin: Origin::Unknown,
        kind: ModuleKind::KernelModule,
        path: inserted.0.clone(),
        executable: std::env::current_exe().unwrap().to_string_lossy().into_owned(),
        ..ModuleParts::default()
    };
    assert_eq!(ModuleParts::from(behaviour), expected);
}

/// The program by which the kernel loads modules that it needs, where it may be another one until this is dropped.
struct Modprobe(String);

const MODPROBE: &str = "/proc/sys/kernel/modprobe";

impl Modprobe {
    fn replaced_by(script: &Path) -> Self {
        let before = std::fs::read_to_string(MODPROBE).unwrap();
        std::fs::write(MODPROBE, script.as_os_str().as_encoded_bytes()).unwrap();
        Self(before.trim_end().to_owned())
    }
}

impl Drop for Modprobe {
    fn drop(&mut self) {
        std::fs::write(MODPROBE, &self.0).unwrap();
    }
}

/// A family of sockets that kernels have as a module, if at all: asked for one, they look for it.
const FAMILY: libc::c_int = libc::AF_APPLETALK;

#[test]
fn a_kernel_module_that_the_kernel_asks_for_is_its_own() {
    let name = "a_kernel_module_that_the_kernel_asks_for_is_its_own";
    let Some((mut live, path)) = live_with_module(name) else {
        return;
    };
    let busybox = Path::new("/bin/busybox");
    if !busybox.exists() {
        return skip(name, "no busybox to load the module with").unwrap_or_default();
    }
    let script = live.scene.path("modprobe");
    std::fs::write(
        &script,
        format!("#!/bin/busybox sh\nexec /bin/busybox insmod {}\n", path.display()),
    )
    .unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let modprobe = Modprobe::replaced_by(&script);
    // SAFETY: a system call that takes numbers.
    let socket = unsafe { libc::socket(FAMILY, libc::SOCK_DGRAM, 0) };
    drop(modprobe);
    assert_eq!(socket, -1, "what was loaded is no such family");
    let inserted = Inserted::of(&path);
    let [module] = <[KernelModule; 1]>::try_from(told(&mut live)).unwrap();
    assert_eq!(
        (module.name.as_slice(), module.by_kernel),
        (inserted.0.as_bytes(), true)
    );
    assert_ne!(module.loader.pid, std::process::id());
}
