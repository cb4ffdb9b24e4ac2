mod candidates;
mod together;

use super::*;
use crate::attribute::cgroup::{Holder, Placement};
use crate::attribute::unit;
use crate::losses::Owner;
use anchorwatch_core::behaviour::{
    Attributes, Behaviour, Destination, Direction, NetworkParts, Origin, ProcessParts, Protocol, SourceLayer,
};
use anchorwatch_core::policy::{MaturityMethod, Mode};

/// So many seconds into a day.
pub(in crate::standalone) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_secs(1_767_225_600 + seconds)
}

/// What runs in a cgroup of a host.
fn container(path: &str) -> Arc<Container> {
    match unit::placement(path.as_bytes()) {
        Placement::Container(place) => match place.holder {
            Holder::Host(container) => container,
            Holder::Pod(_) => panic!("a pod"),
        },
        other => panic!("{other:?}"),
    }
}

const DEMO: &str = "/system.slice/demo.service";

fn shown(path: &str, behaviour: Behaviour, attributes: Attributes, lineage: &[&str]) -> Attributed {
    Attributed {
        container: container(path),
        behaviour,
        attributes,
        command: None,
        lineage: lineage.iter().map(|path| (*path).into()).collect(),
        time_ns: 0,
        standing: false,
        repeats: 0,
        startup: false,
        key: None,
        observed: None,
    }
}

fn process(path: &str, executable: &str) -> Attributed {
    let parts = ProcessParts {
        origin: Origin::Entrypoint,
        executable: executable.to_owned(),
        source: SourceLayer::Unsupported,
        ..ProcessParts::default()
    };
    let lineage = ["/usr/bin/demo", executable];
    let line: Arc<str> = format!("{executable} -x").into();
    Attributed {
        command: Some(line.into()),
        ..shown(path, Behaviour::Process(parts.into()), Attributes::default(), &lineage)
    }
}

