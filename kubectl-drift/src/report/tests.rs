//! A report recommends by what is known, and shows no name as anything but text.

use anchorwatch_crds::v1alpha1::{BehaviorBaseline, DriftAlert};
use serde_json::{Value, json};

use super::{fetch::Facts, rate::Rate, recommend::Verdict, *};
use crate::{
    policies::Policies,
    testkit::{baseline, list, program, serving, with},
};

/// A name that would be a script, a picture and a heading.
const EVIL: &str = "/tmp/</title></td><script>alert(1)</script>\" onload=x ![x](y)|\n# z\u{1b}[2J\u{202e}";

pub(super) fn finding(id: &str, rule: &str, severity: &str, state: &str, summary: &str) -> Value {
    json!({
        "id": id.repeat(32), "rule": rule, "feed": "process", "summary": summary, "severity": severity, "state": state,
        "count": 3, "pods": 1, "firstSeen": "2026-01-05T00:00:00Z", "lastSeen": "2026-01-06T00:00:00Z",
        "process": {"origin": "entrypoint", "executable": "/usr/bin/id", "source": "image"},
    })
}

fn alert(findings: &[Value]) -> DriftAlert {
    let object = json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftAlert",
        "metadata": {"namespace": "shop", "name": "deployment-agent-1"}, "spec": {},
        "status": {"workload": {"kind": "Deployment", "name": "agent"}, "findings": findings},
    });
    serde_json::from_value(object).unwrap()
}

async fn policies(mode: &str) -> Policies {
    let policy = json!({
        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftPolicy", "metadata": {"namespace": "shop", "name": "all"},
        "spec": {"selector": {"matchLabels": {"app": "agent"}}, "mode": mode},
    });
    let client = serving([
        (
            "/apis/anchorwatch.dev/v1alpha1/namespaces/shop/driftpolicies",
            list(&[policy]),
        ),
        (
            "/apis/anchorwatch.dev/v1alpha1/namespaces/shop/behaviorapprovals",
            list(&[]),
        ),
        ("/apis/anchorwatch.dev/v1alpha1/clusterdriftpolicies!", Value::Null),
    ]);
    Policies::read(&client, Some("shop")).await.unwrap()
}

fn agent(change: impl FnOnce(&mut Value)) -> BehaviorBaseline {
    let mut child = program("/usr/bin/date", 9, 7);
    child["process"]["parent"] = EVIL.into();
    let entries = [
        with(
            program(EVIL, 1, 1),
            json!({"id": "0", "state": "Quarantined", "rule": "process-outside-baseline"}),
        ),
        child,
        program("/usr/bin/python3", 9, 7),
    ];
    let mut object = baseline("Deployment", "agent", &entries);
    // Every hour of the six days before 2026-01-07T00:00Z, which is hour 491,040.
    object["status"]["containers"][0]["feeds"][0]["observed"] = json!({"last": 491_039, "bits": "f".repeat(36)});
    change(&mut object);
    serde_json::from_value(object).unwrap()
}

async fn report(mode: &str, findings: &[Value], change: impl FnOnce(&mut Value)) -> Report {
    let facts = Facts {
        baselines: vec![agent(change)],
        alerts: vec![alert(findings)],
        policies: policies(mode).await,
    };
    let now = "2026-01-07T00:00:00Z".parse().unwrap();
    Report::of(&facts, Some("shop"), SignedDuration::from_hours(7 * 24), now)
}

const PROCESS: &str = "process-outside-baseline";

#[tokio::test]
async fn a_workload_is_recommended_for_alerting_only_where_normal_is_known_and_all_is_decided() {
    let low = finding("a", PROCESS, "Low", "Observed", "x");
    let many: Vec<Value> = ["a", "b", "c"]
        .map(|id| finding(id, PROCESS, "Low", "Observed", "x"))
        .into();
    let grave = finding("a", "fileless-execution", "High", "Open", "x");
    let closed = finding("a", PROCESS, "Medium", "Dismissed", "x");
    let state = |state: &'static str| move |object: &mut Value| object["status"]["state"] = state.into();
    let nothing = |_: &mut Value| {};
    let lossy = |object: &mut Value| {
        object["status"]["containers"][0]["feeds"][0]["lossy"] = json!({"last": 491_039, "bits": "f".repeat(6)});
    };
    let verdict = |report: Report| report.workloads[0].recommendation.clone();
    for (expected, found) in [
        (Verdict::Alert, verdict(report("Observe", &[], nothing).await)),
        (
            Verdict::Alert,
            verdict(report("Observe", std::slice::from_ref(&low), nothing).await),
        ),
        (
            Verdict::Alert,
            verdict(report("Observe", std::slice::from_ref(&closed), nothing).await),
        ),
        (Verdict::Review, verdict(report("Observe", &many, nothing).await)),
        (
            Verdict::Review,
            verdict(report("Observe", std::slice::from_ref(&grave), state("Learning")).await),
        ),
        (Verdict::Wait, verdict(report("Observe", &[], state("Learning")).await)),
        (
            Verdict::Wait,
            verdict(report("Observe", &[], state("Provisional")).await),
        ),
        (Verdict::Wait, verdict(report("Observe", &[], lossy).await)),
        (Verdict::Alerting, verdict(report("Alert", &[closed], nothing).await)),
        (Verdict::Review, verdict(report("Alert", &[low], nothing).await)),
        (
            Verdict::Wait,
            verdict(report("Observe", &[], |object| object["status"]["podLabels"] = json!({})).await),
        ),
    ] {
        assert_eq!(found.verdict, expected, "{}", found.reason);
    }
}

