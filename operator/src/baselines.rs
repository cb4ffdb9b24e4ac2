//! A baseline's object: its name, and its status with what people are told about it.

use anchorwatch_core::{
    baseline::{Baseline, Maturity},
    id::{WorkloadKey, object_name},
};
use anchorwatch_crds::v1alpha1::{BehaviorBaseline, BehaviorBaselineSpec, BehaviorBaselineStatus, WorkloadReference};
use jiff::Timestamp;

use crate::{
    conditions::{self, LOSS_OBSERVED, READY, Statement, TRUNCATED},
    convert::baseline_to_crd,
};

/// Largest object that is meant to be, in bytes of JSON.
const INTENDED_BYTES: usize = 256 * 1_024;

/// The workload that a baseline is about.
pub fn workload_of(baseline: &BehaviorBaseline) -> WorkloadKey {
    let workload = &baseline.spec.workload;
    WorkloadKey::new(
        baseline.metadata.namespace.clone().unwrap_or_default(),
        &workload.kind,
        &workload.name,
    )
}

/// Name of a workload's baseline.
pub fn name_of(workload: &WorkloadKey) -> String {
    object_name(&workload.kind, &workload.name, None)
}

/// A workload's new baseline, without anything learned.
pub fn empty(workload: &WorkloadKey) -> BehaviorBaseline {
    let spec = BehaviorBaselineSpec {
        workload: WorkloadReference {
            kind: workload.kind.clone(),
            name: workload.name.clone(),
        },
    };
    let mut baseline = BehaviorBaseline::new(&name_of(workload), spec);
    baseline.metadata.namespace = Some(workload.namespace.clone());
    baseline
}

/// The status that an object is to have for what was learned.
pub fn status_of(object: &BehaviorBaseline, baseline: &Baseline, now: Timestamp) -> BehaviorBaselineStatus {
    let mut status = baseline_to_crd(baseline);
    status.conditions = object
        .status
        .as_ref()
        .map(|status| status.conditions.clone())
        .unwrap_or_default();
    let bytes = serde_json::to_vec(&status).map_or(usize::MAX, |json| json.len());
    let statements = vec![ready(baseline), truncated(baseline, bytes), loss_observed(baseline)];
    conditions::set(&mut status.conditions, statements, object.metadata.generation, now);
    status
}

fn ready(baseline: &Baseline) -> Statement {
    let (holds, reason, message) = match baseline.maturity() {
        Maturity::Learning => (
            false,
            "Learning",
            "it still learns: only what needs no baseline is raised",
        ),
        Maturity::Provisional => (false, "Provisional", "novelty is raised one severity lower"),
        Maturity::Enforcing => (true, "Enforcing", "every container's deviations are raised"),
    };
    Statement {
        type_: READY,
        holds,
        reason,
        message: message.to_owned(),
    }
}

fn truncated(baseline: &Baseline, bytes: usize) -> Statement {
    let overflowed = baseline
        .feeds()
        .map(|(_, _, feed)| feed.overflowed)
        .fold(0, u64::saturating_add);
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

fn loss_observed(baseline: &Baseline) -> Statement {
    let mut losses: Vec<_> = baseline
        .feeds()
        .flat_map(|(_, _, feed)| feed.losses.keys())
        .map(String::as_str)
        .collect();
    losses.sort_unstable();
    losses.dedup();
    if losses.is_empty() {
        Statement {
            type_: LOSS_OBSERVED,
            holds: false,
            reason: "NoLoss",
            message: "no sensor reported a loss on a node of its pods".into(),
        }
    } else {
        Statement {
            type_: LOSS_OBSERVED,
            holds: true,
            reason: "EventsLost",
            message: format!(
                "a sensor on a node of its pods lost events, what it learned may lack something: {}",
                losses.join(", ")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::{behaviour::Feed, time};

    fn baseline(change: impl FnOnce(&mut anchorwatch_core::baseline::FeedBaseline)) -> BehaviorBaselineStatus {
        let mut baseline = Baseline::default();
        change(baseline.feed_mut(&"app".into(), Feed::Process, time::Timestamp::from_secs(0)));
        let object = empty(&WorkloadKey::new("shop", "Deployment", "agent"));
        status_of(&object, &baseline, Timestamp::UNIX_EPOCH)
    }

    fn condition(status: &BehaviorBaselineStatus, type_: &str) -> String {
        let found = status
            .conditions
            .iter()
            .find(|condition| condition.type_ == type_)
            .unwrap();
        format!("{} {}", found.status, found.reason)
    }

    #[test]
    fn a_young_baseline_is_not_ready_and_lacks_nothing() {
        let status = baseline(|_| {});
        assert_eq!(condition(&status, READY), "False Learning");
        assert_eq!(condition(&status, TRUNCATED), "False Complete");
        assert_eq!(condition(&status, LOSS_OBSERVED), "False NoLoss");
    }

    #[test]
    fn a_baseline_says_what_it_lacks() {
        let status = baseline(|feed| {
            feed.maturity = Maturity::Enforcing;
            feed.overflowed = 3;
            feed.losses = [("quota".to_owned(), 1)].into();
        });
        assert_eq!(condition(&status, READY), "True Enforcing");
        assert_eq!(condition(&status, TRUNCATED), "True NoRoom");
        assert_eq!(condition(&status, LOSS_OBSERVED), "True EventsLost");
    }

    #[test]
    fn the_name_says_kind_and_name() {
        assert_eq!(
            name_of(&WorkloadKey::new("shop", "Deployment", "agent")),
            "deployment-agent"
        );
    }
}
