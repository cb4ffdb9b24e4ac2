mod facts;
mod flows;
mod host;
mod modules;
mod scripts;

use super::layer::source;
use super::pod::{Container, PodFacts, PodIdentity, Setting};
use super::testkit::{ExecBuilder, exec};
use super::*;
use crate::decode::FileSource;
use crate::snapshot::{KnownCgroup, SeededProcess};
use anchorwatch_core::behaviour::{Attributes, Behaviour, Feed, Origin, ProcessParts, SourceLayer};
use std::path::PathBuf;
use std::time::Duration;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

fn attributor() -> Attributor {
    let mut attributor = Attributor::new(
        AttributionLimits::default(),
        ProcFolder::new(PathBuf::from("/nonexistent")),
    );
    let created = |id: u64, path: &str| RawEvent::CgroupCreated {
        time_ns: 0,
        id,
        path: path.into(),
    };
    let now = Instant::now();
    attributor.event(created(1, &format!("/kubepods/burstable/pod1/{A}")), now);
    attributor.event(created(2, "/system.slice/sshd.service"), now);
    attributor.event(created(3, "/kubepods/burstable/pod1"), now);
    attributor
}

fn known_pod() -> PodFacts {
    let pod = Arc::new(PodIdentity {
        namespace: "shop".into(),
        name: "agent".into(),
        uid: "1".into(),
    });
    let commands = vec![vec!["sh".to_owned(), "-c".to_owned(), "check".to_owned()]];
    testkit::facts(Container::new(
        pod,
        "main".into(),
        format!("containerd://{A}"),
        commands,
    ))
}

fn known() -> Attributor {
    let mut attributor = attributor();
    assert_eq!(attributor.pod(PodChange::Applied(known_pod()), Instant::now()), []);
    attributor
}

fn run(attributor: &mut Attributor, exec: ExecBuilder) -> Outcome {
    attributor.event(RawEvent::Exec(exec.build()), Instant::now()).unwrap()
}

fn attributed(outcome: Outcome) -> Attributed {
    match outcome {
        Outcome::Attributed(attributed) => *attributed,
        other => panic!("not attributed: {other:?}"),
    }
}

fn parts(outcome: Outcome) -> ProcessParts {
    let Behaviour::Process(process) = attributed(outcome).behaviour else {
        panic!("a process");
    };
    process.into()
}

#[test]
fn a_shell_out_of_python_is_attributed_with_parent_and_lineage() {
    let mut attributor = known();
    run(&mut attributor, exec("/usr/bin/tini").ids(10, &[]));
    run(&mut attributor, exec("/usr/bin/python3").ids(11, &[10]));
    let shell = attributed(run(&mut attributor, exec("/usr/bin/bash").ids(12, &[11, 10])));
    let lineage: Vec<&str> = shell.lineage.iter().map(AsRef::as_ref).collect();
    assert_eq!(lineage, ["/usr/bin/tini", "/usr/bin/python3", "/usr/bin/bash"]);
    let expected = ProcessParts {
        origin: Origin::Entrypoint,
        parent: "/usr/bin/python3".into(),
        executable: "/usr/bin/bash".into(),
        source: SourceLayer::Image,
        ..ProcessParts::default()
    };
    assert_eq!(shell.behaviour, Behaviour::Process(expected.into()));
    assert_eq!(shell.container.name, "main");
}

#[test]
fn what_comes_before_its_pod_is_known_waits_and_keeps_its_order() {
    let mut attributor = attributor();
    assert_eq!(run(&mut attributor, exec("/a").ids(10, &[])), Outcome::Waiting);
    assert_eq!(run(&mut attributor, exec("/b").ids(11, &[10])), Outcome::Waiting);
    assert_eq!(attributor.waiting(), 2);
    let released: Vec<ProcessParts> = attributor
        .pod(PodChange::Applied(known_pod()), Instant::now())
        .into_iter()
        .map(parts)
        .collect();
    let names: Vec<(&str, &str)> = released
        .iter()
        .map(|parts| (parts.parent.as_str(), parts.executable.as_str()))
        .collect();
    assert_eq!(names, [("", "/a"), ("/a", "/b")]);
    assert_eq!(attributor.waiting(), 0);
}

