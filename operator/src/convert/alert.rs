//! Alerts.

use std::collections::BTreeMap;

use anchorwatch_convert::{
    attributes_from_crd, attributes_to_crd, behaviour_from_crd, behaviour_to_crd, feed_from_crd, feed_to_crd,
    from_time, sighting_from_crd, sightings_to_crd, strangeness_from_crd, strangeness_to_crd, to_i32, to_i64, to_time,
    unsigned,
};
use anchorwatch_core::{
    alert::{Alert, AlertState, Decided, DecidedOn, Decision, Disposition, Finding, Outcome, Place},
    behaviour::Feed,
    id::{PodUid, WorkloadKey},
    rollout::{RolloutMatch, RolloutVerdict},
    rules::{self, Rule},
    severity::Severity,
};
use anchorwatch_crds::v1alpha1::{self as crd, DecisionOutcome, DriftAlert, DriftAlertStatus, Loss, WorkloadReference};

/// From an object; none while it has no status: between its creation and the first write of its status it says nothing.
pub fn alert_from_crd(alert: &DriftAlert) -> Option<Alert> {
    let status = alert.status.clone()?;
    let mut evidence: BTreeMap<Feed, BTreeMap<String, u64>> = BTreeMap::new();
    for loss in status.evidence {
        let reasons = evidence.entry(feed_from_crd(loss.feed)).or_default();
        reasons.insert(loss.reason, unsigned(loss.count));
    }
    let namespace = alert.metadata.namespace.clone().unwrap_or_default();
    let told = status.findings.len();
    let findings: Vec<_> = status.findings.into_iter().filter_map(finding_from_crd).collect();
    let partial = findings.len() < told;
    let decided = alert.spec.dispositions.iter();
    let dispositions: BTreeMap<_, _> = decided
        .filter_map(|(id, disposition)| Some((id.parse().ok()?, disposition_from_crd(disposition))))
        .collect();
    let oldest = findings
        .iter()
        .map(|finding| finding.first_seen)
        .min()
        .unwrap_or_default();
    let newest = findings
        .iter()
        .map(|finding| finding.last_seen)
        .max()
        .unwrap_or_default();
    Some(Alert {
        name: alert.metadata.name.clone().unwrap_or_default(),
        workload: WorkloadKey::new(namespace, status.workload.kind, status.workload.name),
        container: status.container.into(),
        policy: status.policy,
        findings,
        evidence,
        mistyped: dispositions.len() < alert.spec.dispositions.len(),
        dispositions,
        partial,
        severity: severity_from_crd(status.severity),
        state: state_from_crd(status.state),
        summary: status.summary,
        rollout: status.rollout,
        count: unsigned(status.count),
        pods: unsigned(status.pods),
        first_seen: status.first_seen.as_ref().map_or(oldest, from_time),
        last_seen: status.last_seen.as_ref().map_or(newest, from_time),
    })
}

/// To an object's status: all but its conditions.
pub fn alert_to_crd(alert: &Alert) -> DriftAlertStatus {
    let losses = alert.evidence.iter().flat_map(|(feed, reasons)| {
        reasons.iter().map(|(reason, count)| Loss {
            feed: feed_to_crd(*feed),
            reason: reason.clone(),
            count: to_i64(*count),
        })
    });
    DriftAlertStatus {
        severity: severity_to_crd(alert.severity),
        state: state_to_crd(alert.state),
        workload: WorkloadReference {
            kind: alert.workload.kind.clone(),
            name: alert.workload.name.clone(),
        },
        workload_name: format!("{}/{}", alert.workload.kind, alert.workload.name),
        container: alert.container.to_string(),
        summary: alert.summary.clone(),
        rollout: alert.rollout.clone(),
        count: to_i64(alert.count),
        pods: to_i32(alert.pods),
        first_seen: Some(to_time(alert.first_seen)),
        last_seen: Some(to_time(alert.last_seen)),
        findings: alert.findings.iter().map(finding_to_crd).collect(),
        evidence: losses.collect(),
        policy: alert.policy.clone(),
        conditions: Vec::new(),
    }
}

