//! What people write is what is understood, and comes back as it was written.

use anchorwatch_core::{
    behaviour::{
        Behaviour, Destination, Direction, ModuleParts, NetworkParts, Origin, ProcessParts, Protocol, SourceLayer,
    },
    policy::approvals::Standing,
};

use super::*;

fn spec(text: &str) -> BehaviorApprovalSpec {
    serde_yaml::from_str(text).unwrap()
}

fn approvals(text: &str) -> Approvals {
    let mut approvals = Approvals::default();
    approvals_from_crd("agent", &spec(text), &mut approvals);
    approvals
}

fn connect(destination: Destination) -> Behaviour {
    Behaviour::Network(
        NetworkParts {
            origin: Origin::Entrypoint,
            executable: "/usr/bin/curl".into(),
            direction: Direction::Connect,
            protocol: Protocol::Tcp,
            port: 443,
            destination,
        }
        .into(),
    )
}

#[test]
fn an_approval_reads_as_it_is_written() {
    let approvals = approvals(
        "
workload: {kind: Deployment, name: agent}
freeze: true
approve:
  processes:
    - {executable: /usr/bin/bash, parent: /usr/bin/python3, container: app}
  destinations:
    - {name: API.example.org, port: 443}
  listeners:
    - {port: 8080, protocol: tcp}
deny:
  destinations:
    - {network: 203.0.113.0/24}
  modules:
    - {path: /data/x.so}
",
    );
    assert_eq!(approvals.frozen.as_deref(), Some("agent"));
    let shell = Behaviour::Process(
        ProcessParts {
            origin: Origin::Entrypoint,
            parent: "/usr/bin/python3".into(),
            executable: "/usr/bin/bash".into(),
            source: SourceLayer::Image,
            ..ProcessParts::default()
        }
        .into(),
    );
    let library = Behaviour::Module(
        ModuleParts {
            path: "/data/x.so".into(),
            ..ModuleParts::default()
        }
        .into(),
    );
    let standing = |container: &str, behaviour: &Behaviour| match approvals.standing(&container.into(), behaviour) {
        Standing::Unsaid => "unsaid",
        Standing::Approved(_) => "approved",
        Standing::Denied(_) => "denied",
    };
    let network = "203.0.113.0/24".parse().unwrap();
    for (expected, container, behaviour) in [
        ("approved", "app", &shell),
        ("unsaid", "sidecar", &shell),
        ("approved", "app", &connect(Destination::Name("api.example.org".into()))),
        ("unsaid", "app", &connect(Destination::Name("www.example.org".into()))),
        ("denied", "app", &connect(Destination::Prefix(network))),
        ("denied", "app", &library),
    ] {
        assert_eq!(standing(container, behaviour), expected, "{behaviour:?}");
    }
}

#[test]
fn the_denial_of_a_behaviour_denies_it_after_it_was_written_and_read() {
    let behaviours = [
        connect(Destination::Name("api.example.org".into())),
        connect(Destination::Service("shop/cart".into())),
        connect(Destination::Prefix("2001:db8:1::/56".parse().unwrap())),
        connect(Destination::Group("cloud".into())),
        connect(Destination::NameIn {
            name: "api.example.org".into(),
            network: "203.0.0.0/16".parse().unwrap(),
        }),
        Behaviour::Process(
            ProcessParts {
                origin: Origin::Exec,
                executable: "/bin/busybox".into(),
                applet: Some("nc".into()),
                stdin_socket: true,
                gained: vec!["NET_RAW".to_owned()].into(),
                ..ProcessParts::default()
            }
            .into(),
        ),
        Behaviour::Module(
            ModuleParts {
                path: "/data/x.so".into(),
                sha256: Some("a".repeat(64)),
                ..ModuleParts::default()
            }
            .into(),
        ),
    ];
    for behaviour in behaviours {
        let pattern = Pattern::of(&behaviour).unwrap();
        let written = BehaviorApprovalSpec {
            workload: Some(anchorwatch_crds::v1alpha1::WorkloadReference {
                kind: "Deployment".into(),
                name: "agent".into(),
            }),
            deny: Some(named_from_pattern(&pattern, Some(&"app".into()))),
            ..BehaviorApprovalSpec::default()
        };
        let text = serde_yaml::to_string(&written).unwrap();
        let read = approvals(&text);
        assert_eq!(
            read.standing(&"app".into(), &behaviour),
            Standing::Denied("agent"),
            "{text}"
        );
        assert_eq!(read.standing(&"other".into(), &behaviour), Standing::Unsaid, "{text}");
        assert_eq!(approval_violations(&written), []);
    }
}

#[test]
fn what_can_not_be_read_says_where_and_what_was_expected_and_takes_no_part() {
    let text = "
workload: {kind: Deployment, name: agent}
deny:
  destinations:
    - {workload: shop/cart}
    - {network: 192.0.2.1/24}
    - {}
";
    let fields: Vec<_> = approval_violations(&spec(text))
        .into_iter()
        .map(|found| found.field)
        .collect();
    assert_eq!(
        fields,
        [
            "spec.deny.destinations[0].workload",
            "spec.deny.destinations[1].network",
            "spec.deny.destinations[2].name"
        ]
    );
    assert_eq!(approvals(text), Approvals::default());
}

#[test]
fn each_violation_names_its_field_and_what_was_expected() {
    let spec: BehaviorApprovalSpec = serde_json::from_value(serde_json::json!({
        "selector": {},
        "approve": {"destinations": [{"name": "example.org"}, {"network": "192.0.2.1/24"}]},
        "deny": {"destinations": [{"workload": "shop"}]},
    }))
    .unwrap();
    let violations = approval_violations(&spec);
    let fields: Vec<_> = violations.iter().map(|violation| violation.field.as_str()).collect();
    assert_eq!(
        fields,
        [
            "spec.selector",
            "spec.approve.destinations[1].network",
            "spec.deny.destinations[0].workload"
        ]
    );
    assert!(violations[1].expected.contains("192.0.2.0/24"), "{violations:?}");
}
