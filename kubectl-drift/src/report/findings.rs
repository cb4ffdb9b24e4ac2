//! What was raised within the period, what raised most, and what to run about it.

use std::collections::{BTreeMap, BTreeSet};

use anchorwatch_core::rules::Rule;
use anchorwatch_crds::v1alpha1::{AlertState, DriftAlert, Finding, Severity};
use jiff::Timestamp;
use kube::ResourceExt;
use serde::Serialize;

/// A finding.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FindingLine {
    pub alert: String,
    pub id: String,
    pub rule: String,
    pub severity: Severity,
    pub state: AlertState,
    pub summary: String,
    pub count: i64,
    pub pods: i32,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// Who decided about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
}

impl FindingLine {
    /// Whether somebody still has to decide about it.
    pub const fn is_undecided(&self) -> bool {
        match self.state {
            AlertState::Correlating
            | AlertState::Observed
            | AlertState::Open
            | AlertState::PendingReview
            | AlertState::Escalated => true,
            AlertState::Suppressed
            | AlertState::Accepted
            | AlertState::Dismissed
            | AlertState::Denied
            | AlertState::Resolved => false,
        }
    }

    /// Whether findings of its kind are decided one by one, and never suppressed.
    pub fn is_grave(&self) -> bool {
        let rule = self.rule.parse::<Rule>().ok();
        self.severity >= Severity::High || rule.is_none_or(Rule::never_suppressed)
    }
}

/// What one rule raised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Noise {
    pub rule: String,
    /// The gravest of its findings.
    pub severity: Severity,
    pub findings: usize,
    /// How often they were seen.
    pub count: i64,
    pub undecided: usize,
}

/// The findings of alerts that were seen since then, the gravest of what is undecided first.
pub(super) fn findings(alerts: &[&DriftAlert], since: Timestamp) -> Vec<FindingLine> {
    let mut lines = Vec::new();
    for alert in alerts {
        let findings = alert.status.iter().flat_map(|status| &status.findings);
        for finding in findings.filter(|finding| finding.last_seen.0 >= since) {
            let Finding {
                id,
                rule,
                summary,
                severity,
                state,
                count,
                pods,
                first_seen,
                last_seen,
                decision,
                ..
            } = finding.clone();
            lines.push(FindingLine {
                alert: alert.name_any(),
                id,
                rule,
                severity,
                state,
                summary,
                count,
                pods,
                first_seen: first_seen.0,
                last_seen: last_seen.0,
                decided_by: decision.map(|decision| decision.decided_by),
            });
        }
    }
    lines.sort_by_cached_key(|finding| {
        let weight = std::cmp::Reverse((finding.is_undecided(), finding.severity, finding.last_seen));
        (weight, finding.id.clone())
    });
    lines
}

/// What each rule raised, the noisiest first.
pub(super) fn noise(findings: &[FindingLine]) -> Vec<Noise> {
    let mut rules: BTreeMap<&str, Noise> = BTreeMap::new();
    for finding in findings {
        let noise = rules.entry(&finding.rule).or_insert_with(|| Noise {
            rule: finding.rule.clone(),
            severity: finding.severity,
            findings: 0,
            count: 0,
            undecided: 0,
        });
        noise.severity = noise.severity.max(finding.severity);
        noise.findings += 1;
        noise.count = noise.count.saturating_add(finding.count);
        noise.undecided += usize::from(finding.is_undecided());
    }
    let mut noise: Vec<Noise> = rules.into_values().collect();
    noise.sort_by(|a, b| (b.findings, b.count, &a.rule).cmp(&(a.findings, a.count, &b.rule)));
    noise
}

/// Grave findings are to be looked at; what else is undecided can be accepted, alert by alert. Names of alerts and ids are
/// the operator's own: but a shell must not stumble over one that is not.
pub(super) fn commands(namespace: &str, findings: &[FindingLine]) -> Vec<String> {
    let mut commands = Vec::new();
    for finding in findings.iter().filter(|finding| finding.is_undecided()) {
        let is_plain =
            |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-.".contains(c));
        if ![namespace, &finding.alert, &finding.id].into_iter().all(is_plain) {
            continue;
        }
        commands.push(if finding.is_grave() {
            format!("kubectl drift show {} -n {namespace}", finding.alert)
        } else {
            format!(
                "kubectl drift accept {} -n {namespace} --finding {} --reason 'reviewed'",
                finding.alert,
                &finding.id[..finding.id.len().min(8)]
            )
        });
    }
    let mut seen = BTreeSet::new();
    commands.retain(|command| seen.insert(command.clone()));
    commands
}