#[test]
fn what_waits_too_long_is_lost_unless_it_is_a_pods_sandbox() {
    let mut attributor = attributor();
    run(&mut attributor, exec("/pause").ids(10, &[]));
    run(&mut attributor, exec("/pause").ids(11, &[]).origin(OriginMark::Outside));
    run(&mut attributor, exec("/bin/sh").ids(12, &[10]));
    assert_eq!(attributor.expire(Instant::now()), []);
    let lost = Outcome::Lost(Feed::Process, LossReason::PodUnknown, Whose::Unknown);
    let later = Instant::now() + Duration::from_secs(61);
    assert_eq!(attributor.expire(later), [Outcome::Sandbox, lost.clone(), lost]);
}

#[test]
fn what_finds_no_room_to_wait_is_its_own_containers_loss() {
    let mut attributor = Attributor::new(
        AttributionLimits {
            waiting: WaitLimits {
                per_container: 1,
                ..WaitLimits::default()
            },
            ..AttributionLimits::default()
        },
        ProcFolder::new(PathBuf::from("/nonexistent")),
    );
    let path = format!("/kubepods/burstable/pod1/{A}").into();
    let created = RawEvent::CgroupCreated {
        time_ns: 0,
        id: 1,
        path,
    };
    attributor.event(created, Instant::now());
    assert_eq!(run(&mut attributor, exec("/a").ids(10, &[])), Outcome::Waiting);
    let id = ContainerId::parse(A).unwrap();
    let whose = Whose::Container(id.clone());
    let lost = Outcome::Lost(Feed::Process, LossReason::WaitingContainerFull, whose.clone());
    assert_eq!(run(&mut attributor, exec("/b").ids(11, &[])), lost);
    assert_eq!((attributor.whose(1), attributor.owner(&id)), (whose, None));
    attributor.pod(PodChange::Applied(known_pod()), Instant::now());
    let owner = Owner::from(&*known_pod().containers[0].1);
    assert_eq!(attributor.owner(&id), Some(owner));
}

#[test]
fn the_host_and_the_runtime_have_no_behaviours() {
    let mut attributor = known();
    assert_eq!(run(&mut attributor, exec("/bin/sh").cgroup(2)), Outcome::Host);
    assert_eq!(
        run(&mut attributor, exec("/crun").runtime_stage()),
        Outcome::RuntimeStage
    );
    let unrecognised = Outcome::Lost(Feed::Process, LossReason::CgroupUnrecognised, Whose::Unknown);
    assert_eq!(run(&mut attributor, exec("/bin/sh").cgroup(3)), unrecognised);
    let unknown = Outcome::Lost(Feed::Process, LossReason::CgroupUnknown, Whose::Unknown);
    assert_eq!(run(&mut attributor, exec("/bin/sh").cgroup(99)), unknown);
}

#[test]
fn whatever_runs_in_a_container_that_was_put_into_a_running_pod_is_a_visit() {
    let mut attributor = attributor();
    let visit = (*known_pod().containers[0].1).clone().within(Setting::Visit);
    attributor.pod(PodChange::Applied(testkit::facts(visit)), Instant::now());
    for origin in [OriginMark::Entrypoint, OriginMark::Unknown, OriginMark::Outside] {
        let told = parts(run(&mut attributor, exec("/bin/sh").ids(10, &[]).origin(origin)));
        assert_eq!(told.origin, Origin::Exec, "{origin:?}");
    }
}

