//! Units and containers of a host, of which their cgroups alone are known.

use super::super::module::Code;
use super::super::scope::Scope;
use super::super::testkit::{flow, library, seeded};
use super::*;
use anchorwatch_core::id::ContainerName;
use anchorwatch_core::observation::{Observation, Observed, ProcessObservation};
use anchorwatch_core::time::Timestamp;

/// A unit, a container, and the root.
fn host() -> Attributor {
    let attributor = Attributor::new(
        AttributionLimits::default(),
        ProcFolder::new(PathBuf::from("/nonexistent")),
    );
    let mut attributor = attributor.with_scope(Scope::Host).with_observations();
    for (id, path) in [
        (1, "/system.slice/demo.service".to_owned()),
        (2, format!("/system.slice/docker-{}.scope", "a".repeat(64))),
        (3, "/".to_owned()),
    ] {
        let path = path.into_bytes();
        let created = RawEvent::CgroupCreated { time_ns: 0, id, path };
        assert_eq!(attributor.event(created, Instant::now()), None);
    }
    attributor
}

fn told(attributor: &mut Attributor, exec: ExecBuilder) -> (String, ProcessObservation) {
    let attributed = attributed(run(attributor, exec));
    let Some(Observed::Process(process)) = attributed.observed.as_deref().cloned() else {
        panic!("a process");
    };
    (attributed.container.workload.to_string(), process)
}

#[test]
fn a_shell_out_of_a_units_python_is_the_units_with_its_lineage_and_without_secrets() {
    let mut attributor = host();
    run(&mut attributor, exec("/usr/bin/python3").ids(10, &[]));
    let shell = exec("/bin/sh").ids(11, &[10]).argv(&["sh", "-c", "mysql -phunter2"]);
    let (workload, process) = told(&mut attributor, shell);
    assert_eq!(workload, "host/Unit/demo.service");
    assert_eq!(process.parent, "/usr/bin/python3");
    assert_eq!(process.lineage, ["/usr/bin/python3", "/bin/sh"]);
    assert_eq!(process.argv, ["sh", "-c", "mysql -p<secret:2>"]);
}

#[test]
fn what_starts_a_unit_is_known_though_it_is_in_none() {
    let mut attributor = host();
    let manager = exec("/usr/lib/systemd/systemd").ids(10, &[]).cgroup(3);
    assert_eq!(run(&mut attributor, manager), Outcome::Host);
    let (_, process) = told(&mut attributor, exec("/usr/bin/demo").ids(11, &[10]));
    assert_eq!(process.parent, "/usr/lib/systemd/systemd");
}

#[test]
fn what_comes_from_outside_is_the_units_own_or_somebodys_exec_into_a_container() {
    let mut attributor = host();
    for (mark, unit, container) in [
        (OriginMark::Outside, Origin::Entrypoint, Origin::Exec),
        (OriginMark::Unknown, Origin::Entrypoint, Origin::Unknown),
        (OriginMark::Entrypoint, Origin::Entrypoint, Origin::Entrypoint),
    ] {
        let origins = [1, 2].map(|cgroup| {
            let process = told(&mut attributor, exec("/bin/sh").cgroup(cgroup).origin(mark)).1;
            let flow = flow("203.0.113.9:443", 77).cgroup(cgroup).origin(mark).build();
            let flow = attributor.event(RawEvent::Flow(flow), Instant::now());
            (process.origin, attributed(flow.unwrap()).behaviour.origin())
        });
        assert_eq!(origins, [(unit, unit), (container, container)], "{mark:?}");
    }
    let (workload, _) = told(&mut attributor, exec("/bin/sh").cgroup(2));
    assert_eq!(workload, "host/Container/aaaaaaaaaaaa");
}

#[test]
fn a_runtimes_stage_is_a_containers_alone() {
    let mut attributor = host();
    let stage = |cgroup| exec("/bin/runc").cgroup(cgroup).runtime_stage();
    assert_eq!(run(&mut attributor, stage(2)), Outcome::RuntimeStage);
    assert_eq!(told(&mut attributor, stage(1)).1.executable, "/bin/runc");
    let lost = Outcome::Lost(Feed::Process, LossReason::CgroupUnknown, Whose::Unknown);
    assert_eq!(run(&mut attributor, exec("/bin/sh").cgroup(4)), lost);
}

#[test]
fn a_units_files_are_of_no_image_and_a_containers_are() {
    let mut attributor = host();
    for (file, unit, container) in [
        (FileSource::UpperNew, SourceLayer::Unsupported, SourceLayer::UpperNew),
        (
            FileSource::ImageChanged,
            SourceLayer::Unsupported,
            SourceLayer::ImageChanged,
        ),
        (FileSource::Volume, SourceLayer::Unsupported, SourceLayer::Volume),
        (FileSource::Memory, SourceLayer::Memory, SourceLayer::Memory),
        (FileSource::Deleted, SourceLayer::Deleted, SourceLayer::Deleted),
    ] {
        let of = |cgroup| exec("/bin/sh").cgroup(cgroup).source(file, None);
        let sources = [1, 2].map(|cgroup| told(&mut attributor, of(cgroup)).1.source);
        assert_eq!(sources, [unit, container], "{file:?}");
        let mapped = [1, 2].map(|cgroup| {
            let mapping = library("/x.so", 10).cgroup(cgroup).source(file).build();
            let code = attributor.loading(Code::Library(Box::new(mapping)), false).unwrap();
            let outcome = attributor.loaded(code, None, Instant::now());
            let Some(Observed::Module(module)) = attributed(outcome).observed.map(|observed| *observed) else {
                panic!("a module");
            };
            module.source
        });
        assert_eq!(mapped, [unit, container], "{file:?}");
    }
}

#[test]
fn what_is_recorded_amounts_to_the_behaviour_that_is_told() {
    let mut attributor = host();
    run(&mut attributor, exec("/usr/bin/python3").ids(10, &[]));
    let script = exec("/bin/sh").ids(11, &[10]).script("/opt/run.sh");
    let flow = attributor.event(RawEvent::Flow(flow("203.0.113.9:443", 11).build()), Instant::now());
    let code = Code::Library(Box::new(library("/usr/lib/libx.so", 11).build()));
    let code = attributor.loading(code, false).unwrap();
    let outcomes = [
        run(&mut attributor, script),
        flow.unwrap(),
        attributor.loaded(code, None, Instant::now()),
    ];
    for attributed in outcomes.map(attributed) {
        let observation = Observation {
            time: Timestamp::from_secs(0),
            workload: (*attributed.container.workload).clone(),
            container: ContainerName::new("main"),
            pod: None,
            snapshot: attributed.standing,
            what: *attributed.observed.unwrap(),
        };
        assert_eq!(Behaviour::from(&observation), attributed.behaviour);
    }
}

#[test]
fn of_what_runs_already_the_units_processes_are_looked_at_and_a_runtimes_are_not() {
    let standing = |cgroup_id| SeededProcess {
        cgroup_id,
        in_host_mounts: true,
        ..seeded("/usr/bin/demo")
    };
    let placed = host().placed([1, 2, 3, 4].map(standing).to_vec());
    let found: Vec<(u64, bool)> = placed
        .iter()
        .map(|process| (process.cgroup_id, process.in_host_mounts))
        .collect();
    assert_eq!(found, [(1, false), (2, true)]);
}

#[test]
fn nothing_of_a_host_is_ignored_and_each_unit_has_a_quota_of_its_own() {
    use super::super::cgroup::slots::FilterOrder;
    let orders = host().take_orders();
    assert_eq!(orders, [FilterOrder::Register(1), FilterOrder::Register(2)]);
}
