//! Which alerts are made and changed, as objects. The decisions are the core's.

use std::{collections::BTreeMap, time::Duration};

use anchorwatch_core::alert::{Alert, AlertInput, AlertState, plan_alerts};
use anchorwatch_crds::v1alpha1::{BehaviorApproval, DriftAlert, DriftAlertSpec, DriftAlertStatus};
use jiff::Timestamp;
use kube::runtime::events::EventType;

use super::{denials, fetch::Known};
use crate::convert::{alert_to_crd, from_clock};

/// What is to be done about a workload's alerts.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Alerts to be made, with their status.
    pub create: Vec<NewAlert>,
    /// Alerts whose status changes, with the resourceVersion that this was decided on.
    pub update: Vec<DriftAlert>,
    /// Denials to be made, before the alerts are written.
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
    /// From its first event until now, to the second: a baseline holds no finer times.
    pub delay: Duration,
}

/// What is told in a workload's events.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Announcement {
    /// Whether somebody has to look.
    pub type_: EventType,
    /// What happened.
    pub note: String,
}

/// Plans.
pub fn plan(known: &Known, now: Timestamp) -> Plan {
    let decided = plan_alerts(&AlertInput {
        workload: &known.workload.key,
        baseline: &known.baseline,
        alerts: &known.alerts,
        policy: &known.policy,
        evidence: &known.evidence,
        now: from_clock(now),
    });
    let create = decided.create.iter().map(|alert| NewAlert {
        object: new_object(alert),
        announcement: announcement(alert),
        delay: from_clock(now).since(alert.first_seen),
    });
    let update = decided.update.iter().filter_map(|alert| {
        let before = known.objects.get(&alert.name)?.0.as_ref().ok()?;
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
        denials: decided
            .denials
            .iter()
            .map(|denial| denials::object(&known.workload.key, denial))
            .collect(),
        requeue_after: decided.requeue_after,
        reasons: decided.reasons,
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
