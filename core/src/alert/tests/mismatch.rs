//! A pod that runs another image under its tag, whatever it does.

use super::*;
use crate::{
    rollout::{Record, RecordKind, plan_digests},
    rules::Rule,
    severity::Severity,
};

/// Revision 2 is rolled out; then a pod of it comes up with digest 9, and that is recorded.
fn pushed_again() -> Watched {
    let mut watched = Watched::mature();
    watched.world.recorded(2, "h2", '2', at(1_000));
    watched.world.runs("n1", "h2", '2', at(1_001));
    watched.world.runs("n2", "h2", '9', at(5_000));
    let further = plan_digests(&workload(), &watched.world.evidence, at(5_002)).expect("a record");
    watched.world.evidence.records.push(further.record);
    watched
}

fn mismatches(watched: &Watched) -> Vec<&Finding> {
    let findings = watched.alerts.iter().flat_map(|alert| &alert.findings);
    findings
        .filter(|finding| finding.rule == Rule::DigestMismatch)
        .collect()
}

#[test]
fn it_opens_an_alert_although_nothing_is_new() {
    let mut watched = pushed_again();
    watched.act(at(5_003));
    let found = mismatches(&watched);
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].severity, found[0].state),
        (Severity::High, AlertState::Escalated)
    );
    assert_eq!(
        found[0].summary,
        "sha256:999999999999 runs where sha256:222222222222 was rolled out, under the same tag"
    );
    let verdict = found[0].rollout.as_ref().map(|rollout| rollout.verdict);
    assert_eq!(verdict, Some(RolloutVerdict::Never));
    let pods: Vec<&str> = found[0]
        .shown_by
        .values()
        .map(|sighting| sighting.pod.as_str())
        .collect();
    assert_eq!(pods, ["agent-h2-n2"]);
    // It stays one, also when the pod is gone and when it is looked at again.
    watched.world.stops("n2");
    watched.act(at(5_100));
    assert_eq!(mismatches(&watched).len(), 1);
}

#[test]
fn dismissed_it_comes_back_with_a_further_pod_alone() {
    let mut watched = pushed_again();
    watched.act(at(5_003));
    let id = mismatches(&watched)[0].id;
    watched.alerts[0]
        .dispositions
        .insert(id, disposition(Decision::Dismiss, "alice"));
    watched.act(at(5_010));
    assert_eq!(mismatches(&watched)[0].state, AlertState::Dismissed);
    watched.world.runs("n3", "h2", '9', at(6_000));
    watched.act(at(6_001));
    let states: Vec<AlertState> = mismatches(&watched).iter().map(|finding| finding.state).collect();
    assert_eq!(states, [AlertState::Dismissed, AlertState::Escalated]);
}

#[test]
fn what_is_pinned_injected_or_not_of_the_newest_revision_is_no_mismatch() {
    let change = |change: &dyn Fn(&mut Vec<Record>)| {
        let mut watched = pushed_again();
        change(&mut watched.world.evidence.records);
        watched.act(at(5_003));
        mismatches(&watched).len()
    };
    let held = |record: &mut Record| record.containers.get_mut(&container()).expect("it").clone();
    assert_eq!(change(&|_| ()), 1);
    let pinned = change(&|records| {
        let mut pinned = held(&mut records[1]);
        pinned.pinned = Some(digest('7'));
        records[1].containers.insert(container(), pinned);
    });
    assert_eq!(pinned, 0, "another platform's part of a pinned index");
    let injected = change(&|records| {
        let mut injected = held(&mut records[2]);
        injected.injected = true;
        records[2].containers.insert(container(), injected);
    });
    assert_eq!(injected, 0);
    let older = change(&|records| {
        records[2].kind = RecordKind::Digest {
            of: "deployment-agent-1".to_owned(),
        };
    });
    assert_eq!(older, 0);
    assert_eq!(
        change(&|records| records[2].sealed = false),
        0,
        "what is not sealed is no evidence"
    );
}