/// The room that an alert takes; none where it takes none.
pub fn place_of(alert: &DriftAlert) -> Option<Place> {
    let status = alert.status.as_ref()?;
    Place::of(
        alert.metadata.name.as_deref().unwrap_or_default(),
        severity_from_crd(status.severity),
        state_from_crd(status.state),
        !alert.spec.dispositions.is_empty(),
        status.first_seen.as_ref().map(from_time).unwrap_or_default(),
    )
}

/// None where it is of a feed that this version does not know.
fn finding_from_crd(finding: crd::Finding) -> Option<Finding> {
    let behaviour = behaviour_from_crd(finding.behavior)?;
    Some(Finding {
        id: finding.id.parse().unwrap_or_else(|_| behaviour.id()),
        rule: finding.rule.parse().unwrap_or_else(|_| rules::of_novelty(&behaviour)),
        attributes: attributes_from_crd(finding.attributes),
        behaviour,
        summary: finding.summary,
        severity: severity_from_crd(finding.severity),
        severity_terms: finding.severity_terms,
        state: state_from_crd(finding.state),
        lineage: finding.lineage,
        count: unsigned(finding.count),
        pods: unsigned(finding.pods),
        shown_by: finding
            .shown_by
            .into_iter()
            .map(sighting_from_crd)
            .collect::<BTreeMap<PodUid, _>>(),
        first_seen: from_time(&finding.first_seen),
        last_seen: from_time(&finding.last_seen),
        rollout: finding.rollout.map(|rollout| RolloutMatch {
            record: rollout.record,
            verdict: verdict_from_crd(rollout.verdict),
            reason: rollout.reason,
        }),
        unverified: finding.unverified,
        snapshot: finding.snapshot,
        strangeness: finding.score.map(strangeness_from_crd),
        decided: finding.decision.map(decided_from_crd),
        recurs: finding.recurs,
        resolution: finding.resolution,
    })
}

fn finding_to_crd(finding: &Finding) -> crd::Finding {
    crd::Finding {
        id: finding.id.to_string(),
        rule: finding.rule.id().to_owned(),
        feed: feed_to_crd(finding.behaviour.feed()),
        summary: finding.summary.clone(),
        severity: severity_to_crd(finding.severity),
        severity_terms: finding.severity_terms.clone(),
        state: state_to_crd(finding.state),
        lineage: finding.lineage.clone(),
        behavior: behaviour_to_crd(&finding.behaviour),
        attributes: attributes_to_crd(&finding.attributes),
        count: to_i64(finding.count),
        pods: to_i32(finding.pods),
        shown_by: sightings_to_crd(&finding.shown_by),
        first_seen: to_time(finding.first_seen),
        last_seen: to_time(finding.last_seen),
        rollout: finding.rollout.as_ref().map(|rollout| crd::RolloutMatch {
            record: rollout.record.clone(),
            verdict: verdict_to_crd(rollout.verdict),
            reason: rollout.reason.clone(),
        }),
        unverified: finding.unverified,
        snapshot: finding.snapshot,
        score: finding.strangeness.as_ref().map(strangeness_to_crd),
        decision: finding.decided.as_ref().map(decided_to_crd),
        recurs: finding.recurs.clone(),
        resolution: finding.resolution.clone(),
    }
}

fn disposition_from_crd(disposition: &crd::Disposition) -> Disposition {
    let evidence = disposition.evidence.as_ref();
    Disposition {
        decision: decision_from_crd(disposition.decision),
        reason: disposition.reason.clone(),
        by: disposition.decided_by.clone(),
        evidence: evidence.map(|seen| DecidedOn {
            // A rule that this version does not know is taken as the least: a decision covers no more than is understood.
            rule: seen.rule.parse().unwrap_or(Rule::ALL[0]),
            count: unsigned(seen.count),
            last_seen: from_time(&seen.last_seen),
        }),
    }
}

