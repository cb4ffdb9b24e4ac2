//! What each rule sees, and what it says of it.

use proptest::prelude::*;

use super::*;
use crate::{
    behaviour::{
        CapabilitySet, Destination, ModuleBehaviour, ModuleKind, ModuleParts, NetworkBehaviour, NetworkParts, Origin,
        ProcessParts, Protocol, SourceLayer,
    },
    severity::{Circumstances, assess},
    testkit::{behaviour, parts, shell},
};

fn denying(path: &str) -> Policy {
    let mut policy = Policy::default();
    policy.process.deny.insert(path.to_owned());
    policy
}

fn network(direction: Direction, address: &str, port: u16, origin: Origin) -> Behaviour {
    Behaviour::Network(NetworkBehaviour::from(NetworkParts {
        origin,
        executable: "/usr/bin/python3".to_owned(),
        direction,
        protocol: Protocol::Tcp,
        port,
        destination: Destination::prefix(address.parse().expect("an address")),
    }))
}

fn library(source: SourceLayer) -> Behaviour {
    Behaviour::Module(ModuleBehaviour::from(ModuleParts {
        origin: Origin::Entrypoint,
        path: "/usr/lib/x.so".to_owned(),
        sha256: Some("a".repeat(64)),
        source,
        executable: "/usr/bin/python3".to_owned(),
        ..ModuleParts::default()
    }))
}

fn cases() -> Vec<(&'static str, Behaviour, Policy)> {
    let base = || parts("/usr/bin/python3", "/tmp/x");
    let of = |origin, source| {
        behaviour(ProcessParts {
            origin,
            source,
            ..base()
        })
    };
    let script = ProcessParts {
        script: Some("/app/\u{1b}[2Jrun.sh".to_owned()),
        ..parts("", "/usr/bin/bash")
    };
    let applet = ProcessParts {
        applet: Some("wget".to_owned()),
        ..parts("/bin/busybox", "/bin/busybox")
    };
    let plain = Policy::default;
    vec![
        ("a shell out of python", shell(), plain()),
        (
            "a script as entrypoint, with a terminal escape",
            behaviour(script),
            plain(),
        ),
        ("an applet", behaviour(applet), plain()),
        (
            "new in the upper layer",
            of(Origin::Entrypoint, SourceLayer::UpperNew),
            plain(),
        ),
        (
            "changed in the upper layer",
            of(Origin::Entrypoint, SourceLayer::ImageChanged),
            plain(),
        ),
        (
            "perhaps new in the upper layer",
            of(Origin::Entrypoint, SourceLayer::UpperUnknown),
            plain(),
        ),
        ("in memory", of(Origin::Entrypoint, SourceLayer::Memory), plain()),
        (
            "deleted before it ran",
            of(Origin::Entrypoint, SourceLayer::Deleted),
            plain(),
        ),
        ("by kubectl exec", of(Origin::Exec, SourceLayer::Image), plain()),
        (
            "by kubectl exec, in memory",
            of(Origin::Exec, SourceLayer::Memory),
            plain(),
        ),
        ("by a probe", of(Origin::Probe, SourceLayer::Image), plain()),
        ("denied", of(Origin::Entrypoint, SourceLayer::Memory), denying("/tmp/x")),
    ]
}

/// Processes by what they are attached to and what they gained.
fn attached_and_privileged() -> Vec<(&'static str, Behaviour, Policy)> {
    let plain = Policy::default;
    vec![
        (
            "with a network socket as standard input",
            behaviour(ProcessParts {
                stdin_socket: true,
                ..parts("/usr/bin/python3", "/usr/bin/bash")
            }),
            plain(),
        ),
        (
            "with a network socket as standard output",
            behaviour(ProcessParts {
                stdout_socket: true,
                ..parts("/usr/bin/bash", "/usr/bin/cat")
            }),
            plain(),
        ),
        (
            "with network sockets as both",
            behaviour(ProcessParts {
                stdin_socket: true,
                stdout_socket: true,
                ..parts("/usr/bin/python3", "/usr/bin/bash")
            }),
            plain(),
        ),
        (
            "known, and gaining a capability",
            behaviour(ProcessParts {
                gained: CapabilitySet::from_bits(1 << 13),
                ..parts("/usr/bin/bash", "/usr/bin/ping")
            }),
            plain(),
        ),
        (
            "known, and gaining all of them",
            behaviour(ProcessParts {
                gained: CapabilitySet::from_bits((1 << 41) - 1),
                stdin_socket: true,
                ..parts("/usr/bin/bash", "/usr/bin/su")
            }),
            plain(),
        ),
    ]
}

