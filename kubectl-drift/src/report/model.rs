//! What a report says: a function of what the cluster holds and the time. Renderers add nothing to it.

use std::collections::BTreeMap;

use anchorwatch_crds::v1alpha1::{
    BaselineState, BehaviorBaseline, BehaviorBaselineSpec, DriftAlert, Mode, WorkloadReference,
};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use serde::Serialize;

use super::{
    coverage::{Coverage, coverage},
    days::{Day, days},
    fetch::Facts,
    findings::{FindingLine, Noise, commands, findings, noise},
    lineage::{Lineage, lineages},
    rate::Rate,
    recommend::{Recommendation, recommend},
};
use crate::workload::Known;

/// A report.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Report {
    pub generated_at: Timestamp,
    pub since: Timestamp,
    /// The namespace; absent for all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// The workloads, those first about which something is to be done.
    pub workloads: Vec<Workload>,
}

/// What is to be said of a workload.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Workload {
    pub namespace: String,
    /// `Kind/name`.
    pub name: String,
    /// The policy that holds for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyLine>,
    pub recommendation: Recommendation,
    pub state: BaselineState,
    /// What that means, in a sentence.
    pub ready: String,
    /// Wall-clock hours in which it was observed, since its baseline began.
    pub hours_observed: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_new_per_week: Option<f64>,
    pub rate: Rate,
    pub learned: usize,
    pub accepted: usize,
    pub quarantined: usize,
    pub coverage: Vec<Coverage>,
    /// What was raised within the period, the gravest first.
    pub findings: Vec<FindingLine>,
    /// What raised most, first.
    pub noise: Vec<Noise>,
    /// What to run about what is undecided.
    pub commands: Vec<String>,
    /// Day by day.
    pub days: Vec<Day>,
    /// What starts what, container by container.
    pub lineages: Vec<Lineage>,
}

/// A policy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyLine {
    pub name: String,
    pub mode: Mode,
}

impl Report {
    pub fn of(facts: &Facts, namespace: Option<&str>, period: SignedDuration, now: Timestamp) -> Self {
        let since = now.checked_sub(period).unwrap_or(Timestamp::MIN);
        let mut alerts: BTreeMap<(String, String, String), Vec<&DriftAlert>> = BTreeMap::new();
        for alert in &facts.alerts {
            let Some(status) = &alert.status else { continue };
            let workload = &status.workload;
            let key = (
                alert.namespace().unwrap_or_default(),
                workload.kind.clone(),
                workload.name.clone(),
            );
            alerts.entry(key).or_default().push(alert);
        }
        let mut workloads = Vec::new();
        for object in &facts.baselines {
            let known = Known::of(object.clone());
            let key = (
                known.key.namespace.clone(),
                known.key.kind.clone(),
                known.key.name.clone(),
            );
            let own = alerts.remove(&key).unwrap_or_default();
            workloads.push(Workload::of(&known, &own, facts, since, now));
        }
        // Alerts outlive the baseline of a workload that is gone.
        for ((namespace, kind, name), own) in alerts {
            let mut object = BehaviorBaseline::new(
                "gone",
                BehaviorBaselineSpec {
                    workload: WorkloadReference { kind, name },
                },
            );
            object.metadata.namespace = Some(namespace);
            let workload = Workload::of(&Known::of(object), &own, facts, since, now);
            if !workload.findings.is_empty() {
                workloads.push(workload);
            }
        }
        workloads.sort_by_cached_key(|workload| {
            let undecided = workload
                .findings
                .iter()
                .filter(|finding| finding.is_undecided())
                .count();
            let urgency = std::cmp::Reverse((workload.recommendation.verdict, undecided));
            (urgency, workload.namespace.clone(), workload.name.clone())
        });
        Self {
            generated_at: now,
            since,
            namespace: namespace.map(str::to_owned),
            workloads,
        }
    }
}

impl Workload {
    fn of(known: &Known, alerts: &[&DriftAlert], facts: &Facts, since: Timestamp, now: Timestamp) -> Self {
        let status = known.object.status.clone().unwrap_or_default();
        let learned = known.learned();
        let policy = facts.policies.holding(&known.key.namespace, &status.pod_labels);
        let policy = policy.map(|policy| PolicyLine {
            name: policy.title(),
            mode: policy.spec.mode,
        });
        let findings = findings(alerts, since);
        let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready");
        let coverage = coverage(known, &learned, since, now);
        let mut workload = Self {
            rate: Rate::of(&status, &coverage, &findings, since),
            namespace: known.key.namespace.clone(),
            name: known.title(),
            policy,
            recommendation: Recommendation::default(),
            state: status.state,
            ready: ready.map_or_else(String::new, |ready| ready.message.clone()),
            hours_observed: status.hours_observed,
            expected_new_per_week: status.expected_new_per_week,
            learned: learned.learned(),
            accepted: learned.accepted(),
            quarantined: learned.quarantined(),
            coverage,
            noise: noise(&findings),
            commands: commands(&known.key.namespace, &findings),
            findings,
            days: days(&learned, since, now),
            lineages: lineages(&learned),
        };
        workload.recommendation = recommend(&workload, since, now);
        workload
    }
}