fn decided_from_crd(decision: crd::FindingDecision) -> Decided {
    Decided {
        decision: decision_from_crd(decision.decision),
        by: decision.decided_by,
        at: from_time(&decision.decided_at),
        outcome: match decision.outcome {
            DecisionOutcome::Done => Outcome::Done,
            DecisionOutcome::Pending => Outcome::Awaits(decision.message),
            DecisionOutcome::Refused => Outcome::Refused(decision.message),
        },
    }
}

fn decided_to_crd(decided: &Decided) -> crd::FindingDecision {
    let (outcome, message) = match &decided.outcome {
        Outcome::Done => (DecisionOutcome::Done, String::new()),
        Outcome::Awaits(what) => (DecisionOutcome::Pending, what.clone()),
        Outcome::Refused(why) => (DecisionOutcome::Refused, why.clone()),
    };
    crd::FindingDecision {
        decision: decision_to_crd(decided.decision),
        decided_by: decided.by.clone(),
        decided_at: to_time(decided.at),
        outcome,
        message,
    }
}

/// Both directions between two enumerations with the same variants; the compiler checks that none is missing.
macro_rules! same_variants {
    ($from:ident, $to:ident, $core:ty, $crd:ty, [$($variant:ident),+ $(,)?]) => {
        fn $from(value: $crd) -> $core {
            match value {
                $(<$crd>::$variant => <$core>::$variant,)+
            }
        }

        fn $to(value: $core) -> $crd {
            match value {
                $(<$core>::$variant => <$crd>::$variant,)+
            }
        }
    };
}

