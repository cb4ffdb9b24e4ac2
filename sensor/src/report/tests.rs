use super::*;
use crate::attribute::command::Arguments;
use crate::attribute::pod::{Container, PodChange};
use crate::attribute::process::ProcFolder;
use crate::attribute::testkit::{container, exec, facts, sighting};
use crate::attribute::{AttributionLimits, Attributor, Outcome};
use crate::decode::{FileSource, OriginMark, RawEvent};
use crate::losses::LossReason;
use crate::seen::{SeenLimits, Sight, Sighting};
use anchorwatch_convert::behaviour_to_crd;
use anchorwatch_core::behaviour::{Behaviour, ModuleKind, ModuleParts, ProcessParts};
use std::path::PathBuf;

const AT: Timestamp = Timestamp::from_secs(1_767_225_600);

struct Setup {
    seen: Seen,
    losses: Losses,
    reporter: Reporter,
    now: Instant,
}

impl Setup {
    fn new() -> Self {
        let now = Instant::now();
        let state = State::new("node-uid".into()).unwrap();
        Self {
            seen: Seen::new(SeenLimits::default()),
            losses: Losses::default(),
            reporter: Reporter::new(state, None, Vec::new(), now, 0.5).unwrap(),
            now,
        }
    }

    fn observe(&mut self, executable: &str) {
        let parts = ProcessParts {
            executable: executable.into(),
            ..ProcessParts::default()
        };
        let behaviour = Behaviour::Process(parts.into());
        let sighting = Sighting {
            lineage: &[executable.into()],
            ..sighting(&behaviour, AT)
        };
        self.seen.observe(&container("1"), &sighting);
    }

    /// A program with a command line, which its behaviour shows beside its key.
    fn run(&mut self, executable: &str, line: &str) {
        let parts = ProcessParts {
            executable: executable.into(),
            ..ProcessParts::default()
        };
        let behaviour = Behaviour::Process(parts.into());
        let line: Arc<str> = line.into();
        let sighting = Sighting {
            command: Some(&line.into()),
            ..sighting(&behaviour, AT)
        };
        self.seen.observe(&container("1"), &sighting);
    }

    fn close(&mut self) -> Option<SensorReportSpec> {
        let closed = self.reporter.close(&mut self.seen, &mut self.losses, self.now, AT);
        let (_, BatchChange::Close(batch)) = closed? else {
            panic!("a batch is closed by nothing else");
        };
        assert!(batch.len() + ENVELOPE_BYTES <= MAX_BATCH_BYTES);
        Some(serde_json::from_slice(&batch).unwrap())
    }

    fn acknowledge(&mut self) {
        let sent = self.reporter.outstanding().cloned().unwrap();
        assert_eq!(
            self.reporter.acknowledged(&sent.epoch, sent.seq),
            Some(BatchChange::Clear)
        );
    }
}

fn commands(batch: &SensorReportSpec) -> Vec<String> {
    let behaviours = batch.containers.iter().flat_map(|container| &container.behaviors);
    behaviours.flat_map(|told| told.attributes.commands.clone()).collect()
}

#[test]
fn news_is_told_at_once_and_the_next_batch_waits_for_the_acknowledgement() {
    let mut setup = Setup::new();
    assert_eq!(setup.close(), None);
    setup.observe("/a");
    let first = setup.close().unwrap();
    assert_eq!((first.seq, first.containers[0].behaviors.len()), (1, 1));
    setup.observe("/b");
    assert_eq!(setup.close(), None);
    setup.acknowledge();
    let second = setup.close().unwrap();
    assert_eq!((second.seq, second.epoch), (2, first.epoch));
    assert_eq!(second.containers[0].behaviors[0].behavior.executable(), "/b");
}

#[test]
fn a_new_line_is_told_at_once_and_those_that_follow_within_a_moment_together() {
    let mut setup = Setup::new();
    setup.observe("/a");
    setup.close().unwrap();
    setup.acknowledge();
    setup.now += LINES;
    let mut lines = Vec::new();
    for number in 0..3 {
        setup.run("/a", &format!("a {number}"));
        let batch = setup.close();
        if batch.is_some() {
            setup.acknowledge();
        }
        lines.push(batch.map(|batch| commands(&batch)));
    }
    assert_eq!(lines, [Some(vec!["a 0".to_owned()]), None, None]);
    assert_eq!(setup.reporter.wake(&setup.seen, setup.now), Some(setup.now + LINES));
    setup.now += LINES;
    assert_eq!(commands(&setup.close().unwrap()).len(), 2);
    setup.acknowledge();
    // A new behaviour takes along what waits.
    setup.run("/a", "a 3");
    assert_eq!(setup.close(), None);
    setup.observe("/b");
    assert_eq!(commands(&setup.close().unwrap()), ["a 3"]);
}

