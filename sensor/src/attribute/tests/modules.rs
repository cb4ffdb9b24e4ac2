//! Loaded code becomes a behaviour of the container that loads it.

use super::super::cgroup::slots::FilterOrder;
use super::super::module::{Code, LoadedCode};
use super::*;
use crate::decode::FileSource;
use crate::decode::{KernelModule, Loader, Mapping};
use crate::modules::{Facts, Unhashed};
use anchorwatch_core::behaviour::{ModuleKind, ModuleParts, SourceLayer};
use anchorwatch_sensor_common::filter::FilterFeed;

fn loader(cgroup_id: u64, origin: OriginMark) -> Loader {
    Loader {
        pid: 7,
        uid: 1000,
        cgroup_id,
        container: cgroup_id,
        executions: vec![11, 10],
        origin,
    }
}

fn library(loader: Loader) -> Code {
    Code::Library(Box::new(Mapping {
        time_ns: 5,
        loader,
        source: FileSource::UpperNew,
        ..testkit::library("/tmp/x.so", 10).build()
    }))
}

fn kernel_module(loader: Loader, foreign: bool) -> Code {
    Code::KernelModule(Box::new(KernelModule {
        time_ns: 5,
        loader,
        name: b"dummy".to_vec(),
        by_kernel: false,
        foreign,
    }))
}

fn facts() -> Facts {
    Facts {
        sha256: "a".repeat(64),
        build_id: Some("bd".into()),
    }
}

/// In which python was started by tini.
fn running(mut attributor: Attributor) -> Attributor {
    run(&mut attributor, exec("/usr/bin/tini").ids(10, &[]));
    run(&mut attributor, exec("/usr/bin/python3").ids(11, &[10]));
    attributor
}

fn loading(attributor: &mut Attributor, code: Code) -> LoadedCode {
    attributor.loading(code, false).unwrap()
}

fn module(outcome: Outcome) -> (ModuleParts, Attributes) {
    let attributed = attributed(outcome);
    let Behaviour::Module(module) = attributed.behaviour else {
        panic!("a module");
    };
    (module.into(), attributed.attributes)
}

#[test]
fn a_library_is_its_containers_with_hash_layer_and_who_loaded_it() {
    let mut attributor = running(known());
    let code = loading(&mut attributor, library(loader(1, OriginMark::Entrypoint)));
    let outcome = attributor.loaded(code, Some(facts()), Instant::now());
    let (parts, attributes) = module(outcome);
    let expected = ModuleParts {
        origin: Origin::Entrypoint,
        kind: ModuleKind::Library,
        path: "/tmp/x.so".into(),
        sha256: Some("a".repeat(64)),
        source: SourceLayer::UpperNew,
        executable: "/usr/bin/python3".into(),
    };
    assert_eq!(parts, expected);
    assert_eq!(
        (attributes.build_id.as_deref(), attributes.uids),
        (Some("bd"), [1000].into())
    );
}

#[test]
fn a_library_without_a_hash_is_told_all_the_same() {
    let mut attributor = running(known());
    let code = loading(&mut attributor, library(loader(1, OriginMark::Outside)));
    let (parts, _) = module(attributor.loaded(code, None, Instant::now()));
    assert_eq!((parts.sha256, parts.origin), (None, Origin::Exec));
}

#[test]
fn a_library_waits_for_its_container() {
    let mut attributor = running(attributor());
    let code = loading(&mut attributor, library(loader(1, OriginMark::Entrypoint)));
    assert_eq!(attributor.loaded(code, Some(facts()), Instant::now()), Outcome::Waiting);
    let released = attributor.pod(PodChange::Applied(known_pod()), Instant::now());
    let kinds = released.into_iter().filter(|outcome| {
        matches!(outcome, Outcome::Attributed(attributed) if matches!(attributed.behaviour, Behaviour::Module(_)))
    });
    assert_eq!(kinds.count(), 1);
}

#[test]
fn what_the_host_loads_is_no_containers() {
    let mut attributor = running(known());
    let outcome = attributor
        .loading(library(loader(2, OriginMark::Unknown)), false)
        .unwrap_err();
    assert_eq!(outcome, Outcome::Host);
}

