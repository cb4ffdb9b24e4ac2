use super::*;
use crate::attribute::testkit::{ExecBuilder, exec, seeded};
use crate::decode::FileSource;
use std::path::PathBuf;

fn attributor(arguments: Arguments) -> HostAttributor {
    let mut attributor = HostAttributor::new(ProcFolder::new(PathBuf::from("/nonexistent")), None, arguments);
    for (id, path) in [
        (1, "/system.slice/demo.service".to_owned()),
        (2, format!("/system.slice/docker-{}.scope", "a".repeat(64))),
        (3, "/".to_owned()),
    ] {
        let created = RawEvent::CgroupCreated {
            time_ns: 0,
            id,
            path: path.into_bytes(),
        };
        assert_eq!(attributor.event(created, WallClock::read()), None);
    }
    attributor
}

fn run(attributor: &mut HostAttributor, exec: ExecBuilder) -> Option<(String, ProcessObservation)> {
    let observation = attributor.event(RawEvent::Exec(exec.build()), WallClock::read())?;
    let Observed::Process(process) = observation.what else {
        panic!("a process");
    };
    Some((observation.workload.to_string(), process))
}

#[test]
fn a_shell_out_of_a_units_python_is_the_units_with_its_lineage_and_without_secrets() {
    let mut attributor = attributor(Arguments::Redacted);
    run(&mut attributor, exec("/usr/bin/python3").ids(10, &[]));
    let shell = exec("/bin/sh").ids(11, &[10]).argv(&["sh", "-c", "mysql -phunter2"]);
    let (workload, process) = run(&mut attributor, shell).unwrap();
    assert_eq!(workload, "host/Unit/demo.service");
    assert_eq!(process.parent, "/usr/bin/python3");
    assert_eq!(process.lineage, ["/usr/bin/python3", "/bin/sh"]);
    assert_eq!(process.argv, ["sh", "-c", "mysql -p<secret:2>"]);
}

#[test]
fn no_arguments_are_told_where_none_are_wanted() {
    let (_, process) = run(&mut attributor(Arguments::None), exec("/bin/sh").argv(&["sh", "x"])).unwrap();
    assert_eq!(process.argv, Vec::<String>::new());
}

#[test]
fn what_comes_from_outside_is_the_units_own_or_somebodys_exec_into_a_container() {
    let mut attributor = attributor(Arguments::Redacted);
    let outside = |cgroup| exec("/bin/sh").cgroup(cgroup).origin(OriginMark::Outside);
    assert_eq!(run(&mut attributor, outside(1)).unwrap().1.origin, Origin::Entrypoint);
    let (workload, process) = run(&mut attributor, outside(2)).unwrap();
    assert_eq!(
        (workload.as_str(), process.origin),
        ("host/Container/aaaaaaaaaaaa", Origin::Exec)
    );
}

#[test]
fn what_cannot_be_placed_is_counted_by_reason() {
    let mut attributor = attributor(Arguments::Redacted);
    assert_eq!(run(&mut attributor, exec("/bin/sh").cgroup(3)), None);
    assert_eq!(run(&mut attributor, exec("/bin/sh").cgroup(4)), None);
    assert_eq!(run(&mut attributor, exec("/bin/runc").cgroup(2).runtime_stage()), None);
    let counted: Vec<(&str, u64)> = attributor
        .unplaced()
        .iter()
        .map(|(why, count)| (why.name(), *count))
        .collect();
    assert_eq!(counted, [("cgroup_unknown", 1), ("no_unit", 1), ("runtime_stage", 1)]);
}

#[test]
fn a_units_files_are_of_no_image_and_a_containers_are() {
    let mut attributor = attributor(Arguments::Redacted);
    let of = |file, cgroup| exec("/bin/sh").cgroup(cgroup).source(file, None);
    for (file, unit, container) in [
        (FileSource::UpperNew, SourceLayer::Unsupported, SourceLayer::UpperNew),
        (FileSource::Volume, SourceLayer::Unsupported, SourceLayer::Volume),
        (FileSource::Memory, SourceLayer::Memory, SourceLayer::Memory),
        (FileSource::Deleted, SourceLayer::Deleted, SourceLayer::Deleted),
    ] {
        let sources = [1, 2].map(|cgroup| run(&mut attributor, of(file, cgroup)).unwrap().1.source);
        assert_eq!(sources, [unit, container], "{file:?}");
    }
}

#[test]
fn in_a_unit_nobody_is_of_unknown_origin() {
    let mut attributor = attributor(Arguments::Redacted);
    let unknown = |cgroup| exec("/bin/sh").cgroup(cgroup).origin(OriginMark::Unknown);
    assert_eq!(run(&mut attributor, unknown(1)).unwrap().1.origin, Origin::Entrypoint);
    assert_eq!(run(&mut attributor, unknown(2)).unwrap().1.origin, Origin::Unknown);
}

#[test]
fn of_what_runs_already_the_units_processes_are_looked_at_and_a_runtimes_are_not() {
    let attributor = attributor(Arguments::Redacted);
    let standing = |cgroup_id| SeededProcess {
        cgroup_id,
        in_host_mounts: true,
        ..seeded("/usr/bin/demo")
    };
    let placed = attributor.placed([1, 2, 3, 4].map(standing).to_vec());
    let found: Vec<(u64, bool)> = placed
        .iter()
        .map(|process| (process.cgroup_id, process.in_host_mounts))
        .collect();
    assert_eq!(found, [(1, false), (2, true)]);
}
