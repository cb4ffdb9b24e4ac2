//! What a report says: a function of what the cluster holds and the time. Renderers add nothing to it.

use std::collections::BTreeMap;

use anchorwatch_convert::{feed_to_crd, from_clock};
use anchorwatch_core::{
    baseline::{Baseline, HourSet},
    behaviour::Feed,
    rules::Rule,
};
use anchorwatch_crds::v1alpha1::{
    AlertState, BaselineLoss, BaselineState, BehaviorBaseline, BehaviorBaselineSpec, DriftAlert, FeedName, Finding,
    Mode, Severity, WorkloadReference,
};
use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;
use serde::Serialize;

use super::{
    days::{Day, days},
    fetch::Facts,
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

/// How much of the period a feed watched.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Coverage {
    pub container: String,
    pub feed: FeedName,
    pub state: BaselineState,
    /// Hours of the period since the feed began.
    pub hours: u32,
    /// Those in which a pod was observed.
    pub observed_hours: u32,
    /// Those of them in which sensors lost something.
    pub lossy_hours: u32,
    /// What was lost, since the baseline began.
    pub losses: Vec<BaselineLoss>,
}

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

fn findings(alerts: &[&DriftAlert], since: Timestamp) -> Vec<FindingLine> {
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

fn noise(findings: &[FindingLine]) -> Vec<Noise> {
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
fn commands(namespace: &str, findings: &[FindingLine]) -> Vec<String> {
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
    let mut seen = std::collections::BTreeSet::new();
    commands.retain(|command| seen.insert(command.clone()));
    commands
}

fn coverage(known: &Known, learned: &Baseline, since: Timestamp, now: Timestamp) -> Vec<Coverage> {
    let status = known.object.status.iter();
    let containers = status.flat_map(|status| &status.containers);
    let feeds = containers.flat_map(|container| container.feeds.iter().map(move |feed| (container, feed)));
    let of = |(container, feed): (
        &anchorwatch_crds::v1alpha1::ContainerBaseline,
        &anchorwatch_crds::v1alpha1::FeedBaseline,
    )| {
        let is_it = |(name, held, _): &(&anchorwatch_core::id::ContainerName, Feed, _)| {
            name.as_str() == container.name && feed_to_crd(*held) == feed.feed
        };
        let (_, _, held) = learned.feeds().find(is_it)?;
        let first = from_clock(since.max(feed.started_at.0)).hour();
        let last = from_clock(now).hour();
        let observed = held.hours.recent.count_without(&HourSet::NONE, first, last);
        Some(Coverage {
            container: container.name.clone(),
            feed: feed.feed,
            state: feed.state,
            hours: u32::try_from(last.0 - first.0 + 1).unwrap_or(0),
            observed_hours: observed,
            lossy_hours: observed - held.hours.recent.count_without(&held.lossy, first, last),
            losses: feed.losses.clone(),
        })
    };
    feeds.filter_map(of).collect()
}
