//! Findings as series that an alert manager routes by: whose, by which rule, how grave, and where they stand.
//!
//! Labels are bounded: kinds, rules, severities and states are ours, and of namespaces, which are not, only so many series are
//! told apart. The gravest are, whatever their namespaces; the rest is summed up under no namespace, so that the sums over
//! severity and state always hold.

use std::{cmp::Reverse, collections::BTreeMap};

use anchorwatch_core::rules::Rule;
use anchorwatch_crds::v1alpha1::{AlertState, DriftAlert, Finding, Severity};

/// Kinds of workloads that are told apart; every other is `Other`.
const KINDS: [&str; 10] = [
    "CronJob",
    "DaemonSet",
    "Deployment",
    "Job",
    "Namespace",
    "Node",
    "Pod",
    "ReplicaSet",
    "Rollout",
    "StatefulSet",
];

/// Labels of a series. A scraper puts the operator's own namespace under `namespace`.
pub const LABELS: [&str; 5] = ["workload_namespace", "workload_kind", "rule", "severity", "state"];

/// A series, and what it sorts by: the gravest severity first.
type Series = (Reverse<u8>, [String; 5]);

/// The findings that nobody closed, at most so many series of them by namespace and one more a severity and state. None where
/// none may be told apart.
pub fn of<'a>(alerts: impl Iterator<Item = &'a DriftAlert>, most: usize) -> Vec<([String; 5], i64)> {
    if most == 0 {
        return Vec::new();
    }
    let mut counts: BTreeMap<Series, i64> = BTreeMap::new();
    for alert in alerts {
        let Some(status) = &alert.status else { continue };
        let namespace = alert.metadata.namespace.as_deref().unwrap_or_default();
        for finding in status.findings.iter().filter(|finding| is_open(finding.state)) {
            *counts
                .entry(series(namespace, &status.workload.kind, finding))
                .or_default() += 1;
        }
    }
    let mut told: BTreeMap<[String; 5], i64> = BTreeMap::new();
    for (index, ((_, labels), count)) in counts.into_iter().enumerate() {
        let [_, _, _, severity, state] = &labels;
        let none = String::new;
        let labels = if index < most {
            labels
        } else {
            [none(), none(), none(), severity.clone(), state.clone()]
        };
        *told.entry(labels).or_default() += count;
    }
    told.into_iter().collect()
}

fn series(namespace: &str, kind: &str, finding: &Finding) -> Series {
    let known = KINDS.into_iter().find(|known| *known == kind).unwrap_or("Other");
    // A rule of a newer operator.
    let rule = finding.rule.parse().map_or("other", Rule::id);
    let labels = [
        namespace.to_owned(),
        known.to_owned(),
        rule.to_owned(),
        format!("{:?}", finding.severity),
        format!("{:?}", finding.state),
    ];
    (Reverse(gravity(finding.severity)), labels)
}

const fn gravity(severity: Severity) -> u8 {
    match severity {
        Severity::Info => 0,
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    }
}

const fn is_open(state: AlertState) -> bool {
    match state {
        AlertState::Correlating
        | AlertState::Observed
        | AlertState::Open
        | AlertState::Suppressed
        | AlertState::PendingReview
        | AlertState::Escalated => true,
        AlertState::Accepted | AlertState::Dismissed | AlertState::Denied | AlertState::Resolved => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn alert(namespace: &str, kind: &str, findings: &[(&str, &str, &str)]) -> DriftAlert {
        let findings: Vec<_> = findings
            .iter()
            .map(|(rule, severity, state)| {
                json!({
                    "id": "0".repeat(32), "rule": rule, "feed": "process", "summary": "", "severity": severity, "state": state,
                    "count": 1, "pods": 1, "firstSeen": "2026-01-01T00:00:00Z", "lastSeen": "2026-01-01T00:00:00Z",
                    "process": {"executable": "/bin/sh", "parent": "", "origin": "entrypoint", "source": "image"},
                })
            })
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "DriftAlert",
            "metadata": {"namespace": namespace, "name": "a"}, "spec": {},
            "status": {
                "severity": "Low", "state": "Open", "workload": {"kind": kind, "name": "w"}, "workloadName": "",
                "container": "", "summary": "", "count": 1, "pods": 1, "policy": "", "findings": findings,
            },
        }))
        .unwrap()
    }

    fn told(alerts: &[DriftAlert], most: usize) -> Vec<(String, i64)> {
        let series = of(alerts.iter(), most).into_iter();
        series.map(|(labels, count)| (labels.join(" "), count)).collect()
    }

    #[test]
    fn findings_that_nobody_closed_are_counted_by_whose_they_are_and_where_they_stand() {
        let high = ("fileless-execution", "High", "Escalated");
        let alerts = [
            alert("shop", "Deployment", &[high, high, ("new-listener", "Low", "Accepted")]),
            alert("shop", "Deployment", &[high]),
            alert("bank", "Sandbox", &[("of-tomorrow", "Low", "Open")]),
        ];
        assert_eq!(
            told(&alerts, 9),
            [
                ("bank Other other Low Open".to_owned(), 1),
                ("shop Deployment fileless-execution High Escalated".to_owned(), 3)
            ]
        );
        assert_eq!(told(&alerts, 0), []);
    }

    #[test]
    fn whatever_there_is_no_more_series_are_made_than_may_be_and_the_grave_keep_their_names() {
        let mut alerts: Vec<DriftAlert> = (0..500)
            .map(|number| {
                let low = ("new-listener", "Low", "Open");
                alert(&format!("tenant-{number:03}"), "Deployment", &[low, low])
            })
            .collect();
        alerts.push(alert(
            "zoo",
            "Deployment",
            &[("fileless-execution", "High", "Escalated")],
        ));
        let told = told(&alerts, 10);
        assert_eq!(told.len(), 11);
        assert_eq!(told[0], ("   Low Open".to_owned(), 2 * (500 - 9)));
        assert_eq!(
            told[10],
            ("zoo Deployment fileless-execution High Escalated".to_owned(), 1)
        );
        assert_eq!(told.iter().map(|(_, count)| count).sum::<i64>(), 1_001);
    }
}
