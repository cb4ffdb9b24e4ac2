//! What happened to an alert, as log pipelines read it: one JSON object a line, whose form is versioned.
//!
//! It says no more than `kubectl get driftalert` does, and less where people wrote freely: the reasons of decisions stay in the
//! object. Command lines are in it only as they left the node, redacted and templated.

use serde::Serialize;

use super::{Alert, AlertState, Decision};
use crate::{
    id::{ContainerName, FindingId, WorkloadKey},
    rules::Rule,
    severity::Severity,
    time::Timestamp,
};

/// Version of the form. Fields may be added within it; what is there keeps its name and meaning.
pub const SCHEMA: &str = "anchorwatch.dev/alert-transition/v1";
/// Most findings that a line names, the most urgent first.
pub const MAX_NAMED: usize = 16;

/// What happened to an alert.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct Transition {
    /// Version of this form: `anchorwatch.dev/alert-transition/v1`.
    pub schema: &'static str,
    /// When the operator wrote it.
    pub time: Timestamp,
    /// What happened.
    pub change: Change,
    /// Namespace of the DriftAlert.
    pub namespace: String,
    /// Name of the DriftAlert.
    pub alert: String,
    /// What it is about, as `namespace/Kind/name`.
    pub workload: WorkloadKey,
    /// Its container. Empty where it is about no container.
    pub container: ContainerName,
    /// The policy that asked for it.
    pub policy: String,
    /// State before, where it was another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<AlertState>,
    /// State now.
    pub state: AlertState,
    /// Severity now.
    pub severity: Severity,
    /// The finding that speaks for it, in one sentence.
    pub summary: String,
    /// How often its findings were seen.
    pub count: u64,
    /// Number of different pods that show it, at least.
    pub pods: u32,
    /// When its first finding was first seen.
    pub first_seen: Timestamp,
    /// When its last finding was last seen.
    pub last_seen: Timestamp,
    /// Name of the RolloutRecord that explains it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollout: Option<String>,
    /// Number of its findings.
    pub findings: usize,
    /// Its findings, at most 16, the most urgent first.
    pub named: Vec<NamedFinding>,
}

/// A finding as a line names it.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct NamedFinding {
    /// Its id, by which it is decided about: 32 hexadecimal digits.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub id: FindingId,
    /// Id of the rule that raised it.
    pub rule: &'static str,
    /// Ids of MITRE ATT&CK techniques that the rule is about.
    pub techniques: Vec<&'static str>,
    /// Its state.
    pub state: AlertState,
    /// Its severity.
    pub severity: Severity,
    /// What somebody decided about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Who decided, by the name that the API server knows them by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// Name of the alert in which it was closed before, where it came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recurs: Option<String>,
}

/// What happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It was made.
    Raised,
    /// Its state, its severity, its findings or what was decided about one differ. What is only counted up is told by no
    /// line.
    Changed,
    /// It was deleted: closed for as long as it is kept, or without room beside graver ones.
    Deleted,
}

impl Transition {
    /// What happened between two times to an alert; none where that is nothing that a line tells.
    pub fn between(before: Option<&Alert>, after: Option<&Alert>, time: Timestamp) -> Option<Self> {
        match (before, after) {
            (None, None) => None,
            (None, Some(after)) => Some(Self::of(Change::Raised, None, after, time)),
            (Some(before), None) => Some(Self::of(Change::Deleted, None, before, time)),
            (Some(before), Some(after)) => {
                let from = Some(before.state).filter(|state| *state != after.state);
                let differs = tells(before) != tells(after);
                differs.then(|| Self::of(Change::Changed, from, after, time))
            }
        }
    }

    fn of(change: Change, from: Option<AlertState>, alert: &Alert, time: Timestamp) -> Self {
        let mut findings: Vec<_> = alert.findings.iter().collect();
        findings.sort_by_key(|finding| std::cmp::Reverse((finding.state.urgency(), finding.severity)));
        let named = findings.iter().take(MAX_NAMED).map(|finding| NamedFinding {
            id: finding.id,
            rule: finding.rule.id(),
            techniques: techniques(finding.rule),
            state: finding.state,
            severity: finding.severity,
            decision: finding.decided.as_ref().map(|decided| decided.decision),
            decided_by: finding.decided.as_ref().map(|decided| decided.by.clone()),
            recurs: finding.recurs.clone(),
        });
        Self {
            schema: SCHEMA,
            time,
            change,
            namespace: alert.workload.namespace.clone(),
            alert: alert.name.clone(),
            workload: alert.workload.clone(),
            container: alert.container.clone(),
            policy: alert.policy.clone(),
            from,
            state: alert.state,
            severity: alert.severity,
            summary: alert.summary.clone(),
            count: alert.count,
            pods: alert.pods,
            first_seen: alert.first_seen,
            last_seen: alert.last_seen,
            rollout: alert.rollout.clone(),
            findings: alert.findings.len(),
            named: named.collect(),
        }
    }
}

/// What of an alert is told when it differs.
fn tells(alert: &Alert) -> impl PartialEq + '_ {
    let findings = alert.findings.iter().map(|finding| {
        let decided = finding.decided.as_ref().map(|decided| (decided.decision, &decided.by));
        (finding.id, finding.rule, finding.state, finding.severity, decided)
    });
    (alert.state, alert.severity, findings.collect::<Vec<_>>())
}

fn techniques(rule: Rule) -> Vec<&'static str> {
    rule.page().techniques.iter().map(|technique| technique.id).collect()
}

/// The schema of a line, in JSON Schema 2020-12.
#[cfg(feature = "schema")]
pub fn schema() -> serde_json::Value {
    use serde_json::json;
    let mut schema = schemars::schema_for!(Transition).to_value();
    schema["title"] = json!("Anchorwatch: what happened to an alert");
    schema["properties"]["schema"]["const"] = json!(SCHEMA);
    schema["$defs"]["NamedFinding"]["properties"]["rule"]["enum"] = json!(Rule::ALL.map(Rule::id));
    schema
}

#[cfg(test)]
#[cfg(feature = "schema")]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn keys(object: &Value) -> BTreeSet<String> {
        object.as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn the_schema_has_exactly_the_fields_that_lines_have() {
        let line = Transition {
            schema: SCHEMA,
            time: Timestamp::from_secs(0),
            change: Change::Changed,
            namespace: "shop".into(),
            alert: "deployment-agent-1".into(),
            workload: WorkloadKey::new("shop", "Deployment", "agent"),
            container: ContainerName::new("app"),
            policy: "shop/agent".into(),
            from: Some(AlertState::Open),
            state: AlertState::Accepted,
            severity: Severity::Medium,
            summary: "it".into(),
            count: 1,
            pods: 1,
            first_seen: Timestamp::from_secs(0),
            last_seen: Timestamp::from_secs(0),
            rollout: Some("deployment-agent-1".into()),
            findings: 1,
            named: vec![NamedFinding {
                id: crate::testkit::shell().id(),
                rule: Rule::ALL[0].id(),
                techniques: techniques(Rule::ALL[0]),
                state: AlertState::Accepted,
                severity: Severity::Medium,
                decision: Some(Decision::Accept),
                decided_by: Some("alice".into()),
                recurs: Some("deployment-agent-0".into()),
            }],
        };
        let line = serde_json::to_value(&line).unwrap();
        let schema = schema();
        assert_eq!(keys(&schema["properties"]), keys(&line));
        assert_eq!(
            keys(&schema["$defs"]["NamedFinding"]["properties"]),
            keys(&line["named"][0])
        );
        assert_eq!(schema["properties"]["schema"]["const"], line["schema"]);
    }
}