#[test]
fn a_probe_and_what_it_starts_are_told_from_an_exec_and_what_that_starts() {
    let mut attributor = known();
    let mut origin = |argv: &[&str], id: u64, ancestors: &[u64]| {
        let exec = exec("/bin/sh")
            .argv(argv)
            .ids(id, ancestors)
            .origin(OriginMark::Outside);
        parts(run(&mut attributor, exec)).origin
    };
    assert_eq!(origin(&["sh", "-c", "check"], 10, &[]), Origin::Probe);
    assert_eq!(origin(&["check"], 11, &[10]), Origin::Probe);
    assert_eq!(origin(&["deeper"], 12, &[11, 10]), Origin::Probe);
    assert_eq!(origin(&["sh"], 20, &[]), Origin::Exec);
    assert_eq!(origin(&["sh", "-c", "check"], 21, &[20]), Origin::Exec);
    assert_eq!(origin(&["sh", "-c", "check"], 30, &[29]), Origin::Exec);
}

#[test]
fn an_ancestor_that_is_forgotten_shows_as_a_question_mark_and_is_counted() {
    let mut attributor = known();
    let Outcome::Attributed(known) = run(&mut attributor, exec("/bin/sh").ids(11, &[])) else {
        panic!("it is a container's");
    };
    assert!(!known.lacks_ancestor());
    let Outcome::Attributed(child) = run(&mut attributor, exec("/bin/sh").ids(13, &[12])) else {
        panic!("it is a container's");
    };
    assert!(child.lacks_ancestor());
    assert_eq!(parts(Outcome::Attributed(child)).parent, "?");
    assert_eq!(attributor.unresolved_ancestors(), 1);
}

#[test]
fn what_was_executed_outside_and_then_put_into_a_container_is_known_there() {
    let mut attributor = known();
    let outside = exec("/usr/bin/setpriv").ids(10, &[]).cgroup(2);
    assert_eq!(run(&mut attributor, outside), Outcome::Host);
    let stage = exec("/usr/bin/crun").ids(20, &[]).runtime_stage();
    assert_eq!(run(&mut attributor, stage), Outcome::RuntimeStage);
    for (id, parent) in [(10, "/usr/bin/setpriv"), (20, "/usr/bin/crun")] {
        let child = parts(run(&mut attributor, exec("/bin/sh").ids(id + 1, &[id])));
        assert_eq!(child.parent, parent);
    }
}

#[test]
fn what_ran_before_the_sensor_is_the_parent_of_what_comes() {
    let mut attributor = attributor();
    let cgroups = vec![KnownCgroup {
        id: 1,
        path: format!("/kubepods/burstable/pod1/{A}").into_bytes(),
    }];
    let processes = vec![testkit::seeded("/usr/bin/python3")];
    attributor.seed(&Snapshot {
        time_ns: 1,
        cgroups,
        processes,
        untold: 0,
    });
    attributor.pod(PodChange::Applied(known_pod()), Instant::now());
    let child = exec("/bin/sh").ids(11, &[10]).origin(OriginMark::Unknown);
    let child = parts(run(&mut attributor, child));
    assert_eq!(
        (child.parent.as_str(), child.origin),
        ("/usr/bin/python3", Origin::Unknown)
    );
    assert_eq!(attributor.running().len(), 1);
}

/// The origin of what a process runs that had been put into the container so many seconds before the sensor came.
fn origin_of_what_runs_in(visit: &[&str], age: u64, facts: PodFacts) -> Origin {
    let mut attributor = attributor();
    attributor.seed(&Snapshot {
        time_ns: 1,
        processes: vec![SeededProcess {
            origin: OriginMark::Outside,
            argv: visit.iter().map(|argument| argument.as_bytes().to_vec()).collect(),
            age: Duration::from_secs(age),
            ..testkit::seeded("/bin/sh")
        }],
        ..Snapshot::default()
    });
    attributor.pod(PodChange::Applied(facts), Instant::now());
    let mut child = |id, ancestors: &[u64]| {
        let child = exec("/bin/ls").ids(id, ancestors).origin(OriginMark::Outside);
        parts(run(&mut attributor, child)).origin
    };
    let origin = child(11, &[10]);
    assert_eq!(child(12, &[11, 10]), origin);
    origin
}

