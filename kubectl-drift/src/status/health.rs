//! Whether that is well: a function of what the cluster says and the time.

use std::collections::{BTreeMap, BTreeSet};

use anchorwatch_crds::v1alpha1::{BaselineState, FeedName, HookReport, Loss, Mode, SensorReport};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::{coordination::v1::Lease, core::v1::Node};
use kube::ResourceExt;
use serde::Serialize;

use super::fetch::Facts;

/// How old an operator's lease may be: it renews every ten seconds, and loses it after thirty.
const LEASE: SignedDuration = SignedDuration::from_secs(30);
/// How long a report may wait for its acknowledgement.
const BEHIND: SignedDuration = SignedDuration::from_mins(2);
/// How long a sensor may be silent: each hour in which it observes a container is reported within that hour and some
/// minutes more.
const SILENT: SignedDuration = SignedDuration::from_mins(150);

const FEEDS: [FeedName; 3] = [FeedName::Process, FeedName::Network, FeedName::Module];

/// How Anchorwatch is.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Health {
    /// Whether nothing is wrong.
    pub healthy: bool,
    /// What is wrong.
    pub wrong: Vec<String>,
    /// What is worth knowing, and no fault.
    pub notes: Vec<String>,
    /// Who holds the operator's lease.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    pub sensors: Vec<Sensor>,
    pub policies: Vec<PolicyView>,
    /// Number of workloads by how complete their baselines are.
    pub workloads: BTreeMap<String, usize>,
    /// Workloads that no policy selects, as `namespace/Kind/name`.
    pub without_policy: Vec<String>,
    /// Workloads of which sensors lost something within the window.
    pub with_losses: Vec<String>,
}

/// A sensor.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Sensor {
    pub node: String,
    /// Seconds since its newest report was closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<i64>,
    /// Seconds that its newest report waits for its acknowledgement; 0 where it is acknowledged.
    pub behind_seconds: i64,
    /// How each feed is watched: the best hook of it that works, in a word.
    pub feeds: BTreeMap<FeedName, &'static str>,
    pub hooks: Vec<HookReport>,
    /// What was lost between its last two reports.
    pub losses: Vec<Loss>,
    /// How often its outbox began anew.
    pub epochs: i64,
    /// Behaviours that named a pod of another node.
    pub rejected: i64,
}

/// A policy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PolicyView {
    pub name: String,
    pub mode: Mode,
    /// Number of workloads that it holds for.
    pub workloads: usize,
    pub accepted: bool,
}

pub(super) fn assess(facts: &Facts, now: Timestamp) -> Health {
    let mut found = Found::default();
    let operator = operator(facts.lease.as_ref(), now, &mut found);
    let sensors: Vec<Sensor> = facts
        .reports
        .iter()
        .map(|report| sensor(report, now, &mut found))
        .collect();
    nodes(facts.nodes.as_deref(), &sensors, &mut found);
    let (policies, without_policy) = policies(facts, &mut found);
    let mut workloads = BTreeMap::new();
    for state in [
        BaselineState::Learning,
        BaselineState::Provisional,
        BaselineState::Enforcing,
    ] {
        workloads.insert(format!("{state:?}"), 0);
    }
    let mut with_losses = Vec::new();
    for known in &facts.workloads {
        let status = known.object.status.clone().unwrap_or_default();
        *workloads.entry(format!("{:?}", status.state)).or_default() += 1;
        let mut conditions = status.conditions.iter();
        if conditions.any(|condition| condition.type_ == "LossObserved" && condition.status == "True") {
            with_losses.push(known.key.to_string());
        }
    }
    Health {
        healthy: found.wrong.is_empty(),
        wrong: found.wrong,
        notes: found.notes,
        operator,
        sensors,
        policies,
        workloads,
        without_policy,
        with_losses,
    }
}

/// What there is to say.
#[derive(Default)]
struct Found {
    wrong: Vec<String>,
    notes: Vec<String>,
}

fn operator(lease: Option<&Lease>, now: Timestamp, found: &mut Found) -> Option<String> {
    let spec = lease.and_then(|lease| lease.spec.as_ref());
    let holder = spec
        .and_then(|spec| spec.holder_identity.clone())
        .filter(|holder| !holder.is_empty());
    let renewed = spec.and_then(|spec| spec.renew_time.as_ref()).map(|time| time.0);
    match (&holder, renewed) {
        (Some(_), Some(renewed)) if now.duration_since(renewed) <= LEASE => {}
        (Some(holder), Some(renewed)) => found.wrong.push(format!(
            "the operator {holder} has not renewed its lease since {renewed}: nothing is merged or decided"
        )),
        (Some(_), None) | (None, _) => found.wrong.push(
            "no operator holds the lease: nothing is merged or decided (--operator-namespace and --lease say where it is)".into(),
        ),
    }
    holder
}