/// Cases of the other feeds.
fn flows_and_modules() -> Vec<(&'static str, Behaviour, Policy)> {
    let plain = Policy::default;
    vec![
        (
            "a connection",
            network(Direction::Connect, "198.51.100.7", 443, Origin::Entrypoint),
            plain(),
        ),
        (
            "a datagram",
            network(Direction::Send, "2001:db8::1", 53, Origin::Entrypoint),
            plain(),
        ),
        (
            "a listener",
            network(Direction::Listen, "0.0.0.0", 4444, Origin::Entrypoint),
            plain(),
        ),
        (
            "a connection by kubectl exec",
            network(Direction::Connect, "198.51.100.7", 443, Origin::Exec),
            plain(),
        ),
        ("a library of a volume", library(SourceLayer::Volume), plain()),
        (
            "a library new in the upper layer",
            library(SourceLayer::UpperNew),
            plain(),
        ),
        ("a library in memory", library(SourceLayer::Memory), plain()),
        (
            "a kernel module",
            Behaviour::Module(ModuleBehaviour::from(ModuleParts {
                kind: ModuleKind::KernelModule,
                path: "rootkit".to_owned(),
                ..ModuleParts::default()
            })),
            plain(),
        ),
    ]
}

#[test]
fn rules_say_what_they_see_and_how_grave_it_is() {
    let table: Vec<_> = cases()
        .into_iter()
        .chain(attached_and_privileged())
        .chain(flows_and_modules())
        .map(|(case, behaviour, policy)| {
            let always = without_baseline(&behaviour, &policy);
            let rule = always.unwrap_or_else(|| of_novelty(&behaviour));
            let assessment = assess(rule, &behaviour, Circumstances::default());
            format!(
                "{case}: {rule}{} | {} | {} = {}",
                if always.is_some() { ", needs no baseline" } else { "" },
                rule.sentence(&behaviour),
                assessment.terms.join(", "),
                assessment.severity.as_str()
            )
        })
        .collect();
    insta::assert_snapshot!(table.join("\n"));
}

#[test]
fn a_denied_script_is_denied_whatever_runs_it() {
    let script = ProcessParts {
        script: Some("/app/run.sh".to_owned()),
        ..parts("", "/usr/bin/bash")
    };
    let fires = without_baseline(&behaviour(script), &denying("/app/run.sh"));
    assert_eq!(fires, Some(Rule::DeniedBehaviour));
}

#[test]
fn what_is_never_suppressed_is_at_least_high_even_where_a_rollout_matches_it() {
    for rule in Rule::ALL.into_iter().filter(|rule| rule.never_suppressed()) {
        let severity = assess(rule, &shell(), Circumstances::default()).severity;
        assert!(severity >= Severity::High, "{rule}");
    }
    // What no baseline excuses, no rollout does.
    assert!(
        Rule::ALL
            .iter()
            .all(|rule| rule.needs_baseline() || rule.never_suppressed())
    );
}

/// Policies, alerts, metrics and dashboards name them: one that is renamed or left out breaks somebody's.
#[test]
fn ids_are_stable() {
    let ids = Rule::ALL.map(Rule::id);
    let gravest_last = [
        "returned-behaviour",
        "startup-in-steady",
        "known-on-one-node",
        "known-name-elsewhere",
        "process-outside-baseline",
        "unusual-command",
        "new-destination",
        "new-destination-group",
        "new-listener",
        "unapproved-module",
        "unusual-volume",
        "destination-spike",
        "privileges-gained",
        "changed-hash",
        "novelty-overflow",
        "alert-overflow",
        "digest-mismatch",
        "exec-from-outside",
        "socket-as-stdin",
        "executable-not-from-image",
        "fileless-execution",
        "kernel-module-load",
        "denied-behaviour",
    ];
    assert_eq!(ids, gravest_last);
}

#[test]
fn an_id_reads_back_as_its_rule() {
    for rule in Rule::ALL {
        assert_eq!(rule.id().parse(), Ok(rule));
        assert_eq!(serde_json::to_string(&rule).expect("JSON"), format!("{:?}", rule.id()));
    }
    assert!("".parse::<Rule>().is_err());
}

proptest! {
    #[test]
    fn sentences_are_harmless_whatever_a_container_calls_its_files(
        parent: String, path: String, script: Option<String>
    ) {
        let made = behaviour(ProcessParts { script, ..parts(&parent, &path) });
        for rule in Rule::ALL {
            let sentence = rule.sentence(&made);
            prop_assert!(!sentence.chars().any(char::is_control), "{:?}", sentence);
            prop_assert!(sentence.len() < 8_192);
        }
    }
}
