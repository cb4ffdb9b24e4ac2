//! What is exported approves what was learned, and nothing else, whatever somebody called his files.

use anchorwatch_convert::{approval_violations, approvals_from_crd};
use anchorwatch_core::{
    baseline::Baseline,
    policy::{
        Policy,
        approvals::{Approvals, Standing},
    },
};
use anchorwatch_crds::v1alpha1::BehaviorApproval;
use serde::Deserialize as _;
use serde_json::{Value, json};

use super::*;
use crate::{
    testkit::{baseline, known, program, with},
    workload::Known,
};

/// A workload with something of each feed and state, some of it named by somebody who means no good.
fn agent() -> Known {
    let state = |state: &str, rule: &str| json!({"id": "0", "state": state, "rule": rule});
    let process = [
        program("/usr/bin/date", 500, 7),
        program("/usr/bin/x\n# spec: {freeze: true}\u{2028}\u{85}- a: \"'", 1, 1),
        with(
            program("/usr/bin/bash", 1, 1),
            state("Quarantined", "process-outside-baseline"),
        ),
        with(
            program("/usr/bin/id", 1, 1),
            state("Accepted", "process-outside-baseline"),
        ),
        with(program("/opt/<name>", 9, 3), json!({"generalised": true})),
        with(
            program("/usr/bin/nc", 9, 3),
            json!({"firstSeen": "2026-01-05T00:00:00Z"}),
        ),
    ];
    let mut object = baseline("Deployment", "agent", &process);
    let seen = |fields: Value| {
        let mut entry = program("-", 3, 2);
        entry.as_object_mut().unwrap().remove("process");
        with(entry, fields)
    };
    let flow = |destination: Value, direction: &str, port: u16| {
        json!({"network": {
            "origin": "entrypoint", "executable": "/usr/bin/python3", "direction": direction, "protocol": "tcp", "port": port,
            "destination": destination,
        }})
    };
    let module = |path: &str, source: &str| {
        json!({"module": {
            "origin": "entrypoint", "kind": "library", "path": path, "sha256": "a".repeat(64), "source": source,
            "executable": "/usr/bin/python3",
        }})
    };
    let feed = |name: &str, entries: &[Value]| json!({"feed": name, "state": "Enforcing", "startedAt": "2026-01-01T00:00:00Z", "entries": entries});
    let feeds = object["status"]["containers"][0]["feeds"].as_array_mut().unwrap();
    feeds.push(feed(
        "network",
        &[
            seen(flow(json!({"name": "api.example.org"}), "connect", 443)),
            seen(flow(json!({"name": "NOT a name"}), "connect", 443)),
            seen(flow(json!({"network": "203.0.113.0/24"}), "connect", 443)),
            with(
                seen(flow(json!({"name": "*.example.net"}), "connect", 443)),
                json!({"generalised": true}),
            ),
            with(
                seen(flow(json!({"name": "*"}), "connect", 443)),
                json!({"generalised": true}),
            ),
            seen(flow(Value::Null, "listen", 8080)),
        ],
    ));
    feeds.push(feed(
        "module",
        &[
            seen(module("/usr/lib/libc.so.6", "image")),
            seen(module("/data/plugin.so", "volume")),
        ],
    ));
    known(object)
}

fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.process.deny.insert("/usr/bin/nc".to_owned());
    policy
}

fn exported(known: &Known, only: &Only) -> (String, Vec<BehaviorApproval>) {
    let selection = Selection::of(&known.learned(), &policy(), only, false);
    let text = manifest::write(known, None, &selection, only).unwrap();
    let documents = serde_yaml::Deserializer::from_str(&text);
    let read = documents.map(|document| BehaviorApproval::deserialize(document).unwrap());
    let read = read.collect();
    (text, read)
}

/// The behaviours that these approvals approve, and those that they don't.
fn standing(learned: &Baseline, read: &[BehaviorApproval]) -> (Vec<String>, Vec<String>) {
    let mut approvals = Approvals::default();
    for approval in read {
        assert_eq!(approval_violations(&approval.spec), []);
        assert!(!approval.spec.freeze && approval.spec.deny.is_none());
        approvals_from_crd("learned", &approval.spec, &mut approvals);
    }
    let (approved, others): (Vec<_>, Vec<_>) = learned.entries().partition(|(container, _, entry)| {
        approvals.standing(container, &entry.behaviour) == Standing::Approved("learned")
    });
    let names = |entries: Vec<(_, _, &anchorwatch_core::baseline::Entry)>| {
        let mut names: Vec<String> = entries
            .iter()
            .map(|(_, _, entry)| anchorwatch_core::rules::subject(&entry.behaviour))
            .collect();
        names.sort();
        names
    };
    (names(approved), names(others))
}