/// A shell that the demo's unit never started before.
pub(in crate::standalone) fn shell() -> Attributed {
    process(DEMO, "/bin/sh")
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

fn watch() -> Watch {
    Watch::new(policy(), Feed::ALL.into(), BTreeMap::new())
}

/// What knows the demo's own program alone, and learns no more.
pub(in crate::standalone) fn enforcing() -> Watch {
    let mut watch = watch();
    assert_eq!(told(&mut watch, &process(DEMO, "/usr/bin/demo"), 0), []);
    watch.pass_time(at(100));
    watch
}

/// What is told of a behaviour at once.
fn told(watch: &mut Watch, seen: &Attributed, seconds: i64) -> Vec<Told> {
    assert_eq!(watch.see(seen, at(seconds), at(seconds)), Room::Found);
    watch.news(at(seconds))
}

fn rules(told: &[Told]) -> Vec<&str> {
    let findings = told.iter().flat_map(|told| &told.findings);
    findings.map(|finding| finding.rule).collect()
}

#[test]
fn what_was_learned_is_silent_and_what_is_new_is_told_exactly_once() {
    let mut watch = enforcing();
    assert_eq!(told(&mut watch, &process(DEMO, "/usr/bin/demo"), 150), []);
    let [alert] = <[Told; 1]>::try_from(told(&mut watch, &shell(), 200)).unwrap();
    assert_eq!((alert.severity.as_str(), alert.told_before), ("Medium", 0));
    let [finding] = &alert.findings[..] else {
        panic!("{alert:?}")
    };
    assert_eq!(finding.rule, "process-outside-baseline");
    assert_eq!(finding.commands, ["/bin/sh -x"]);
    assert_eq!(finding.lineage, ["/usr/bin/demo", "/bin/sh"]);
    for seconds in [201, 900, 100_000] {
        assert_eq!(told(&mut watch, &shell(), seconds), [], "{seconds}");
    }
}

#[test]
fn learning_lasts_as_long_as_the_policy_says_for_each_workload() {
    let mut watch = enforcing();
    let later = "/system.slice/later.service";
    assert_eq!(told(&mut watch, &process(later, "/bin/sh"), 150), []);
    assert_eq!(told(&mut watch, &process(later, "/bin/ls"), 240), []);
    assert_eq!(told(&mut watch, &process(later, "/bin/cat"), 250).len(), 1);
}

#[test]
fn what_needs_no_baseline_is_told_while_it_still_learns() {
    let parts = ProcessParts {
        executable: "memfd:x".to_owned(),
        source: SourceLayer::Memory,
        ..ProcessParts::default()
    };
    let fileless = shown(
        DEMO,
        Behaviour::Process(parts.into()),
        Attributes::default(),
        &["memfd:x"],
    );
    assert_eq!(rules(&told(&mut watch(), &fileless, 1)), ["fileless-execution"]);
}

#[test]
fn who_only_observes_is_told_so() {
    let mut watch = enforcing();
    watch.policy.mode = Mode::Observe;
    let alert = told(&mut watch, &shell(), 200)[0].to_string();
    assert!(alert.contains(" Medium (observed) host/Unit/demo.service: "), "{alert}");
}

#[test]
fn what_the_policy_denies_from_now_on_is_told_though_it_was_learned() {
    let mut watch = enforcing();
    watch.policy.process.deny.insert("/usr/bin/demo".to_owned());
    let demo = process(DEMO, "/usr/bin/demo");
    assert_eq!(rules(&told(&mut watch, &demo, 150)), ["denied-behaviour"]);
    assert_eq!(told(&mut watch, &demo, 151), []);
}

#[test]
fn what_goes_on_from_what_was_kept_knows_what_was_told() {
    let mut before = enforcing();
    assert_eq!(told(&mut before, &shell(), 200).len(), 1);
    let mut after = Watch::new(policy(), Feed::ALL.into(), before.known);
    assert_eq!(told(&mut after, &shell(), 300), []);
    assert_eq!(told(&mut after, &process(DEMO, "/usr/bin/demo"), 300), []);
    assert_eq!(told(&mut after, &process(DEMO, "/bin/nc"), 300).len(), 1);
}

#[test]
fn what_was_not_told_before_the_end_is_told_at_the_next_start() {
    let mut before = enforcing();
    assert_eq!(before.see(&shell(), at(200), at(200)), Room::Found);
    let mut after = Watch::new(policy(), Feed::ALL.into(), before.known);
    assert_eq!(rules(&after.news(at(201))), ["process-outside-baseline"]);
}

#[test]
fn only_news_is_written_at_once_and_counts_in_time() {
    let mut watch = enforcing();
    assert_eq!(watch.take_changed(false).len(), 1);
    told(&mut watch, &process(DEMO, "/usr/bin/demo"), 150);
    assert_eq!(watch.take_changed(true), []);
    told(&mut watch, &process(DEMO, "/usr/bin/demo"), 900);
    assert_eq!(watch.take_changed(false), []);
    assert_eq!(watch.take_changed(true).len(), 1);
}

#[test]
fn what_does_nothing_is_learned_by_running() {
    let mut watch = watch();
    let running = [container(DEMO)];
    watch.observe(&running, &Unreported::default(), at(0));
    watch.observe(&running, &Unreported::default(), at(3_600));
    watch.pass_time(at(3_600));
    let (_, known) = watch.known.first_key_value().unwrap();
    assert_eq!(known.baseline.hours_observed(), 2);
    assert_eq!(rules(&told(&mut watch, &shell(), 3_601)), ["process-outside-baseline"]);
}

#[test]
fn what_was_lost_degrades_what_is_known_and_stands_beside_the_next_alert() {
    let mut watch = enforcing();
    let (demo, other) = (container(DEMO), container("/system.slice/other.service"));
    let quota = |count| ByFeed::from([(Feed::Network, BTreeMap::from([("kernel_flow_quota".to_owned(), count)]))]);
    let anybodys = ByFeed::from([(Feed::Process, BTreeMap::from([("malformed_record".to_owned(), 1)]))]);
    let own = |container: &Container, count| OwnerLosses {
        owner: Owner::from(container),
        losses: quota(count),
    };
    let lost = Unreported {
        anybodys: anybodys.clone(),
        of_containers: vec![own(&demo, 7), own(&other, 100)],
    };
    watch.observe(&[demo, other], &lost, at(150));
    let alerts = told(&mut watch, &shell(), 200);
    let expected: ByFeed = quota(7).into_iter().chain(anybodys).collect();
    assert_eq!(alerts[0].lost, expected);
}

#[test]
fn an_alert_is_kept_for_the_window_and_as_long_as_it_could_come_again() {
    let mut watch = enforcing();
    told(&mut watch, &shell(), 200);
    let year = 365 * 86_400;
    watch.pass_time(at(year));
    assert_eq!(watch.known.values().map(|known| known.alerts.len()).sum::<usize>(), 1);
    let known = watch.known.values_mut().next().unwrap();
    known.baseline.containers.clear();
    assert!(!known.forget_alerts(at(200)) && known.forget_alerts(at(201)));
}

#[test]
fn beyond_the_limit_an_idle_container_gives_way_and_what_finds_no_room_is_counted() {
    let mut watch = enforcing();
    for number in 1..MAX_WORKLOADS {
        watch.see(
            &process(&format!("/docker/{number:012x}{}", "0".repeat(52)), "/bin/sh"),
            at(100),
            at(100),
        );
    }
    let late = process("/system.slice/late.service", "/bin/sh");
    assert_eq!(watch.see(&late, at(200), at(200)), Room::None);
    assert_eq!((watch.workloads(), watch.unjudged()), (MAX_WORKLOADS, 1));
    watch.take_changed(true);
    let week = 8 * 86_400;
    assert_eq!(watch.see(&late, at(week), at(week)), Room::Found);
    assert_eq!((watch.workloads(), watch.unjudged()), (MAX_WORKLOADS, 1));
    let changed = watch.take_changed(true);
    assert_eq!(changed.iter().filter(|(_, held)| held.is_none()).count(), 1);
}

#[test]
fn what_was_found_running_says_so() {
    let mut watch = enforcing();
    let found = Attributed {
        standing: true,
        ..shell()
    };
    let [alert] = <[Told; 1]>::try_from(told(&mut watch, &found, 200)).unwrap();
    assert!(
        alert.findings[0].snapshot && alert.to_string().ends_with("; found when the sensor started"),
        "{alert}"
    );
}

#[test]
fn a_connection_that_stands_is_no_news_where_its_address_was_known_by_a_name() {
    let connection = |destination, last: u8| {
        let parts = NetworkParts {
            origin: Origin::Entrypoint,
            executable: "/usr/bin/demo".to_owned(),
            direction: Direction::Connect,
            protocol: Protocol::Tcp,
            port: 443,
            destination,
        };
        let attributes = Attributes {
            addresses: [std::net::Ipv4Addr::new(203, 0, 113, last).into()].into(),
            ..Attributes::default()
        };
        shown(DEMO, Behaviour::Network(parts.into()), attributes, &["/usr/bin/demo"])
    };
    let mut watch = watch();
    told(
        &mut watch,
        &connection(Destination::Name("api.example.org".to_owned()), 9),
        0,
    );
    watch.pass_time(at(100));
    let unnamed = |last: u8| Attributed {
        standing: true,
        ..connection(
            Destination::prefix(std::net::Ipv4Addr::new(203, 0, 113, last).into()),
            last,
        )
    };
    assert_eq!(told(&mut watch, &unnamed(9), 200), []);
    assert_eq!(told(&mut watch, &unnamed(10), 200).len(), 1);
}

#[test]
fn a_clock_that_was_ahead_and_is_set_back_stops_no_counts() {
    let mut watch = watch();
    let count = |watch: &Watch| {
        let known = &watch.known[container(DEMO).workload.as_ref()];
        let entries = known.baseline.entries();
        entries.map(|(_, _, entry)| entry.count).sum::<u64>()
    };
    let demo = process(DEMO, "/usr/bin/demo");
    told(&mut watch, &demo, 40 * 86_400);
    assert_eq!(count(&watch), 1);
    for second in [0, 600, 1200] {
        told(&mut watch, &demo, second);
    }
    assert_eq!(count(&watch), 4);
}