#[tokio::test]
async fn what_was_raised_by_the_week_stands_beside_what_was_expected() {
    let findings = ["a", "b"].map(|id| finding(id, PROCESS, "Low", "Observed", "x"));
    let report = report("Observe", &findings, |object| {
        let feed = &mut object["status"]["containers"][0]["feeds"][0];
        feed["commands"] =
            json!({"learned": 40, "scorable": true, "alphaMillionths": 50_000, "expectedInHundredWeeks": 20, "raised": 0});
        feed["startedAt"] = "2026-01-01T00:00:00Z".into();
    })
    .await;
    let Rate {
        expected_per_week,
        raised_per_week,
    } = report.workloads[0].rate;
    // 1.3 new ones and 0.2 by chance; two in six days and the hour that has just begun.
    let near = |rate: Option<f64>, wanted: f64| rate.is_some_and(|rate| (rate - wanted).abs() < 1e-9);
    assert!(near(expected_per_week, 1.5), "{expected_per_week:?}");
    assert!(near(raised_per_week, 2.0 / 145.0 * 168.0), "{raised_per_week:?}");
    assert!(markdown::text(&report).contains("| 1.5 | 2.3 | 2 | 2 |"));
    assert!(html::page(&report).contains("<td class=\"n\">1.5</td>"));
}

#[tokio::test]
async fn noise_is_counted_by_rule_and_commands_accept_what_is_not_grave() {
    let findings = [
        finding("a", PROCESS, "Low", "Observed", "x"),
        finding("b", PROCESS, "Medium", "Dismissed", "x"),
        finding("c", "fileless-execution", "High", "Open", "x"),
    ];
    let report = report("Observe", &findings, |_| {}).await;
    let workload = &report.workloads[0];
    let noise: Vec<_> = workload
        .noise
        .iter()
        .map(|noise| (noise.rule.as_str(), noise.findings, noise.undecided))
        .collect();
    assert_eq!(noise, [(PROCESS, 2, 1), ("fileless-execution", 1, 1)]);
    assert_eq!(
        workload.commands,
        [
            "kubectl drift show deployment-agent-1 -n shop",
            "kubectl drift accept deployment-agent-1 -n shop --finding aaaaaaaa --reason 'reviewed'",
        ]
    );
}

#[tokio::test]
async fn a_week_is_told_day_by_day_with_what_was_watched() {
    let report = report("Observe", &[], |_| {}).await;
    let workload = &report.workloads[0];
    let days: Vec<_> = workload
        .days
        .iter()
        .map(|day| (day.date.as_str(), day.new, day.raised, day.observed_hours))
        .collect();
    assert_eq!(days.len(), 8);
    assert_eq!(days[1], ("2026-01-01", 2, 1, 24));
    assert_eq!(days[7], ("2026-01-07", 0, 0, 0));
    let feed = &workload.coverage[0];
    assert_eq!((feed.hours, feed.observed_hours, feed.lossy_hours), (145, 144, 0));
}

#[tokio::test]
async fn no_name_is_more_than_text_on_the_page_and_in_markdown() {
    let evil = finding("a", PROCESS, "Low", "Observed", EVIL);
    let report = report("Observe", &[evil], |_| {}).await;
    let page = html::page(&report);
    for marks in ["<script", "\" onload=", "\u{1b}", "\u{202e}", "</title></td>"] {
        assert!(!page.contains(marks), "{marks:?} is in\n{page}");
    }
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=x"),
        "{page}"
    );
    assert!(
        !page.contains("http://") && !page.contains("https://") && !page.contains("src="),
        "{page}"
    );
    let text = markdown::text(&report);
    for marks in ["<script", "![x](y)", "\u{1b}", "\n# z"] {
        assert!(!text.contains(marks), "{marks:?} is in\n{text}");
    }
}

#[tokio::test]
async fn alerts_of_a_workload_whose_baseline_is_gone_are_told_too() {
    let facts = Facts {
        alerts: vec![alert(&[finding("a", PROCESS, "Low", "Observed", "x")])],
        ..Facts::default()
    };
    let now = "2026-01-07T00:00:00Z".parse().unwrap();
    let report = Report::of(&facts, None, SignedDuration::from_hours(7 * 24), now);
    assert_eq!((report.workloads.len(), report.workloads[0].findings.len()), (1, 1));
    let later = "2026-03-07T00:00:00Z".parse().unwrap();
    assert!(
        Report::of(&facts, None, SignedDuration::from_hours(24), later)
            .workloads
            .is_empty()
    );
}

#[test]
fn an_empty_report_says_so() {
    let report = Report::of(
        &Facts::default(),
        None,
        SignedDuration::from_hours(24),
        Timestamp::UNIX_EPOCH,
    );
    assert!(html::page(&report).contains("Nothing was observed here yet."));
    assert!(markdown::text(&report).ends_with("Nothing was observed here yet.\n"));
}

#[test]
fn a_period_is_hours_days_or_weeks() {
    let hours = |text: &str| period(text).map(|period| period.as_hours());
    assert_eq!((hours("24h"), hours("7d"), hours("2w")), (Ok(24), Ok(168), Ok(336)));
    for nonsense in ["", "d", "0h", "-1d", "43d", "7", "7m", "9223372036854775807w", "7ü"] {
        assert!(period(nonsense).is_err(), "{nonsense}");
    }
}