fn sensor(report: &SensorReport, now: Timestamp, found: &mut Found) -> Sensor {
    let node = report.name_any();
    let (spec, status) = (&report.spec, report.status.clone().unwrap_or_default());
    let age = spec.sent_at.as_ref().map(|sent| now.duration_since(sent.0));
    let is_acknowledged = status
        .acknowledged
        .is_some_and(|last| last.epoch == spec.epoch && last.seq >= spec.seq);
    let behind = age.filter(|_| !is_acknowledged).unwrap_or_default();
    if behind > BEHIND {
        let waited = behind.as_secs();
        found.wrong.push(format!(
            "the report of node {node} waits for {waited} s to be taken by the operator"
        ));
    }
    if age.is_some_and(|age| age > SILENT) {
        let silent = age.unwrap_or_default().as_mins();
        found.wrong.push(format!(
            "the sensor of node {node} has been silent for {silent} minutes"
        ));
    }
    for HookReport {
        name, state, reason, ..
    } in &spec.hooks
    {
        match state.as_str() {
            "failed" => found
                .wrong
                .push(format!("on node {node} the hook {name} failed: {reason}")),
            // Nothing that anybody does to Anchorwatch changes it: wrong is only a feed that nothing is left of.
            "unsupported" => found.notes.push(format!(
                "on node {node} the kernel does not have or forbids the hook {name}: {reason}"
            )),
            _ => {}
        }
    }
    let feeds: BTreeMap<_, _> = FEEDS.map(|feed| (feed, watched(&spec.hooks, feed))).into();
    for (feed, how) in feeds.iter().filter(|(_, how)| **how == NOT) {
        let feed = format!("{feed:?}").to_lowercase();
        found.wrong.push(format!(
            "on node {node} the {feed} feed is {how}: nothing is seen of it"
        ));
    }
    if status.rejected > 0 {
        let rejected = status.rejected;
        found.notes.push(format!(
            "{rejected} behaviours that node {node} reported named pods of other nodes, and were refused"
        ));
    }
    Sensor {
        node,
        age_seconds: age.map(|age| age.as_secs()),
        behind_seconds: behind.as_secs(),
        feeds,
        hooks: spec.hooks.clone(),
        losses: spec.losses.clone(),
        epochs: status.epochs,
        rejected: status.rejected,
    }
}

const NOT: &str = "not watched";

/// How a feed is watched: whether every hook of it is the best one, or another way stands in for one, or some are missing.
fn watched(hooks: &[HookReport], feed: FeedName) -> &'static str {
    let states: BTreeSet<&str> = hooks
        .iter()
        .filter(|hook| hook.feed == feed)
        .map(|hook| hook.state.as_str())
        .collect();
    let works = |state: &&&str| matches!(**state, "attached" | "fallback");
    match (
        states.iter().any(|state| works(&state)),
        states.iter().all(|state| works(&state)),
    ) {
        (false, _) => NOT,
        (true, false) => "in part",
        (true, true) if states.contains("fallback") => "fallback",
        (true, true) => "attached",
    }
}

fn nodes(nodes: Option<&[Node]>, sensors: &[Sensor], found: &mut Found) {
    let Some(nodes) = nodes else {
        found
            .notes
            .push("you may not list nodes: whether each has a sensor is not known".into());
        if sensors.is_empty() {
            found.wrong.push("no sensor reports: nothing is seen".into());
        }
        return;
    };
    let reporting: BTreeSet<&str> = sensors.iter().map(|sensor| sensor.node.as_str()).collect();
    for node in nodes.iter().filter(|node| is_ready(node)) {
        let name = node.name_any();
        if !reporting.contains(name.as_str()) {
            found.wrong.push(format!(
                "node {name} is ready and has no sensor: nothing is seen of what runs there"
            ));
        }
    }
    let known: BTreeSet<String> = nodes.iter().map(ResourceExt::name_any).collect();
    for sensor in sensors.iter().filter(|sensor| !known.contains(&sensor.node)) {
        found.notes.push(format!(
            "there is a report of node {}, which is not there any more",
            sensor.node
        ));
    }
}

fn is_ready(node: &Node) -> bool {
    let conditions = node.status.as_ref().and_then(|status| status.conditions.as_ref());
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|condition| condition.type_ == "Ready" && condition.status == "True")
}

fn policies(facts: &Facts, found: &mut Found) -> (Vec<PolicyView>, Vec<String>) {
    let mut held: BTreeMap<String, usize> = BTreeMap::new();
    let mut without = Vec::new();
    for known in &facts.workloads {
        let labels = known.object.status.as_ref().map(|status| status.pod_labels.clone());
        match facts
            .policies
            .holding(&known.key.namespace, &labels.unwrap_or_default())
        {
            Some(policy) => *held.entry(policy.title()).or_default() += 1,
            None => without.push(known.key.to_string()),
        }
    }
    if !facts.policies.sees_cluster {
        found
            .notes
            .push("you may not list ClusterDriftPolicies: which workloads they hold for is not known".into());
        without.clear();
    }
    let mut views = Vec::new();
    for policy in &facts.policies.policies {
        let (name, refused) = (policy.title(), policy.is_refused());
        for condition in &policy.status.conditions {
            let fails =
                matches!(condition.type_.as_str(), "Accepted" | "ReferencesResolved") && condition.status == "False";
            if fails {
                found.wrong.push(format!("the policy {name}: {}", condition.message));
            }
        }
        let workloads = held.get(&name).copied().unwrap_or(0);
        if workloads == 0 && !refused {
            found.notes.push(format!("the policy {name} holds for no workload"));
        }
        views.push(PolicyView {
            name,
            mode: policy.spec.mode,
            workloads,
            accepted: !refused,
        });
    }
    (views, without)
}