#[test]
fn an_acknowledgement_of_another_batch_is_passed_over() {
    let mut setup = Setup::new();
    setup.observe("/a");
    let sent = setup.close().unwrap();
    assert_eq!(setup.reporter.acknowledged(&sent.epoch, 2), None);
    assert_eq!(setup.reporter.acknowledged("other", 1), None);
    assert!(setup.reporter.outstanding().is_some());
}

#[test]
fn a_restart_goes_on_with_the_same_bytes() {
    let mut setup = Setup::new();
    setup.observe("/a");
    setup.close().unwrap();
    let before = setup.reporter.outstanding().cloned().unwrap();
    let state = setup.reporter.state().clone();
    let again = Reporter::new(state, Some(before.spec.to_vec()), Vec::new(), setup.now, 0.5).unwrap();
    assert_eq!(again.outstanding(), Some(&before));
}

#[test]
fn more_than_a_batch_holds_goes_into_the_next_ones() {
    let mut setup = Setup::new();
    for number in 0..400 {
        setup.observe(&format!("/{}{number}", "x".repeat(400)));
    }
    let mut told = 0;
    let mut batches = 0;
    while let Some(batch) = setup.close() {
        told += batch
            .containers
            .iter()
            .map(|container| container.behaviors.len())
            .sum::<usize>();
        batches += 1;
        setup.acknowledge();
    }
    assert_eq!(told, 400);
    assert!(batches > 1);
}

#[test]
fn batches_are_limited_in_rate() {
    let mut setup = Setup::new();
    let mut closed = 0;
    for number in 0..100 {
        setup.observe(&format!("/{number}"));
        if setup.close().is_some() {
            closed += 1;
            setup.acknowledge();
        }
    }
    assert_eq!(closed, 20);
    let wake = setup.reporter.wake(&setup.seen, setup.now).unwrap();
    assert_eq!(wake - setup.now, Duration::from_millis(200));
    setup.now = wake;
    let rest = setup.close().unwrap();
    assert_eq!(rest.containers[0].behaviors.len(), 80);
}

#[test]
fn losses_travel_with_a_batch_or_alone_at_the_next_mark() {
    let mut setup = Setup::new();
    setup.losses.add(Feed::Process, LossReason::PodUnknown, 3);
    assert_eq!(setup.close(), None);
    setup.now = setup.reporter.wake(&setup.seen, setup.now).unwrap();
    let alone = setup.close().unwrap();
    assert_eq!((alone.containers.len(), alone.losses[0].count), (0, 3));
    setup.acknowledge();
    setup.losses.add(Feed::Process, LossReason::PodUnknown, 1);
    setup.observe("/a");
    assert_eq!(setup.close().unwrap().losses[0].count, 1);
    assert!(setup.losses.is_empty());
}

#[test]
fn hooks_are_told_once_and_again_when_they_change() {
    let hook = |state: &str| HookReport {
        name: "tp_btf/sched_process_exec".into(),
        state: state.into(),
        ..HookReport::default()
    };
    let mut setup = Setup::new();
    let state = setup.reporter.state().clone();
    setup.reporter = Reporter::new(state, None, vec![hook("attached")], setup.now, 0.5).unwrap();
    assert_eq!(setup.close().unwrap().hooks, [hook("attached")]);
    setup.acknowledge();
    assert_eq!(setup.close(), None);
    let state = setup.reporter.state().clone();
    setup.reporter = Reporter::new(state, None, vec![hook("failed")], setup.now, 0.5).unwrap();
    assert_eq!(setup.close().unwrap().hooks, [hook("failed")]);
}

#[test]
fn a_refused_batch_is_told_in_a_new_epoch() {
    let mut setup = Setup::new();
    setup.observe("/a");
    setup.close().unwrap();
    setup.acknowledge();
    setup.observe("/b");
    let second = setup.close().unwrap();
    let refusal = setup.reporter.refused(&second.epoch, 2).unwrap();
    let Some(Refusal::NewEpoch(state, BatchChange::Close(batch))) = refusal else {
        panic!("no new epoch: {refusal:?}");
    };
    let again: SensorReportSpec = serde_json::from_slice(&batch).unwrap();
    assert_ne!(again.epoch, second.epoch);
    assert_eq!((again.seq, &again.containers), (1, &second.containers));
    assert_eq!((state.epoch, state.next_seq), (again.epoch, 2));
}

#[test]
fn a_batch_that_is_refused_even_as_the_first_of_its_epoch_is_laid_aside() {
    let mut setup = Setup::new();
    setup.losses.add(Feed::Process, LossReason::PodUnknown, 3);
    setup.observe("/a");
    let first = setup.close().unwrap();
    let refusal = setup.reporter.refused(&first.epoch, 1).unwrap();
    let Some(Refusal::LaidAside(_, BatchChange::Refuse(_), lost)) = refusal else {
        panic!("{refusal:?}");
    };
    // What it would have told of losses is lost no less.
    let expected = [
        (Feed::Process, "pod_unknown".to_owned(), 3),
        (Feed::Process, "report_refused".to_owned(), 1),
    ];
    assert_eq!(lost, by_feed(expected));
    setup.observe("/b");
    let next = setup.close().unwrap();
    assert_eq!((next.seq, next.epoch), (1, first.epoch));
}

