//! A baseline is told the rarest first, with what it lacks, and obeys no escape sequence.

use serde_json::json;

use super::*;
use crate::testkit::{baseline, known, program, with};

fn view() -> View {
    let quarantined = json!({"id": "00", "state": "Quarantined", "rule": "process-outside-baseline"});
    let entries = [
        program("/usr/bin/date", 500, 7),
        program("/usr/bin/evil\u{1b}[2J", 3, 2),
        with(program("/usr/bin/bash", 1, 1), quarantined),
        with(
            program("/opt/<name>", 9, 3),
            json!({"generalised": true, "node": "node1"}),
        ),
    ];
    View::of(&known(baseline("Deployment", "agent", &entries)))
}

fn now() -> Timestamp {
    "2026-01-08T06:00:00Z".parse().unwrap()
}

#[test]
fn the_rarest_behaviour_comes_first() {
    let order: Vec<u32> = view().entries.iter().map(|entry| entry.days).collect();
    assert_eq!(order, [1, 2, 3, 7]);
}

#[test]
fn a_page_says_how_mature_each_feed_is_what_it_lacks_and_what_was_seen() {
    let text = render::text(&view(), 0, false, now());
    for line in [
        "shop/Deployment/agent: Enforcing, observed in 254 hours\n",
        "  every container's deviations are raised\n",
        "  ! LossObserved: 7 events were lost\n",
        "app         process   Enforcing   254     1.3 (4)    3         0          1             0         0         7 ring_full\n",
        "1      1       7d          Quarantined (process-outside-baseline)   app         /usr/bin/bash started by \
         /usr/bin/python3\n",
        "3      9       5d          Learned                                  app         /opt/<name> started by \
         /usr/bin/python3 (stands for many)\n",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
    assert!(!text.contains("Truncated") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn the_baseline_of_a_workload_that_is_gone_says_for_how_long() {
    let told = |since: Option<&str>| {
        let gone = since.map(|since| k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(since.parse().unwrap()));
        let view = View {
            gone_since: gone,
            ..view()
        };
        render::text(&view, 0, false, now())
    };
    assert!(!told(None).contains("gone"));
    let text = told(Some("2026-01-05T06:00:00Z"));
    assert!(
        text.contains("  ! the workload is gone for 3d: its baseline goes"),
        "{text}"
    );
}

#[test]
fn a_long_page_is_cut_after_the_rarest_and_says_so() {
    let text = render::text(&view(), 1, false, now());
    assert!(
        text.contains("/usr/bin/bash") && !text.contains("/usr/bin/date"),
        "{text}"
    );
    assert!(
        text.ends_with("… and 3 that are less rare: --limit 0 lists them all\n"),
        "{text}"
    );
}

#[test]
fn a_wide_page_says_who_vouches_and_a_document_has_all_of_it() {
    let text = render::text(&view(), 0, true, now());
    assert!(text.contains("FIRST SEEN   PODS   NODE"), "{text}");
    assert!(text.contains("node1"), "{text}");
    let document = serde_json::to_value(view()).unwrap();
    assert_eq!(document["entries"][0]["process"]["executable"], "/usr/bin/bash");
    assert_eq!(document["feeds"][0]["losses"][0]["count"], 7);
    assert_eq!(document["degraded"][0]["reason"], "LossObserved");
}

#[test]
fn a_baseline_without_anything_says_so() {
    let mut object = baseline("Deployment", "agent", &[]);
    object["status"] = serde_json::Value::Null;
    let text = render::text(&View::of(&known(object)), 0, false, now());
    assert!(text.ends_with("Nothing was seen yet.\n"), "{text}");
}
