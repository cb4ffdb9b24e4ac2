//! A workload's alerts as one report: a pure function of them.

use std::cmp::Reverse;

use anchorwatch_core::id::{WorkloadKey, object_name};
use anchorwatch_crds::v1alpha1::{DriftAlert, DriftAlertStatus};
use kube::{ResourceExt, api::DynamicObject};
use serde_json::{Map, Value, json};

use super::{
    form::Form,
    outcome::{Outcome, gravity},
};
use crate::world::resolve::Workload;

/// Who writes reports, as their readers filter by.
const SOURCE: &str = "anchorwatch";
/// By what the operator's reports are found.
pub const SELECTOR: &str = "app.kubernetes.io/managed-by=anchorwatch-operator";
/// Most results of a report: what asks for somebody first, then the graver, then the newer. An alert takes about a kilobyte.
pub const MAX_RESULTS: usize = 200;
/// How many alerts more there are than results.
const LEFT_OUT: &str = "anchorwatch.dev/left-out";

/// The object with which a report goes: the workload's baseline.
#[derive(Clone, Debug)]
pub struct Owner {
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
}

/// Name of a workload's report.
pub fn name_of(workload: &WorkloadKey) -> String {
    object_name("anchorwatch", &object_name(&workload.kind, &workload.name, None), None)
}

/// Whose a report is.
pub fn workload_of(report: &DynamicObject) -> Option<WorkloadKey> {
    let scope = &report.data["scope"];
    Some(WorkloadKey::new(
        report.namespace()?,
        scope["kind"].as_str()?,
        scope["name"].as_str()?,
    ))
}

/// The report of a workload; none without an alert.
pub fn report(form: &Form, workload: &WorkloadKey, alerts: &[&DriftAlert], owner: Option<&Owner>) -> Option<Value> {
    let mut told: Vec<(&DriftAlert, &DriftAlertStatus)> = alerts
        .iter()
        .filter_map(|alert| Some((*alert, alert.status.as_ref()?)))
        .collect();
    if told.is_empty() {
        return None;
    }
    told.sort_by_key(|(alert, status)| {
        let newest = status.last_seen.as_ref().map(|time| time.0);
        let order = (Outcome::of(status.state).order(), gravity(status.severity).0, newest);
        (Reverse(order), alert.name_any())
    });
    let left_out = told.len().saturating_sub(MAX_RESULTS);
    told.truncate(MAX_RESULTS);
    let mut report = json!({
        "apiVersion": form.resource.api_version,
        "kind": form.resource.kind,
        "metadata": metadata(workload, left_out, owner),
        "scope": scope(workload),
        "summary": summary(&told),
        "results": told.iter().map(|(alert, status)| result(alert, status)).collect::<Vec<_>>(),
    });
    if form.has_source {
        report["source"] = json!(SOURCE);
    }
    Some(report)
}

fn metadata(workload: &WorkloadKey, left_out: usize, owner: Option<&Owner>) -> Value {
    let mut metadata = json!({
        "name": name_of(workload),
        "namespace": workload.namespace,
        "labels": {"app.kubernetes.io/managed-by": "anchorwatch-operator"},
    });
    if left_out > 0 {
        metadata["annotations"] = json!({LEFT_OUT: left_out.to_string()});
    }
    if let Some(Owner { name, uid }) = owner {
        metadata["ownerReferences"] = json!([{
            "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "BehaviorBaseline", "name": name, "uid": uid,
        }]);
    }
    metadata
}

fn scope(workload: &WorkloadKey) -> Value {
    let mut scope = json!({"kind": workload.kind, "name": workload.name});
    let api_version = Workload::of_the_past(workload.clone()).api_version;
    if !api_version.is_empty() {
        scope["apiVersion"] = json!(api_version);
    }
    if !matches!(workload.kind.as_str(), "Namespace" | "Node") {
        scope["namespace"] = json!(workload.namespace);
    }
    scope
}

fn summary(told: &[(&DriftAlert, &DriftAlertStatus)]) -> Value {
    let mut summary = Map::new();
    for outcome in Outcome::ALL {
        let count = told
            .iter()
            .filter(|(_, status)| Outcome::of(status.state) == outcome)
            .count();
        summary.insert(outcome.name().to_owned(), json!(count));
    }
    summary.into()
}