#[test]
fn a_kernel_module_that_is_not_the_distributions_gets_no_hash_by_its_name() {
    let mut attributor = running(known());
    let own = loading(&mut attributor, kernel_module(loader(1, OriginMark::Entrypoint), false));
    let foreign = loading(&mut attributor, kernel_module(loader(1, OriginMark::Entrypoint), true));
    assert!(own.wanted().is_ok());
    assert_eq!(foreign.wanted(), Err(Unhashed::Tainted));
    let (parts, _) = module(attributor.loaded(foreign, None, Instant::now()));
    assert_eq!((parts.kind, parts.path.as_str()), (ModuleKind::KernelModule, "dummy"));
}

#[test]
fn a_library_tells_how_many_equal_ones_were_swallowed_and_shows_again_if_it_waits_in_vain() {
    let key = FilterKey::new(FilterFeed::Module, 5);
    let swallowed = || {
        let Code::Library(mut mapping) = library(loader(1, OriginMark::Entrypoint)) else {
            panic!("a library");
        };
        (mapping.key, mapping.repeats) = (key, 7);
        Code::Library(mapping)
    };
    let forgotten = FilterOrder::Forget(key.unwrap());
    let mut attributor = running(known());
    let code = loading(&mut attributor, swallowed());
    let attributed = attributed(attributor.loaded(code, None, Instant::now()));
    assert_eq!((attributed.repeats, attributed.key), (7, key));
    assert!(!attributor.take_orders().contains(&forgotten));
    let mut attributor = super::attributor();
    let code = loading(&mut attributor, swallowed());
    let now = Instant::now();
    assert_eq!(attributor.loaded(code, None, now), Outcome::Waiting);
    attributor.expire(now + Duration::from_secs(61));
    assert!(attributor.take_orders().contains(&forgotten));
}

/// What is told of a kernel module that no pod's container loaded.
fn on_node(outcome: Outcome) -> (String, String, Origin, Vec<String>) {
    let attributed = attributed(outcome);
    assert_eq!(*attributed.container, Container::of_node());
    let Behaviour::Module(module) = attributed.behaviour else {
        panic!("a module");
    };
    let parts = ModuleParts::from(module);
    let lineage = attributed.lineage.iter().map(|path| path.as_ref().to_owned());
    (parts.path, parts.executable, parts.origin, lineage.collect())
}

#[test]
fn a_kernel_module_that_the_host_loads_is_the_nodes_and_names_who_loaded_it() {
    let mut attributor = known();
    run(&mut attributor, exec("/usr/bin/bash").ids(10, &[]).cgroup(2));
    run(&mut attributor, exec("/usr/bin/kmod").ids(11, &[10]).cgroup(2));
    let code = loading(&mut attributor, kernel_module(loader(2, OriginMark::Outside), false));
    let told = on_node(attributor.loaded(code, Some(facts()), Instant::now()));
    let lineage = vec!["/usr/bin/bash".to_owned(), "/usr/bin/kmod".to_owned()];
    let expected = ("dummy".to_owned(), "/usr/bin/kmod".to_owned(), Origin::Unknown, lineage);
    assert_eq!(told, expected);
}

#[test]
fn a_kernel_module_of_a_loader_that_nobody_knows_is_the_nodes_all_the_same() {
    let mut attributor = known();
    for cgroup in [2, 3, 99] {
        let code = loading(
            &mut attributor,
            kernel_module(loader(cgroup, OriginMark::Unknown), false),
        );
        let told = on_node(attributor.loaded(code, None, Instant::now()));
        assert_eq!((told.1.as_str(), told.3.len()), (text::UNKNOWN, 1), "cgroup {cgroup}");
    }
}

#[test]
fn a_kernel_module_that_the_kernel_loads_by_itself_has_no_program() {
    let mut attributor = known();
    let Code::KernelModule(mut module) = kernel_module(loader(2, OriginMark::Unknown), false) else {
        panic!("a kernel module");
    };
    module.by_kernel = true;
    let code = loading(&mut attributor, Code::KernelModule(module));
    let told = on_node(attributor.loaded(code, None, Instant::now()));
    assert_eq!((told.1.as_str(), told.3), ("", Vec::new()));
}

#[test]
fn a_kernel_module_whose_container_never_becomes_known_is_the_nodes() {
    let mut attributor = attributor();
    let code = loading(&mut attributor, kernel_module(loader(1, OriginMark::Entrypoint), false));
    let now = Instant::now();
    assert_eq!(attributor.loaded(code, None, now), Outcome::Waiting);
    let [outcome] = <[Outcome; 1]>::try_from(attributor.expire(now + Duration::from_secs(61))).unwrap();
    assert_eq!(on_node(outcome).0, "dummy");
}