#[test]
fn no_argument_of_a_command_line_stands_in_a_report_where_none_is_wanted() {
    let arguments = [
        "--password=hunter2",
        "-c",
        "curl https://user:hunter2@example.test",
        "hunter2",
    ];
    let report = reported(&arguments, Arguments::None);
    for part in parts(&arguments) {
        assert!(!report.contains(part), "{part} in {report}");
    }
}

#[test]
fn no_secret_of_a_command_line_ever_stands_in_a_report() {
    let arguments = ["--password=hunter2", "-c", "curl https://user:hunter2@example.test/x"];
    let report = reported(&arguments, Arguments::Redacted);
    assert!(
        report.contains("--password=<secret:2>") && report.contains("://<secret:3>@example.test"),
        "{report}"
    );
    assert!(!report.contains("hunter2") && !report.contains("user:"), "{report}");
}

fn parts<'a>(arguments: &'a [&str]) -> impl Iterator<Item = &'a str> {
    arguments
        .iter()
        .flat_map(|argument| argument.split([' ', '/', ':', '@']))
        .filter(|part| part.len() > 3)
}

/// What is reported of programs of several sorts that were run with these arguments.
fn reported(arguments: &[&str], told: Arguments) -> String {
    let id = "a".repeat(64);
    let now = Instant::now();
    let mut attributor = Attributor::new(
        AttributionLimits::default(),
        ProcFolder::new(PathBuf::from("/nonexistent")),
    )
    .with_arguments(told);
    let path = format!("/kubepods/podx/{id}").into_bytes();
    attributor.event(
        RawEvent::CgroupCreated {
            time_ns: 0,
            id: 1,
            path,
        },
        now,
    );
    attributor.pod(PodChange::Applied(facts(container("1"))), now);
    let mut seen = Seen::new(SeenLimits::default());
    for (number, executable) in (1..).zip(["/usr/bin/python3", "/bin/busybox", "/usr/bin/coreutils"]) {
        for origin in [OriginMark::Entrypoint, OriginMark::Outside, OriginMark::Unknown] {
            for name in [executable, "/bin/sh"] {
                let argv: Vec<&str> = std::iter::once(name).chain(arguments.iter().copied()).collect();
                let plain = exec(executable).argv(&argv).origin(origin).ids(number, &[]);
                let script = plain.clone().script("/app/run.sh").source(FileSource::Image, None);
                for run in [plain, script] {
                    let outcome = attributor.event(RawEvent::Exec(run.build()), now);
                    let Some(Outcome::Attributed(attributed)) = outcome else {
                        panic!("not attributed: {outcome:?}");
                    };
                    let sighting = Sighting {
                        attributes: &attributed.attributes,
                        command: attributed.command.as_ref(),
                        lineage: &attributed.lineage,
                        ..sighting(&attributed.behaviour, AT)
                    };
                    seen.observe(&attributed.container, &sighting);
                }
            }
        }
    }
    let report = serde_json::to_string(&seen.take_due(MAX_BATCH_BYTES)).unwrap();
    assert!(report.contains("/usr/bin/python3") && report.contains("/app/run.sh"));
    report
}

fn kernel_module(name: &str) -> Behaviour {
    let parts = ModuleParts {
        kind: ModuleKind::KernelModule,
        path: name.into(),
        ..ModuleParts::default()
    };
    Behaviour::Module(parts.into())
}

#[test]
fn what_the_node_itself_did_is_told_apart_from_its_containers_and_outlives_every_pod() {
    let mut setup = Setup::new();
    let node = Container::of_node();
    setup.observe("/a");
    setup.seen.observe(&node, &sighting(&kernel_module("dummy"), AT));
    let told = setup.close().unwrap();
    assert_eq!((told.containers.len(), told.node_behaviors.len()), (1, 1));
    assert_eq!(told.containers[0].pod.uid, "1");
    assert_eq!(
        told.node_behaviors[0].behavior,
        behaviour_to_crd(&kernel_module("dummy"))
    );
    setup.acknowledge();
    setup.seen.forget_gone(|_| false);
    assert_eq!(
        setup.seen.observe(&node, &sighting(&kernel_module("dummy"), AT)),
        Sight::Known
    );
}

#[test]
fn a_refused_batch_counts_what_it_told_of_the_node() {
    let mut setup = Setup::new();
    setup
        .seen
        .observe(&Container::of_node(), &sighting(&kernel_module("dummy"), AT));
    let told = setup.close();
    let lost = lost_with(told);
    assert_eq!(lost[&Feed::Module][LossReason::ReportRefused.name()], 1);
}