fn result(alert: &DriftAlert, status: &DriftAlertStatus) -> Value {
    let lead = status.findings.iter().find(|finding| finding.state == status.state);
    let seen = status.first_seen.as_ref().map_or(0, |time| time.0.as_second());
    let mut properties = json!({
        "alert": alert.name_any(),
        "state": format!("{:?}", status.state),
        "container": status.container,
        "findings": status.findings.len().to_string(),
        "count": status.count.to_string(),
        "pods": status.pods.to_string(),
    });
    if let Some(rollout) = &status.rollout {
        properties["rollout"] = json!(rollout);
    }
    json!({
        "source": SOURCE,
        "policy": if status.policy.is_empty() { SOURCE } else { &status.policy },
        "rule": lead.or(status.findings.first()).map_or("", |finding| &finding.rule),
        "category": "Runtime drift",
        "severity": gravity(status.severity).1,
        "timestamp": {"seconds": seen, "nanos": 0},
        "result": Outcome::of(status.state).name(),
        "scored": true,
        "message": status.summary,
        "properties": properties,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::drift_alert;

    fn alert(number: u32, severity: &str, state: &str) -> DriftAlert {
        serde_json::from_value(drift_alert(number, severity, state)).unwrap()
    }

    fn workload() -> WorkloadKey {
        WorkloadKey::new("shop", "Deployment", "agent")
    }

    fn told(form: &Form, alerts: &[DriftAlert]) -> Option<Value> {
        let alerts: Vec<&DriftAlert> = alerts.iter().collect();
        let owner = Owner {
            name: "deployment-agent".into(),
            uid: "u1".into(),
        };
        report(form, &workload(), &alerts, Some(&owner))
    }

    #[test]
    fn a_report_says_of_each_alert_what_is_to_be_done() {
        let report = told(&Form::open_reports(), &[alert(1, "High", "Escalated")]).unwrap();
        assert_eq!(
            report,
            json!({
                "apiVersion": "openreports.io/v1alpha1", "kind": "Report", "source": "anchorwatch",
                "metadata": {
                    "name": "anchorwatch-deployment-agent", "namespace": "shop",
                    "labels": {"app.kubernetes.io/managed-by": "anchorwatch-operator"},
                    "ownerReferences": [{
                        "apiVersion": "anchorwatch.dev/v1alpha1", "kind": "BehaviorBaseline", "name": "deployment-agent",
                        "uid": "u1",
                    }],
                },
                "scope": {"apiVersion": "apps/v1", "kind": "Deployment", "namespace": "shop", "name": "agent"},
                "summary": {"pass": 0, "fail": 1, "warn": 0, "error": 0, "skip": 0},
                "results": [{
                    "source": "anchorwatch", "policy": "shop/agent", "rule": "", "category": "Runtime drift",
                    "severity": "high", "timestamp": {"seconds": 100, "nanos": 0}, "result": "fail", "scored": true,
                    "message": "a shell",
                    "properties": {
                        "alert": "deployment-agent-1", "state": "Escalated", "container": "app", "findings": "0",
                        "count": "4", "pods": "2",
                    },
                }],
            })
        );
        let object: DynamicObject = serde_json::from_value(report).unwrap();
        assert_eq!(workload_of(&object), Some(workload()));
        assert_eq!(told(&Form::open_reports(), &[]), None);
    }

    #[test]
    fn the_older_form_names_its_source_by_result_alone() {
        let report = told(&Form::policy_report(), &[alert(1, "Low", "Open")]).unwrap();
        assert_eq!(
            (&report["kind"], &report["source"]),
            (&json!("PolicyReport"), &Value::Null)
        );
        assert_eq!(report["results"][0]["source"], "anchorwatch");
    }

    #[test]
    fn every_state_has_its_result_and_what_asks_for_somebody_comes_first() {
        let states = [
            "Resolved",
            "Suppressed",
            "Denied",
            "Observed",
            "Open",
            "Accepted",
            "Correlating",
            "Dismissed",
            "PendingReview",
            "Escalated",
        ];
        let alerts: Vec<DriftAlert> = (1..)
            .zip(states)
            .map(|(number, state)| alert(number, "Low", state))
            .collect();
        let report = told(&Form::open_reports(), &alerts).unwrap();
        let results = report["results"].as_array().unwrap();
        let results: Vec<&str> = results.iter().filter_map(|result| result["result"].as_str()).collect();
        assert_eq!(
            results,
            [
                "fail", "fail", "fail", "warn", "warn", "skip", "pass", "pass", "pass", "pass"
            ]
        );
        assert_eq!(
            report["summary"],
            json!({"pass": 4, "fail": 3, "warn": 2, "error": 0, "skip": 1})
        );
    }

    #[test]
    fn a_report_is_bounded_keeps_the_gravest_and_says_how_many_it_leaves_out() {
        let mut alerts: Vec<DriftAlert> = (0..300).map(|number| alert(number, "Low", "Open")).collect();
        alerts.push(alert(300, "High", "Open"));
        let report = told(&Form::open_reports(), &alerts).unwrap();
        assert_eq!(report["results"].as_array().unwrap().len(), MAX_RESULTS);
        assert_eq!(report["results"][0]["severity"], "high");
        assert_eq!(report["metadata"]["annotations"][LEFT_OUT], "101");
        assert!(serde_json::to_vec(&report).unwrap().len() < 512 * 1_024);
    }
}