#[test]
fn what_is_exported_approves_what_was_learned_and_accepted_and_nothing_else() {
    let known = agent();
    let (text, read) = exported(&known, &Only::Everything);
    assert_eq!(read.len(), 1, "{text}");
    let (approved, others) = standing(&known.learned(), &read);
    assert_eq!(approved.len(), 8, "{approved:#?}\n{text}");
    let of = |names: &[String], what: &str| names.iter().any(|name| name.contains(what));
    for what in [
        "/usr/bin/date",
        "# spec",
        "/usr/bin/id",
        "api.example.org",
        "203.0.113.0/24",
        "example.net",
        "listener",
    ] {
        assert!(of(&approved, what), "{what}: {approved:#?}");
    }
    for what in ["/usr/bin/bash", "/opt/<name>", "/usr/bin/nc", "libc.so.6", "NOT a name"] {
        assert!(of(&others, what), "{what}: {others:#?}");
    }
    for line in [
        "# What was learned of shop/Deployment/agent: 8 behaviours.\n",
        "# Left out: 1 raised and not decided to be normal.\n",
        "# Left out: 1 denied by an approval or a policy.\n",
        "# Left out: 2 joined with others",
        "# Left out: 1 libraries of the image",
        "# Left out: 1 of a kind that no approval can name.\n",
        "      # accepted in an alert, first seen 2026-01-01\n",
        "  name: \"deployment-agent-learned\"\n",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
}

#[test]
fn an_export_is_the_same_however_often_something_is_seen_again() {
    let (before, _) = exported(&agent(), &Only::Everything);
    let mut object = serde_json::to_value(&agent().object).unwrap();
    let entries = object["status"]["containers"][0]["feeds"][0]["entries"]
        .as_array_mut()
        .unwrap();
    entries.reverse();
    for entry in entries {
        entry["count"] = 9_999.into();
        entry["lastSeen"] = "2026-01-31T00:00:00Z".into();
    }
    assert_eq!(exported(&known(object), &Only::Everything).0, before);
}

#[test]
fn what_is_new_since_a_date_or_of_a_revision_can_be_exported_alone() {
    let mut object = serde_json::to_value(&agent().object).unwrap();
    object["status"]["revisions"] = json!([{"templateHash": "5d"}, {"templateHash": "7c"}]);
    let entries = &mut object["status"]["containers"][0]["feeds"][0]["entries"];
    for entry in entries.as_array_mut().unwrap() {
        let path = entry["process"]["executable"].as_str().unwrap_or_default();
        let (bits, since) = match path {
            "/usr/bin/date" => (3, "2026-01-01T00:00:00Z"),
            "/usr/bin/id" => (2, "2026-01-20T00:00:00Z"),
            _ => (1, "2026-01-01T00:00:00Z"),
        };
        entry["revisions"] = bits.into();
        entry["firstSeen"] = since.into();
        entry["lastSeen"] = "2026-01-21T00:00:00Z".into();
    }
    let known = known(object);
    let since = Only::Since("2026-01-20T00:00:00Z".parse().unwrap());
    let revision = Only::Revision {
        number: 2,
        hash: "7c".into(),
    };
    for only in [since, revision] {
        let (text, read) = exported(&known, &only);
        let processes = &read[0].spec.approve.as_ref().unwrap().processes;
        let paths: Vec<&str> = processes.iter().map(|process| process.executable.as_str()).collect();
        assert_eq!(paths, ["/usr/bin/id"], "{text}");
    }
}

#[test]
fn more_than_an_approval_may_list_becomes_several() {
    let entries: Vec<Value> = (0..300)
        .map(|number| program(&format!("/usr/bin/{number}"), 1, 1))
        .collect();
    let known = known(baseline("Deployment", "agent", &entries));
    let (_, read) = exported(&known, &Only::Everything);
    let names: Vec<_> = read
        .iter()
        .map(|approval| approval.metadata.name.clone().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "deployment-agent-learned",
            "deployment-agent-learned-2",
            "deployment-agent-learned-3"
        ]
    );
    assert_eq!(standing(&known.learned(), &read).0.len(), 300);
}

#[test]
fn a_workload_of_which_nothing_was_learned_exports_comments_alone() {
    let known = known(baseline("Deployment", "agent", &[]));
    let selection = Selection::of(&known.learned(), &policy(), &Only::Everything, false);
    let text = manifest::write(&known, None, &selection, &Only::Everything).unwrap();
    assert!(
        selection.is_empty() && text.lines().all(|line| line.starts_with('#')),
        "{text}"
    );
}

#[test]
fn libraries_of_the_image_are_exported_where_somebody_asks_for_them() {
    let known = agent();
    let selection = Selection::of(&known.learned(), &policy(), &Only::Everything, true);
    let text = manifest::write(&known, None, &selection, &Only::Everything).unwrap();
    assert!(text.contains("/usr/lib/libc.so.6"), "{text}");
}

#[test]
fn a_date_is_a_day_or_a_time() {
    assert_eq!(since("2026-01-31").unwrap().to_string(), "2026-01-31T00:00:00Z");
    assert_eq!(
        since("2026-01-31T12:00:00Z").unwrap().to_string(),
        "2026-01-31T12:00:00Z"
    );
    for nonsense in ["", "yesterday", "2026-02-31"] {
        assert!(since(nonsense).is_err(), "{nonsense}");
    }
}
