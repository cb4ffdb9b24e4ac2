//! The alert of a namespace whose workloads have more undecided than there is room for alerts.

use std::collections::BTreeMap;

use super::{
    Alert, AlertInput, AlertPlan,
    burst::Bursts,
    plan_alerts,
    room::{Crowd, LeftOutAlerts},
};
use crate::{
    baseline::{Baseline, Entry, EntryState, Lesson, Marks},
    behaviour::{Behaviour, Origin, ProcessParts},
    id::{ContainerName, WorkloadKey},
    policy::{Mode, Policy},
    rare::Rare,
    rollout::Evidence,
    rules::Rule,
    time::Timestamp,
};

/// Kind of the workload that such an alert is about.
pub const KIND: &str = "Namespace";

/// The workload that such an alert is about.
pub fn workload(namespace: &str) -> WorkloadKey {
    WorkloadKey::new(namespace, KIND, namespace)
}

/// Plans it: there is one that is open for as long as anything has no room. Once everything has, it goes, unless people
/// decided about it. An alert of another rule is not of its kind, whatever workload it says that it is about, and is not
/// touched.
pub fn plan_namespace(namespace: &str, left_out: Option<LeftOutAlerts>, alerts: &[Alert], now: Timestamp) -> AlertPlan {
    let alerts: Vec<Alert> = alerts.iter().filter(|alert| counts_left_out(alert)).cloned().collect();
    let alerts = alerts.as_slice();
    let policy = Policy {
        mode: Mode::Alert,
        ..Policy::default()
    };
    let mut plan = plan_alerts(&AlertInput {
        workload: &workload(namespace),
        baseline: &Baseline::default(),
        alerts,
        policy: &policy,
        evidence: &Evidence::default(),
        crowd: Crowd { others: &[], left_out },
        refused: &BTreeMap::new(),
        now,
    });
    if left_out.is_none() {
        let undecided = alerts.iter().filter(|alert| alert.is_untouched());
        let over = undecided.filter(|alert| !alert.state.is_closed() && !plan.delete.contains(&alert.name));
        let over: Vec<String> = over.map(|alert| alert.name.clone()).collect();
        plan.update.retain(|alert| !over.contains(&alert.name));
        plan.unchanged.retain(|name| !over.contains(name));
        plan.delete.extend(over);
    }
    plan
}

/// Whether an alert is of what found no room, and of nothing else.
fn counts_left_out(alert: &Alert) -> bool {
    let mut findings = alert.findings.iter();
    !alert.findings.is_empty() && !alert.partial && findings.all(|finding| finding.rule == Rule::AlertOverflow)
}

/// The entry that stands for what found no room.
pub(super) fn stand_in(left_out: Option<LeftOutAlerts>) -> Bursts {
    let entry = left_out.map(|left_out| {
        let entry = stand_for(left_out);
        ((ContainerName::from(""), entry.behaviour.id()), entry)
    });
    entry.into_iter().collect()
}

fn stand_for(left_out: LeftOutAlerts) -> Entry {
    Entry {
        // A behaviour that nothing shows: there is one of it a namespace.
        behaviour: Behaviour::Process(
            ProcessParts {
                origin: Origin::Entrypoint,
                ..ProcessParts::default()
            }
            .into(),
        ),
        attributes: Rare::default(),
        state: EntryState::Quarantined {
            rule: Rule::AlertOverflow,
        },
        lineage: Vec::new(),
        count: left_out.findings,
        first_seen: left_out.first_seen,
        last_seen: left_out.last_seen,
        days: Marks::NONE,
        pods: 0,
        shown_by: BTreeMap::new(),
        unverified: false,
        snapshot: false,
        provisional: false,
        lesson: Lesson::default(),
        strangeness: None,
        generalised: false,
    }
}
