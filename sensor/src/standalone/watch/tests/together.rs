//! All three feeds: what is told of each, and what belongs together.

use super::*;
use anchorwatch_convert::policy_from_document;
use anchorwatch_core::alert::AlertState;
use anchorwatch_core::behaviour::{Destination, Direction, ModuleKind, ModuleParts, NetworkParts, Protocol};
use anchorwatch_core::severity::Severity;

fn flow(address: &str, lineage: &[&str]) -> Attributed {
    let address = address.parse().unwrap();
    let parts = NetworkParts {
        origin: Origin::Entrypoint,
        executable: (*lineage.last().unwrap()).to_owned(),
        direction: Direction::Connect,
        protocol: Protocol::Tcp,
        port: 443,
        destination: Destination::prefix(address),
    };
    let attributes = Attributes {
        addresses: [address].into(),
        ..Attributes::default()
    };
    shown(DEMO, Behaviour::Network(parts.into()), attributes, lineage)
}

fn library(path: &str, digit: &str, lineage: &[&str]) -> Attributed {
    let parts = ModuleParts {
        origin: Origin::Entrypoint,
        kind: ModuleKind::Library,
        path: path.to_owned(),
        sha256: Some(digit.repeat(64)),
        source: SourceLayer::Unsupported,
        executable: (*lineage.last().unwrap()).to_owned(),
    };
    shown(DEMO, Behaviour::Module(parts.into()), Attributes::default(), lineage)
}

const OWN: [&str; 1] = ["/usr/bin/demo"];

#[test]
fn a_new_flow_and_a_new_library_of_one_lineage_are_one_grave_alert() {
    let mut watch = enforcing();
    let flow = flow("203.0.113.9", &OWN);
    let [first] = <[Told; 1]>::try_from(told(&mut watch, &flow, 200)).unwrap();
    assert_eq!((first.severity, first.state), (Severity::Medium, AlertState::Open));
    let [second] = <[Told; 1]>::try_from(told(&mut watch, &library("/tmp/x.so", "a", &OWN), 260)).unwrap();
    assert_eq!(second.alert, first.alert);
    assert_eq!((second.severity, second.state), (Severity::High, AlertState::Escalated));
    // The flow is graver than it was told to be.
    assert_eq!(rules(&[second]), ["new-destination", "unapproved-module"]);
}

#[test]
fn what_comes_within_a_moment_is_told_in_one_line() {
    let mut watch = enforcing();
    for seen in [shell(), flow("203.0.113.9", &OWN), library("/tmp/x.so", "a", &OWN)] {
        watch.see(&seen, at(200), at(200));
    }
    let [alert] = <[Told; 1]>::try_from(watch.news(at(201))).unwrap();
    assert_eq!((alert.findings.len(), alert.severity), (3, Severity::High));
}

#[test]
fn what_is_further_apart_than_the_window_is_told_apart() {
    let mut watch = enforcing();
    let seen = [
        (shell(), 200),
        (flow("203.0.113.9", &OWN), 10_000),
        (library("/tmp/x.so", "a", &OWN), 20_000),
    ];
    let alerts: Vec<Told> = seen
        .iter()
        .flat_map(|(seen, seconds)| told(&mut watch, seen, *seconds))
        .collect();
    let expected = ["process-outside-baseline", "new-destination", "unapproved-module"];
    assert_eq!(rules(&alerts), expected);
    let names: BTreeSet<&str> = alerts.iter().map(|alert| alert.alert.as_str()).collect();
    assert_eq!(names.len(), 3);
}

#[test]
fn a_learned_library_with_another_content_is_told() {
    let mut watch = watch();
    assert_eq!(told(&mut watch, &library("/usr/lib/libx.so", "a", &OWN), 0), []);
    let changed = library("/usr/lib/libx.so", "b", &OWN);
    assert_eq!(rules(&told(&mut watch, &changed, 200)), ["changed-hash"]);
}

#[test]
fn a_policys_groups_hashes_and_denials_hold_as_in_a_cluster() {
    let listed = "c".repeat(64);
    let document = format!(
        "kind: DriftPolicy
spec:
  selector: {{}}
  mode: Alert
  baseline: {{maturity: {{method: Elapsed, minimum: 100s}}}}
  feeds:
    network:
      destinationGroups: [{{name: cloud, networks: [203.0.113.0/24]}}]
      deny: {{networks: [198.51.100.0/24]}}
    module:
      approvedHashes: {{sha256: [{listed}]}}
"
    );
    let policy = policy_from_document(&document).unwrap();
    let mut watch = Watch::new(policy, Feed::ALL.into(), BTreeMap::new());
    told(&mut watch, &flow("192.0.2.1", &OWN), 0);
    let mut raised = |seen: &Attributed, seconds| {
        let told = told(&mut watch, seen, seconds);
        rules(&told).into_iter().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    let set = |rules: &[&str]| rules.iter().map(|rule| (*rule).to_owned()).collect::<BTreeSet<_>>();
    let expected = set(&["new-destination", "new-destination-group"]);
    assert_eq!(raised(&flow("203.0.113.9", &OWN), 5_000), expected);
    assert!(raised(&flow("198.51.100.7", &OWN), 10_000).contains("denied-behaviour"));
    assert_eq!(raised(&library("/usr/lib/a.so", "c", &OWN), 15_000), set(&[]));
    let unlisted = library("/usr/lib/b.so", "d", &OWN);
    assert_eq!(raised(&unlisted, 20_000), set(&["unapproved-module"]));
}
