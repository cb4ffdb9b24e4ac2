//! A release note names what is new, gone and not known yet, and what it can't tell.

use serde_json::{Value, json};

use super::*;
use crate::testkit::{baseline, known, list, program, serving, with};

const RECORDS: &str = "/apis/anchorwatch.dev/v1alpha1/namespaces/shop/rolloutrecords";

fn record(revision: i64, hash: &str, rest: Value) -> Value {
    let spec = json!({
        "workload": {"kind": "Deployment", "name": "agent"}, "workloadUid": "u", "revision": revision,
        "templateHash": hash, "containers": [], "witness": "w",
        "startedAt": format!("2026-01-{revision:02}T00:00:00Z"), "recordedAt": format!("2026-01-{revision:02}T00:00:01Z"),
    });
    json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "RolloutRecord",
        "metadata": {"namespace": "shop", "name": format!("deployment-agent-{revision}")}, "spec": with(spec, rest),
    })
}

fn records(spec: &[Value]) -> Vec<RolloutRecord> {
    spec.iter()
        .map(|record| serde_json::from_value(record.clone()).unwrap())
        .collect()
}

/// A workload of which revision 1 (`5d`) and 2 (`7c`) were watched, each for as many hours as its bits say.
fn watched(first: &str, second: &str) -> Known {
    // 2026-01-01T00:00Z is hour 490,896.
    let entries = [
        with(program("/usr/bin/date", 9, 2), json!({"revisions": 3})),
        with(program("/usr/bin/id", 9, 2), json!({"revisions": 1})),
        with(
            program("/usr/bin/curl\u{1b}[2J", 1, 2),
            json!({"revisions": 2, "firstSeen": "2026-01-02T03:00:00Z"}),
        ),
    ];
    let mut object = baseline("Deployment", "agent", &entries);
    object["status"]["revisions"] = json!([
        {"templateHash": "5d", "observed": {"last": 490_919, "bits": first}},
        {"templateHash": "7c", "observed": {"last": 490_967, "bits": second}},
    ]);
    known(object)
}

fn text(known: &Known) -> String {
    let changes = json!({"action": "Update", "changes": [{"container": "app", "field": "Image"}]});
    let records = records(&[record(1, "5d", json!({})), record(2, "7c", changes)]);
    let view = compare(known, &records[0], &records[1]).unwrap();
    render::text(&view, "2026-01-04T00:00:00Z".parse().unwrap())
}

#[test]
fn a_release_note_says_what_is_new_and_what_is_gone() {
    let text = text(&watched("ffffff", "ffffffffffff"));
    for line in [
        "shop/Deployment/agent: from revision 1 to 2 (Update: Image of app)\n",
        "  revision 2 (7c) was watched for 48 h, from 2d ago on\n",
        "+   process   app         Learned   42h         /usr/bin/curl\\u{1b}[2J started by /usr/bin/python3\n",
        "-   process   app         Learned   42h         /usr/bin/id started by /usr/bin/python3\n",
        "Both do 1 further things.\n",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
    assert!(!text.contains('!') && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn of_a_revision_that_was_not_watched_long_enough_nothing_is_said_to_be_gone() {
    let text = text(&watched("f", "fff"));
    for line in [
        "?   process   app         Learned   42h         /usr/bin/id started by /usr/bin/python3 (known in 12 h of watching)\n",
        "! revision 2 has not been watched long enough to say that all of it is gone that was not seen: that takes 12 h more\n",
        "! revision 1 was watched for 4 h only: what looks new may have been missed there\n",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
}

#[test]
fn a_revision_that_was_never_watched_is_named_by_its_number() {
    let records = records(&[record(3, "9f", json!({})), record(4, "7c", json!({}))]);
    let said = compare(&watched("f", "f"), &records[0], &records[1])
        .unwrap_err()
        .to_string();
    assert!(
        said.starts_with("no pod of revision 3 of Deployment/agent was watched"),
        "{said}"
    );
}

#[tokio::test]
async fn only_records_of_revisions_of_the_workload_take_part() {
    let of_another = json!({"workload": {"kind": "Deployment", "name": "web"}});
    let records = [
        record(3, "7c", json!({})),
        record(2, "5d", json!({})),
        record(4, "7c", json!({"type": "Digest", "ofRecord": "deployment-agent-3"})),
        record(5, "9f", of_another),
    ];
    let client = serving([(RECORDS, list(&records))]);
    let found = revisions(&client, &watched("f", "f")).await.unwrap();
    let numbers: Vec<i64> = found.iter().map(|record| record.spec.revision).collect();
    assert_eq!(numbers, [2, 3]);
}

#[test]
fn the_newest_two_are_compared_unless_others_are_named() {
    let three = records(&[
        record(1, "5d", json!({})),
        record(2, "7c", json!({})),
        record(3, "9f", json!({})),
    ]);
    let chosen = |from, to| {
        let (from, to) = choose(&three, from, to, "Deployment/agent")?;
        anyhow::Ok((from.spec.revision, to.spec.revision))
    };
    assert_eq!(chosen(None, None).unwrap(), (2, 3));
    assert_eq!(chosen(None, Some(2)).unwrap(), (1, 2));
    assert_eq!(chosen(Some(1), None).unwrap(), (1, 3));
    for (from, to, expected) in [
        (
            None,
            Some(1),
            "no rollout of Deployment/agent before revision 1 is recorded",
        ),
        (
            Some(7),
            None,
            "there is no record of revision 7 of Deployment/agent: there are 1, 2, 3",
        ),
        (Some(3), None, "--from and --to are the same revision"),
    ] {
        let said = chosen(from, to).unwrap_err().to_string();
        assert!(said.starts_with(expected), "{said}");
    }
    let nothing = choose(&[], None, None, "Deployment/agent").unwrap_err().to_string();
    assert_eq!(nothing, "no rollout of Deployment/agent is recorded yet");
}