same_variants!(
    severity_from_crd,
    severity_to_crd,
    Severity,
    crd::Severity,
    [Info, Low, Medium, High, Critical]
);
same_variants!(
    verdict_from_crd,
    verdict_to_crd,
    RolloutVerdict,
    crd::RolloutVerdict,
    [Pending, Matched, Partial, Unmatched, Never,]
);
same_variants!(
    decision_from_crd,
    decision_to_crd,
    Decision,
    crd::Decision,
    [Accept, Dismiss, Deny, Escalate]
);
same_variants!(
    state_from_crd,
    state_to_crd,
    AlertState,
    crd::AlertState,
    [
        Correlating,
        Observed,
        Open,
        Suppressed,
        PendingReview,
        Escalated,
        Accepted,
        Dismissed,
        Denied,
        Resolved,
    ]
);

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::{
        behaviour::{Attributes, Behaviour, ProcessBehaviour, ProcessParts},
        rules::Rule,
        score::Strangeness,
        time::Timestamp,
    };
    use anchorwatch_crds::v1alpha1::DriftAlertSpec;
    use kube::CustomResourceExt;
    use proptest::prelude::*;

    fn finding(executable: String, rule: Rule, state: AlertState, rollout: Option<RolloutMatch>) -> Finding {
        let behaviour = Behaviour::Process(ProcessBehaviour::from(ProcessParts {
            executable,
            ..ProcessParts::default()
        }));
        Finding {
            id: behaviour.id(),
            rule,
            summary: rule.sentence(&behaviour),
            attributes: Attributes {
                uids: [1_000].into(),
                ..Attributes::default()
            },
            behaviour,
            severity: Severity::High,
            severity_terms: vec!["base High".into()],
            state,
            lineage: vec!["/a".into()],
            count: 3,
            pods: 1,
            shown_by: BTreeMap::new(),
            first_seen: Timestamp::from_secs(10),
            last_seen: Timestamp::from_secs(20),
            rollout,
            unverified: true,
            snapshot: true,
            strangeness: Some(Strangeness {
                p_millionths: 7,
                scorable: true,
                strange: vec!["nc".into()],
                ..Strangeness::default()
            }),
            decided: Some(Decided {
                decision: Decision::Dismiss,
                by: "alice".into(),
                at: Timestamp::from_secs(30),
                outcome: Outcome::Awaits("it".into()),
            }),
            recurs: Some("deployment-agent-1".into()),
            resolution: None,
        }
    }

    #[test]
    fn what_every_feed_lost_for_every_reason_fits_into_an_alert() {
        let schema = serde_json::to_value(DriftAlert::crd()).unwrap();
        let most = schema
            .pointer("/spec/versions/0/schema/openAPIV3Schema/properties/status/properties/evidence/maxItems")
            .and_then(serde_json::Value::as_u64);
        let reasons = Feed::ALL.len() * anchorwatch_core::baseline::MAX_REASONS;
        assert!(
            most.is_some_and(|most| most >= reasons as u64),
            "{most:?} for {reasons}"
        );
    }

    #[test]
    fn a_mistyped_decision_and_a_finding_of_a_newer_version_are_not_passed_over() {
        let mut status = alert_to_crd(&Alert {
            name: String::new(),
            workload: WorkloadKey::new("shop", "Deployment", "agent"),
            container: "app".into(),
            policy: String::new(),
            findings: vec![finding("/a".into(), Rule::ALL[0], AlertState::Open, None)],
            evidence: [].into(),
            dispositions: [].into(),
            mistyped: false,
            partial: false,
            severity: Severity::Low,
            state: AlertState::Open,
            summary: String::new(),
            rollout: None,
            count: 1,
            pods: 1,
            first_seen: Timestamp::from_secs(10),
            last_seen: Timestamp::from_secs(20),
        });
        let mut object = DriftAlert::new("deployment-agent-1", DriftAlertSpec::default());
        object.status = Some(status.clone());
        let read = |object: &DriftAlert| {
            let alert = alert_from_crd(object).unwrap();
            (alert.findings.len(), alert.partial, alert.mistyped)
        };
        assert_eq!(read(&object), (1, false, false));
        status.findings[0].behavior = crd::Behavior::default();
        object.status = Some(status);
        assert_eq!(read(&object), (0, true, false));
        let decided = crd::Disposition {
            decision: crd::Decision::Dismiss,
            reason: String::new(),
            decided_by: "alice".into(),
            evidence: None,
        };
        object.spec.dispositions.insert("0427557d".into(), decided);
        assert_eq!(read(&object), (0, true, true));
        assert_eq!(place_of(&object), None);
    }

    proptest! {
        #[test]
        fn an_alert_comes_back_from_its_object_as_it_went_in(
            executables in proptest::collection::vec(".{0,9}", 0..4),
            rule in 0..Rule::ALL.len(),
            state in 0..AlertState::ALL.len(),
            record in proptest::option::of("[a-z]{1,4}"),
        ) {
            let rollout = record.clone().map(|record| RolloutMatch {
                record: Some(record),
                verdict: RolloutVerdict::Partial,
                reason: "half".into(),
            });
            let findings = executables
                .into_iter()
                .map(|executable| finding(executable, Rule::ALL[rule], AlertState::ALL[state], rollout.clone()));
            let findings: Vec<_> = findings.collect();
            let alert = Alert {
                name: "deployment-agent-00112233".into(),
                workload: WorkloadKey::new("shop", "Deployment", "agent"),
                container: "app".into(),
                policy: "shop/agent".into(),
                findings,
                evidence: [(Feed::Process, [("quota".to_owned(), 4)].into())].into(),
                dispositions: [].into(),
                mistyped: false,
                partial: false,
                severity: Severity::Critical,
                state: AlertState::ALL[state],
                summary: "it".into(),
                rollout: record,
                count: 3,
                pods: 2,
                first_seen: Timestamp::from_secs(10),
                last_seen: Timestamp::from_secs(20),
            };
            let mut object = DriftAlert::new(&alert.name, DriftAlertSpec::default());
            object.metadata.namespace = Some("shop".into());
            prop_assert_eq!(alert_from_crd(&object), None);
            object.status = Some(alert_to_crd(&alert));
            prop_assert_eq!(alert_from_crd(&object), Some(alert));
        }
    }
}
