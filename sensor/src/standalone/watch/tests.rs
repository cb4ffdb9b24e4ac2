use super::*;
use anchorwatch_core::behaviour::{Origin, SourceLayer};
use anchorwatch_core::id::ContainerName;
use anchorwatch_core::observation::ProcessObservation;
use anchorwatch_core::policy::{MaturityMethod, Mode};
use std::time::Duration;

/// So many seconds into a day.
pub(in crate::standalone) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_767_225_600 + seconds)
}

fn process(seconds: i64, workload: &str, executable: &str) -> Observation {
    Observation {
        time: at(seconds),
        workload: workload.parse().unwrap(),
        container: ContainerName::new("main"),
        pod: None,
        snapshot: false,
        what: Observed::Process(ProcessObservation {
            executable: executable.to_owned(),
            argv: vec![executable.to_owned(), "-x".to_owned()],
            origin: Origin::Entrypoint,
            source: SourceLayer::Unsupported,
            lineage: vec!["/usr/bin/demo".to_owned(), executable.to_owned()],
            ..ProcessObservation::default()
        }),
    }
}

const DEMO: &str = "host/Unit/demo.service";

/// A shell that the demo's unit never started before.
pub(in crate::standalone) fn shell(seconds: i64) -> Observation {
    process(seconds, DEMO, "/bin/sh")
}

fn policy() -> Policy {
    let mut policy = Policy {
        mode: Mode::Alert,
        ..Policy::default()
    };
    policy.maturity.method = MaturityMethod::Elapsed;
    policy.maturity.minimum = Duration::from_secs(100);
    policy
}

/// What knows the demo's own program alone, and learns no more.
pub(in crate::standalone) fn enforcing() -> Watch {
    let mut watch = Watch::new(policy(), BTreeMap::new());
    assert_eq!(watch.see(&process(0, DEMO, "/usr/bin/demo"), at(0)), []);
    watch.pass_time(at(100));
    watch
}

#[test]
fn what_was_learned_is_silent_and_what_is_new_is_told_exactly_once() {
    let mut watch = enforcing();
    assert_eq!(watch.see(&process(150, DEMO, "/usr/bin/demo"), at(150)), []);
    let [alert] = <[Alert; 1]>::try_from(watch.see(&shell(200), at(200))).unwrap();
    assert_eq!(
        (alert.rule, alert.severity.as_str()),
        ("process-outside-baseline", "Medium")
    );
    assert_eq!(alert.command, "/bin/sh -x");
    assert_eq!(alert.lineage, ["/usr/bin/demo", "/bin/sh"]);
    for seconds in [201, 100_000] {
        assert_eq!(watch.see(&shell(seconds), at(seconds)), [], "{seconds}");
    }
}

#[test]
fn learning_lasts_as_long_as_the_policy_says_for_each_workload() {
    let mut watch = enforcing();
    let later = "host/Unit/later.service";
    assert_eq!(watch.see(&process(150, later, "/bin/sh"), at(150)), []);
    assert_eq!(watch.see(&process(240, later, "/bin/ls"), at(240)), []);
    assert_eq!(watch.see(&process(250, later, "/bin/cat"), at(250)).len(), 1);
}

#[test]
fn what_needs_no_baseline_is_told_while_it_still_learns() {
    let mut watch = Watch::new(policy(), BTreeMap::new());
    let mut fileless = shell(1);
    let Observed::Process(process) = &mut fileless.what else {
        panic!("a process");
    };
    process.source = SourceLayer::Memory;
    let alerts = watch.see(&fileless, at(1));
    assert_eq!(
        alerts.iter().map(|alert| alert.rule).collect::<Vec<_>>(),
        ["fileless-execution"]
    );
}

#[test]
fn who_only_observes_is_told_so() {
    let mut watch = enforcing();
    watch.policy.mode = Mode::Observe;
    let alerts = watch.see(&shell(200), at(200));
    assert!(
        alerts[0]
            .to_string()
            .contains(" Medium (observed) host/Unit/demo.service: "),
        "{}",
        alerts[0]
    );
}

#[test]
fn what_the_policy_denies_from_now_on_is_told_though_it_was_learned() {
    let mut watch = enforcing();
    watch.policy.process.deny.insert("/usr/bin/demo".to_owned());
    let alerts = watch.see(&process(150, DEMO, "/usr/bin/demo"), at(150));
    assert_eq!(
        alerts.iter().map(|alert| alert.rule).collect::<Vec<_>>(),
        ["denied-behaviour"]
    );
    assert_eq!(watch.see(&process(151, DEMO, "/usr/bin/demo"), at(151)), []);
}

#[test]
fn what_goes_on_from_a_kept_baseline_knows_what_was_raised() {
    let mut before = enforcing();
    assert_eq!(before.see(&shell(200), at(200)).len(), 1);
    let kept = before.baselines;
    let mut after = Watch::new(policy(), kept);
    assert_eq!(after.see(&shell(300), at(300)), []);
    assert_eq!(after.see(&process(300, DEMO, "/usr/bin/demo"), at(300)), []);
    assert_eq!(after.see(&process(300, DEMO, "/bin/nc"), at(300)).len(), 1);
}

#[test]
fn only_what_differs_is_to_be_written() {
    let mut watch = enforcing();
    assert_eq!(watch.take_changed().len(), 1);
    watch.see(&process(150, DEMO, "/usr/bin/demo"), at(150));
    assert_eq!(watch.take_changed(), []);
}

#[test]
fn beyond_the_limit_an_idle_container_gives_way_and_what_finds_no_room_is_counted() {
    let mut watch = enforcing();
    for number in 1..MAX_WORKLOADS {
        let workload = format!("host/Container/{number:012x}");
        watch.see(&process(100, &workload, "/bin/sh"), at(100));
    }
    watch.see(&process(200, "host/Unit/late.service", "/bin/sh"), at(200));
    assert_eq!((watch.baselines.len(), watch.unjudged()), (MAX_WORKLOADS, 1));
    watch.take_changed();
    let week = 8 * 86_400;
    watch.see(&process(week, "host/Unit/late.service", "/bin/sh"), at(week));
    assert_eq!((watch.baselines.len(), watch.unjudged()), (MAX_WORKLOADS, 1));
    let changed = watch.take_changed();
    assert_eq!(changed.iter().filter(|(_, held)| held.is_none()).count(), 1);
}

#[test]
fn what_was_found_running_says_so() {
    let mut watch = enforcing();
    let found = Observation {
        snapshot: true,
        ..shell(200)
    };
    let [alert] = <[Alert; 1]>::try_from(watch.see(&found, at(200))).unwrap();
    assert!(
        alert.snapshot && alert.to_string().ends_with("; found when the sensor started"),
        "{alert}"
    );
}
