//! Which alerts are made and changed, as objects. The decisions are the core's.

use std::{collections::BTreeMap, time::Duration};

use anchorwatch_core::{
    alert::{Alert, AlertInput, AlertPlan, AlertState, Crowd, LeftOutAlerts, plan_alerts},
    id::WorkloadKey,
};
use anchorwatch_crds::v1alpha1::{BehaviorApproval, DriftAlert, DriftAlertSpec, DriftAlertStatus};
use jiff::Timestamp;
use kube::runtime::events::EventType;

use super::{
    denials,
    fetch::{Known, Objects},
};
use crate::convert::{alert_to_crd, from_clock};

/// What is to be done about a workload's alerts.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Alerts to be made, with their status.
    pub create: Vec<NewAlert>,
    /// Alerts whose status changes, with the resourceVersion that this was decided on.
    pub update: Vec<DriftAlert>,
    /// Alerts to be deleted, as they were when that was decided.
    pub delete: Vec<DriftAlert>,
    /// What found no room.
    pub left_out: Option<LeftOutAlerts>,
    /// Names of alerts of other workloads that lost their room to these.
    pub crowded_out: Vec<String>,
    /// Denials to be made; planned again until they are there.
    pub denials: Vec<BehaviorApproval>,
    /// When to plan again.
    pub requeue_after: Option<Duration>,
    /// Why, a line a decision.
    pub reasons: Vec<String>,
}

/// An alert to be made.
#[derive(Clone, Debug)]
pub struct NewAlert {
    /// The object.
    pub object: DriftAlert,
    /// What is told in the workload's events.
    pub announcement: Announcement,
    /// From its first event until now, to the second: a baseline holds no finer times. None where that says nothing of how
    /// quick we are.
    pub delay: Option<Duration>,
}

/// What is told in a workload's events.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Announcement {
    /// Whether somebody has to look.
    pub type_: EventType,
    /// What happened.
    pub note: String,
}

/// How soon what found no room is planned again: room is made by what is decided about other workloads, too.
pub const LOOK_FOR_ROOM: Duration = Duration::from_mins(1);

/// How long ago what is new may have been seen at most. An outage is a delay; what was there for longer waited for a policy, or
/// is told by a sensor whose clock says anything.
const RECENT: Duration = Duration::from_hours(1);

/// Plans.
pub fn plan(known: &Known, now: Timestamp) -> Plan {
    let decided = plan_alerts(&AlertInput {
        workload: &known.workload.key,
        baseline: &known.baseline,
        alerts: &known.alerts,
        policy: &known.policy,
        evidence: &known.evidence,
        crowd: Crowd {
            others: &known.others,
            left_out: None,
        },
        refused: &known.refused,
        now: from_clock(now),
    });
    let waits = decided.left_out.map(|_| LOOK_FOR_ROOM);
    // What waited for room says nothing of how quick we are.
    let delay = |alert: &Alert| {
        let delay = from_clock(now).since(alert.first_seen);
        (!known.waited && delay <= RECENT).then_some(delay)
    };
    let mut plan = as_objects(&known.workload.key, decided, &known.objects, delay);
    plan.requeue_after = plan.requeue_after.into_iter().chain(waits).min();
    plan
}

/// What was decided, as objects. `delay` is what is told of how long a new alert took.
pub fn as_objects(
    workload: &WorkloadKey,
    decided: AlertPlan,
    objects: &Objects,
    delay: impl Fn(&Alert) -> Option<Duration>,
) -> Plan {
    let AlertPlan {
        create,
        update,
        unchanged: _,
        delete,
        left_out,
        crowded_out,
        denials,
        requeue_after,
        reasons,
    } = decided;
    let held = |name: &str| objects.get(name)?.0.as_ref().ok();
    let create = create.iter().map(|alert| NewAlert {
        object: new_object(alert),
        announcement: announcement(alert),
        delay: delay(alert),
    });
    let update = update.iter().filter_map(|alert| {
        let before = held(&alert.name)?;
        let status = DriftAlertStatus {
            conditions: before
                .status
                .as_ref()
                .map(|status| status.conditions.clone())
                .unwrap_or_default(),
            ..alert_to_crd(alert)
        };
        (before.status.as_ref() != Some(&status)).then(|| DriftAlert {
            status: Some(status),
            ..before.clone()
        })
    });
    Plan {
        create: create.collect(),
        update: update.collect(),
        delete: delete.iter().filter_map(|name| held(name)).cloned().collect(),
        left_out,
        crowded_out,
        denials: denials.iter().map(|denial| denials::object(workload, denial)).collect(),
        requeue_after,
        reasons,
    }
}

fn new_object(alert: &Alert) -> DriftAlert {
    let mut object = DriftAlert::new(&alert.name, DriftAlertSpec::default());
    object.metadata.namespace = Some(alert.workload.namespace.clone());
    object.metadata.labels = Some(labels(alert));
    object.status = Some(alert_to_crd(alert));
    object
}

/// Labels by which people select alerts. What is no value of a label (a name of more than 63 characters) is left out.
fn labels(alert: &Alert) -> BTreeMap<String, String> {
    let labels = [
        ("anchorwatch.dev/kind", alert.workload.kind.as_str()),
        ("anchorwatch.dev/name", alert.workload.name.as_str()),
        ("anchorwatch.dev/container", alert.container.as_str()),
    ];
    let is_value = |value: &str| {
        let ends = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric());
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let bytes = value.as_bytes();
        value.len() <= 63 && ends(bytes.first().copied()) && ends(bytes.last().copied()) && value.bytes().all(inside)
    };
    let valid = labels.into_iter().filter(|(_, value)| is_value(value));
    valid.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn announcement(alert: &Alert) -> Announcement {
    let type_ = match alert.state {
        AlertState::Correlating | AlertState::Open | AlertState::PendingReview | AlertState::Escalated => {
            EventType::Warning
        }
        AlertState::Observed
        | AlertState::Suppressed
        | AlertState::Accepted
        | AlertState::Dismissed
        | AlertState::Denied
        | AlertState::Resolved => EventType::Normal,
    };
    let note = format!(
        "{} ({}, {:?}): see DriftAlert {}",
        alert.summary,
        alert.severity.as_str(),
        alert.state,
        alert.name
    );
    Announcement {
        type_,
        // The API takes 1024 bytes; a character takes up to four.
        note: note.chars().take(250).collect(),
    }
}