#[test]
fn a_session_that_was_open_before_the_sensor_is_somebodys_and_a_probe_is_a_probe() {
    let without_probes = || {
        let mut facts = known_pod();
        facts.containers[0].1 = Arc::new(Container {
            commands: Vec::new(),
            ..(*facts.containers[0].1).clone()
        });
        facts
    };
    assert_eq!(origin_of_what_runs_in(&["sh"], 1, without_probes()), Origin::Exec);
    assert_eq!(origin_of_what_runs_in(&["sh"], 60, known_pod()), Origin::Exec);
    assert_eq!(
        origin_of_what_runs_in(&["sh", "-c", "check"], 1, known_pod()),
        Origin::Probe
    );
    // A probe's command may have replaced itself by this.
    assert_eq!(
        origin_of_what_runs_in(&["/bin/check", "--all"], 1, known_pod()),
        Origin::Unknown
    );
}

#[test]
fn a_script_is_named_and_the_more_telling_file_counts() {
    let mut attributor = known();
    let script = exec("/bin/busybox")
        .script("/app/run.sh")
        .argv(&["/bin/sh", "/app/run.sh", "--token=hunter2"])
        .source(FileSource::Image, Some(FileSource::Memory));
    let parts = parts(run(&mut attributor, script));
    let expected = ProcessParts {
        origin: Origin::Entrypoint,
        parent: String::new(),
        executable: "/bin/busybox".into(),
        source: SourceLayer::Memory,
        script: Some("/app/run.sh".into()),
        applet: Some("sh".into()),
        ..ProcessParts::default()
    };
    assert_eq!(parts, expected);
}

#[test]
fn a_new_file_in_the_upper_layer_is_not_hidden_by_a_script_of_the_image() {
    assert_eq!(
        source(FileSource::UpperNew, Some(FileSource::Image)),
        SourceLayer::UpperNew
    );
    assert_eq!(
        source(FileSource::Image, Some(FileSource::ImageChanged)),
        SourceLayer::ImageChanged
    );
    assert_eq!(source(FileSource::Image, None), SourceLayer::Image);
}

/// What is made of a process that was found running.
fn found(process: SeededProcess) -> Attributed {
    let mut attributor = known();
    let standing = exec(&String::from_utf8_lossy(&process.executable))
        .ids(process.exec_id, &process.ancestors)
        .origin(process.origin)
        .build();
    attributor.seed(&Snapshot {
        time_ns: 1,
        processes: vec![process],
        ..Snapshot::default()
    });
    attributed(attributor.standing(standing, Instant::now()))
}

#[test]
fn what_was_found_running_is_a_behaviour_by_where_it_came_from() {
    let entrypoint = found(testkit::seeded("/usr/bin/redis-server"));
    let Behaviour::Process(process) = &entrypoint.behaviour else {
        panic!("a process");
    };
    assert!(entrypoint.standing);
    assert_eq!(
        (process.origin(), process.executable()),
        (Origin::Entrypoint, "/usr/bin/redis-server")
    );
    for (mark, origin) in [
        (OriginMark::Unknown, Origin::Unknown),
        // Too young to tell from a probe, where the container has probes.
        (OriginMark::Outside, Origin::Unknown),
    ] {
        let seen = found(SeededProcess {
            origin: mark,
            age: Duration::ZERO,
            ..testkit::seeded("/bin/sh")
        });
        assert_eq!(seen.behaviour.origin(), origin, "{mark:?}");
    }
}

/// A `/proc` with one process, started at the tick 0, in a container of pod 1 that the kubelet calls `main`.
fn proc_of_main(pid: u32, cgroup: &str) -> (tempfile::TempDir, ProcFolder) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join(pid.to_string());
    std::fs::create_dir(&folder).unwrap();
    let mount =
        "9 8 254:1 /var/lib/kubelet/pods/1/containers/main/5f3c2a1b /dev/termination-log rw - ext4 /dev/vda1 rw";
    for (file, content) in [
        ("mountinfo", mount),
        ("cgroup", &format!("0::{cgroup}")),
        ("stat", "7 (a) S 3 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 0 0 0"),
    ] {
        std::fs::write(folder.join(file), content).unwrap();
    }
    let proc = ProcFolder::new(root.path().to_path_buf());
    (root, proc)
}

