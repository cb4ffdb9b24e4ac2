//! A baseline's status: what was learned, and what people are told about it.

use anchorwatch_core::{
    baseline::{Baseline, Maturity},
    policy::Policy,
    rules::subject,
};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, BehaviorBaselineStatus};
use jiff::Timestamp;

use super::{commands, expectation, losses::loss_observed};
use crate::{
    conditions::{self, GENERALISED, READY, Statement, TRUNCATED},
    convert::baseline_to_crd,
};

/// Largest object that is meant to be, in bytes of JSON.
pub(super) const INTENDED_BYTES: usize = 512 * 1_024;

/// The status that an object is to have for what was learned, under a policy.
pub fn status_of(
    object: &BehaviorBaseline,
    baseline: &Baseline,
    policy: &Policy,
    now: Timestamp,
) -> BehaviorBaselineStatus {
    let mut status = baseline_to_crd(baseline);
    expectation::set(&mut status, baseline, policy);
    commands::set(&mut status, baseline, policy);
    if let Some(before) = &object.status {
        status.conditions.clone_from(&before.conditions);
        status.pod_labels.clone_from(&before.pod_labels);
        status.api_version.clone_from(&before.api_version);
        status.gone_since.clone_from(&before.gone_since);
    }
    let bytes = serde_json::to_vec(&status).map_or(usize::MAX, |json| json.len());
    let statements = vec![
        ready(baseline, policy),
        commands::scorable(baseline, policy),
        generalised(baseline),
        truncated(baseline, bytes),
        loss_observed(baseline, policy.window_days, now),
    ];
    conditions::set(&mut status.conditions, statements, object.metadata.generation, now);
    status
}

fn ready(baseline: &Baseline, policy: &Policy) -> Statement {
    let (holds, reason, message) = match baseline.maturity() {
        _ if baseline.learned() + baseline.quarantined() == 0 => (false, "Empty", "nothing was observed yet"),
        Maturity::Learning => (
            false,
            "Learning",
            "it still learns: only what needs no baseline is raised",
        ),
        Maturity::Provisional => (
            false,
            "Provisional",
            "novelty is raised one severity lower, and waits for review",
        ),
        Maturity::Enforcing => (true, "Enforcing", "every container's deviations are raised"),
    };
    Statement {
        type_: READY,
        holds,
        reason,
        message: format!("{message}; {}", expectation::sentence(baseline, policy)),
    }
}

/// Entries that a condition names.
const NAMED: usize = 3;

fn generalised(baseline: &Baseline) -> Statement {
    let stand_for_others = baseline
        .entries()
        .filter(|(_, _, entry)| entry.generalised && !entry.is_quarantined());
    let mut named =
        stand_for_others.map(|(container, _, entry)| format!("{} (container {container})", subject(&entry.behaviour)));
    let first: Vec<_> = named.by_ref().take(NAMED).collect();
    let more = named.count();
    let (reason, message) = match (first.as_slice(), more) {
        ([], _) => ("AllToldApart", "every behaviour has an entry of its own".to_owned()),
        (first, 0) => (
            "RoomShort",
            format!("each of these stands for many: {}", first.join("; ")),
        ),
        (first, more) => (
            "RoomShort",
            format!("each of these and of {more} more stands for many: {}", first.join("; ")),
        ),
    };
    Statement {
        type_: GENERALISED,
        holds: !first.is_empty(),
        reason,
        message,
    }
}

fn truncated(baseline: &Baseline, bytes: usize) -> Statement {
    let overflowed = baseline.all_overflowed();
    let (holds, reason, message) = if overflowed > 0 {
        let message = format!("no room was left for what was reported {overflowed} times");
        (true, "NoRoom", message)
    } else if bytes > INTENDED_BYTES {
        let message = format!("it takes more than the {INTENDED_BYTES} bytes that a baseline is meant to take");
        (true, "TooLarge", message)
    } else {
        (false, "Complete", "everything that was reported found room".to_owned())
    };
    Statement {
        type_: TRUNCATED,
        holds,
        reason,
        message,
    }
}