/// Of a pod whose status tells of no container yet.
fn without_status() -> PodFacts {
    PodFacts {
        containers: Vec::new(),
        ..known_pod()
    }
}

#[test]
fn a_container_is_attributed_by_its_mounts_while_no_status_names_it() {
    let (_root, proc) = proc_of_main(1000, &format!("/kubepods/burstable/pod1/{A}"));
    let mut attributor = Attributor::new(AttributionLimits::default(), proc);
    assert_eq!(run(&mut attributor, exec("/a").ids(10, &[])), Outcome::Waiting);
    let released = attributor.pod(PodChange::Applied(without_status()), Instant::now());
    assert_eq!(released.len(), 1);
    let next = attributed(run(&mut attributor, exec("/b").ids(11, &[10])));
    assert_eq!(next.container.key, pod::ContainerKey::new("1", "main"));
    assert_eq!(attributor.running().len(), 1);
    // The status has the last word, and what it says is the same container.
    assert_eq!(attributor.pod(PodChange::Applied(known_pod()), Instant::now()), []);
    let last = attributed(run(&mut attributor, exec("/c").ids(12, &[10])));
    assert_eq!(last.container.key, next.container.key);
    assert_eq!(last.container.id, format!("containerd://{A}"));
}

#[test]
fn what_nobody_can_place_is_counted_by_what_is_known_of_it() {
    let mut attributor = attributor();
    run(&mut attributor, exec("/bin/sh").ids(10, &[]));
    attributor.pod(PodChange::Applied(without_status()), Instant::now());
    let later = Instant::now() + Duration::from_secs(61);
    let of_pod = Whose::Owner(Owner::from(&*without_status().pod));
    assert_eq!(
        attributor.expire(later),
        [Outcome::Lost(Feed::Process, LossReason::ContainerUnknown, of_pod)]
    );
}

#[test]
fn a_process_in_a_reused_number_places_nothing() {
    let (root, proc) = proc_of_main(1000, "/system.slice/sshd.service");
    let mut attributor = Attributor::new(AttributionLimits::default(), proc.clone());
    let mut reused = exec("/bin/sh").cgroup(77).build();
    reused.time_ns = 0;
    assert_eq!(
        attributor.event(RawEvent::Exec(reused.clone()), Instant::now()),
        Some(Outcome::Host)
    );
    let stat = "7 (a) S 3 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 100 0 0";
    std::fs::write(root.path().join("1000/stat"), stat).unwrap();
    let mut attributor = Attributor::new(AttributionLimits::default(), proc);
    assert_eq!(
        attributor.event(RawEvent::Exec(reused), Instant::now()),
        Some(Outcome::Lost(Feed::Process, LossReason::CgroupUnknown, Whose::Unknown))
    );
}

#[test]
fn what_comes_after_its_cgroup_was_removed_is_still_attributed() {
    let mut attributor = known();
    let now = Instant::now();
    attributor.event(RawEvent::CgroupRemoved { time_ns: 1, id: 1 }, now);
    assert_eq!(attributor.running(), []);
    attributed(run(&mut attributor, exec("/bin/late").ids(10, &[])));
    attributor.expire(now + Duration::from_mins(2));
    let late = run(&mut attributor, exec("/bin/late").ids(11, &[]));
    assert_eq!(
        late,
        Outcome::Lost(Feed::Process, LossReason::CgroupUnknown, Whose::Unknown)
    );
}

#[test]
fn a_runtimes_process_beside_a_container_has_no_behaviour() {
    let mut attributor = known();
    let path = format!("/kubepods.slice/kubepods-pod1.slice/crio-conmon-{A}.scope").into_bytes();
    let created = RawEvent::CgroupCreated {
        time_ns: 0,
        id: 4,
        path,
    };
    attributor.event(created, Instant::now());
    assert_eq!(
        run(&mut attributor, exec("/usr/bin/conmon").cgroup(4)),
        Outcome::RuntimeStage
    );
}
