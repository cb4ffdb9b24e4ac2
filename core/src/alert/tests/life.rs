//! The life of a finding: from waiting for evidence to a decision, and what may change that.

use super::*;

/// A rollout in progress: the first new pod shows something, an old one still runs.
fn rolling() -> Watched {
    let mut watched = Watched::mature();
    watched.world.recorded(2, "h2", '2', at(1_000));
    watched.world.runs("o1", "h1", '1', at(-90_000));
    watched.world.runs("n1", "h2", '2', at(1_001));
    watched.world.shows_at("n1", "h2", '2', &numbered(1), at(1_003));
    watched
}

fn complete(watched: &mut Watched) {
    watched.world.stops("o1");
    watched.world.runs("n2", "h2", '2', at(1_010));
    watched.world.shows_at("n2", "h2", '2', &numbered(1), at(1_012));
    watched.act(at(1_013));
}

#[test]
fn a_finding_waits_for_the_rollout_and_is_suppressed_when_all_of_it_shows_it() {
    let mut watched = rolling();
    let plan = watched.act(at(1_003));
    assert_eq!(plan.requeue_after, Some(Duration::from_secs(5)));
    assert_eq!(watched.state(&numbered(1)), AlertState::Correlating);
    complete(&mut watched);
    assert_eq!(watched.state(&numbered(1)), AlertState::Suppressed);
    assert_eq!(watched.alerts.len(), 1);
    let finding = watched.finding(numbered(1).id());
    assert_eq!(finding.severity, Severity::Low);
    assert_eq!(finding.severity_terms, ["base Medium", "-1 rollout match"]);
    assert_eq!(watched.act(at(1_014)).requeue_after, None);
}

#[test]
fn a_finding_that_stays_alone_is_tagged_and_opened() {
    let mut watched = rolling();
    watched.act(at(1_003));
    watched.world.runs("n2", "h2", '2', at(1_010));
    watched.act(at(1_070));
    assert_eq!(watched.state(&numbered(1)), AlertState::Open);
    let rollout = watched.finding(numbered(1).id()).rollout.clone().expect("a verdict");
    assert_eq!(rollout.verdict, RolloutVerdict::Partial);
    assert_eq!(rollout.record.as_deref(), Some("deployment-agent-2"));
    assert_eq!(watched.alerts[0].rollout, None, "the rollout does not explain it");
}

#[test]
fn what_a_rollout_may_explain_joins_no_alert_that_it_does_not_explain_and_the_other_way_round() {
    // The drift comes first.
    let mut watched = rolling();
    watched.world.shows_at("o1", "h1", '1', &shell(), at(1_002));
    watched.act(at(1_004));
    assert_eq!(watched.alerts.len(), 2);
    complete(&mut watched);
    check_apart(&watched);
    // The rollout's finding comes first.
    let mut watched = rolling();
    watched.act(at(1_003));
    watched.world.shows_at("o1", "h1", '1', &shell(), at(1_004));
    watched.act(at(1_004));
    assert_eq!(watched.alerts.len(), 2);
    complete(&mut watched);
    check_apart(&watched);
}

/// One alert is open and names no record, the other is suppressed and names its own.
fn check_apart(watched: &Watched) {
    let mut alerts: Vec<_> = watched
        .alerts
        .iter()
        .map(|alert| (alert.findings.len(), alert.state, alert.rollout.as_deref()))
        .collect();
    alerts.sort_by_key(|(_, state, _)| state.urgency());
    assert_eq!(
        alerts,
        [
            (1, AlertState::Suppressed, Some("deployment-agent-2")),
            (1, AlertState::Open, None)
        ]
    );
}

#[test]
fn an_alert_names_no_record_that_explains_another_finding_than_the_one_that_speaks_for_it() {
    let mut watched = rolling();
    watched.world.shows_at("n1", "h2", '2', &numbered(2), at(1_004));
    watched.act(at(1_004));
    assert_eq!(watched.alerts.len(), 1, "both wait for the same rollout");
    watched.world.shows_at("o1", "h1", '1', &numbered(2), at(1_006));
    complete(&mut watched);
    assert_eq!(watched.state(&numbered(1)), AlertState::Suppressed);
    assert_eq!(watched.state(&numbered(2)), AlertState::Open);
    assert_eq!(watched.alerts[0].rollout, None);
}

#[test]
fn what_can_never_be_suppressed_does_not_wait() {
    let mut watched = rolling();
    watched.world.shows_at("n1", "h2", '2', &fileless(), at(1_003));
    watched.act(at(1_003));
    assert_eq!(watched.state(&fileless()), AlertState::Escalated);
    complete(&mut watched);
    assert_eq!(watched.state(&fileless()), AlertState::Escalated);
}

#[test]
fn a_suppressed_finding_that_another_revision_shows_is_opened_again() {
    for (hash, runs) in [("h1", '1'), ("h2", '1'), ("h3", '2')] {
        let mut watched = rolling();
        complete(&mut watched);
        watched.world.shows_at("x", hash, runs, &numbered(1), at(80_000));
        watched.act(at(80_000));
        let finding = watched.finding(numbered(1).id());
        assert_eq!(finding.state, AlertState::Open);
        let rollout = finding.rollout.clone().expect("a verdict");
        assert_eq!(rollout.verdict, RolloutVerdict::Unmatched);
        assert!(
            rollout.reason.starts_with("explained by a rollout before"),
            "{}",
            rollout.reason
        );
        assert_eq!(finding.severity, Severity::Medium);
        assert_eq!(watched.alerts.len(), 1);
    }
}

#[test]
fn a_suppressed_finding_stays_so_in_further_pods_of_its_revision() {
    let mut watched = rolling();
    complete(&mut watched);
    watched.world.runs("n9", "h2", '2', at(80_000));
    watched.world.shows_at("n9", "h2", '2', &numbered(1), at(80_001));
    assert_eq!(watched.act(at(80_001)).update.len(), 1);
    assert_eq!(watched.state(&numbered(1)), AlertState::Suppressed);
    assert_eq!(watched.alerts[0].pods, 3);
}

#[test]
fn a_digest_that_was_told_late_is_remembered_when_the_pod_is_gone() {
    let mut watched = Watched::mature();
    watched.world.recorded(2, "h2", '2', at(1_000));
    let mut untold = pod("n1", "h2", digest('2'));
    untold.digest = None;
    watched.world.reports(untold, &numbered(1), at(1_003));
    watched.act(at(1_003));
    watched.world.runs("n1", "h2", '2', at(1_001));
    watched.act(at(1_005));
    assert_eq!(watched.state(&numbered(1)), AlertState::Suppressed);
    watched.world.stops("n1");
    watched.act(at(50_000));
    assert_eq!(watched.state(&numbered(1)), AlertState::Suppressed);
}

#[test]
fn a_suppressed_finding_that_is_denied_is_escalated() {
    let mut watched = rolling();
    complete(&mut watched);
    watched.world.policy.process.deny.insert("/opt/1".to_owned());
    watched.world.shows_at("n1", "h2", '2', &numbered(1), at(2_000));
    watched.act(at(2_000));
    assert_eq!(watched.state(&numbered(1)), AlertState::Escalated);
    assert_eq!(watched.finding(numbered(1).id()).severity, Severity::High);
}

#[test]
fn a_suppressed_finding_outlives_its_record_but_covers_nothing_new() {
    let mut watched = rolling();
    complete(&mut watched);
    watched.world.evidence.records.clear();
    let plan = watched.plan(at(90_000));
    assert_eq!((plan.create.len(), plan.update.len()), (0, 0));
    watched.world.shows_at("n9", "h2", '2', &numbered(1), at(90_001));
    watched.act(at(90_001));
    assert_eq!(watched.state(&numbered(1)), AlertState::Open);
}

#[test]
fn a_suppressed_alert_takes_no_further_findings() {
    let mut watched = rolling();
    complete(&mut watched);
    watched.world.shows_at("n1", "h2", '2', &shell(), at(1_020));
    watched.act(at(1_080));
    assert_eq!(watched.alerts.len(), 2);
    assert_eq!(watched.state(&shell()), AlertState::Open);
    assert_eq!(watched.state(&numbered(1)), AlertState::Suppressed);
}

#[test]
fn a_policy_that_only_tags_leaves_a_matched_finding_open() {
    let mut watched = rolling();
    watched.world.policy.rollout.on_match = OnMatch::Tag;
    complete(&mut watched);
    assert_eq!(watched.state(&numbered(1)), AlertState::Open);
    assert_eq!(watched.alerts[0].rollout.as_deref(), Some("deployment-agent-2"));
}

#[test]
fn an_open_finding_is_not_suppressed_by_a_later_rollout() {
    let mut watched = Watched::mature();
    watched.world.shows_at("p1", "h1", '1', &shell(), at(200));
    watched.act(at(200));
    watched.world.recorded(2, "h2", '2', at(1_000));
    watched.world.runs("n1", "h2", '2', at(1_001));
    watched.world.shows_at("n1", "h2", '2', &shell(), at(1_002));
    watched.act(at(1_003));
    assert_eq!(watched.state(&shell()), AlertState::Open);
}

#[test]
fn a_policy_that_observes_says_what_it_would_have_said() {
    let mut watched = rolling();
    watched.world.policy.mode = Mode::Observe;
    watched.act(at(1_003));
    assert_eq!(watched.state(&numbered(1)), AlertState::Observed);
    complete(&mut watched);
    assert_eq!(watched.state(&numbered(1)), AlertState::Observed);
    let rollout = watched.finding(numbered(1).id()).rollout.clone().expect("a verdict");
    assert_eq!(rollout.verdict, RolloutVerdict::Matched);
}

#[test]
fn what_was_observed_is_opened_when_it_is_seen_again_under_a_policy_that_alerts() {
    let mut watched = Watched::mature();
    watched.world.policy.mode = Mode::Observe;
    watched.world.shows_at("p1", "h1", '1', &shell(), at(200));
    watched.act(at(200));
    watched.world.policy.mode = Mode::Alert;
    watched.act(at(300));
    assert_eq!(
        watched.state(&shell()),
        AlertState::Observed,
        "switching alerts on raises nothing old"
    );
    watched.world.shows_at("p1", "h1", '1', &shell(), at(400));
    watched.act(at(400));
    assert_eq!(watched.state(&shell()), AlertState::Open);
}

#[test]
fn what_is_closed_stays_closed_and_what_is_seen_later_is_another_finding_that_names_it() {
    for closed in [
        AlertState::Accepted,
        AlertState::Dismissed,
        AlertState::Denied,
        AlertState::Resolved,
    ] {
        let mut watched = Watched::mature();
        watched.world.shows_at("p1", "h1", '1', &shell(), at(200));
        watched.act(at(200));
        watched.alerts[0].findings[0].state = closed;
        watched.alerts[0].state = closed;
        assert_eq!(watched.act(at(250)).create.len(), 0);
        watched.world.shows_at("p2", "h1", '1', &shell(), at(300));
        watched.act(at(300));
        let first = watched.alerts[0].clone();
        let second = &watched.alerts[1];
        assert_eq!((first.state, first.count), (closed, 1));
        assert_eq!((second.state, second.count), (AlertState::Open, 2));
        assert_eq!(second.findings[0].recurs, Some(first.name));
    }
}

#[test]
fn a_finding_whose_behaviour_was_learned_is_resolved() {
    let mut watched = Watched::mature();
    let mut ghost = pod("ghost", "h1", digest('1'));
    ghost.verified = false;
    watched.world.reports(ghost, &numbered(1), at(10));
    watched.act(at(10));
    assert_eq!(watched.state(&numbered(1)), AlertState::Open);
    watched.world.shows_at("p1", "h1", '1', &numbered(1), at(20));
    let plan = watched.plan(at(20));
    assert_eq!(plan.update.len(), 1);
    assert_eq!(plan.update[0].state, AlertState::Resolved);
}

#[test]
fn a_finding_that_the_baseline_lost_is_kept_as_it_was() {
    let mut watched = Watched::mature();
    watched.world.shows_at("p1", "h1", '1', &shell(), at(200));
    watched.act(at(200));
    watched.world.baseline.containers.clear();
    let plan = watched.plan(at(300));
    assert_eq!((plan.create.len(), plan.update.len(), plan.unchanged.len()), (0, 0, 1));
}

#[test]
fn what_a_tag_that_was_pushed_again_brings_is_at_least_high_and_escalates() {
    let mut watched = Watched::mature();
    watched.world.runs("o1", "h1", '6', at(90_000));
    watched.world.shows_at("o1", "h1", '6', &numbered(1), at(90_001));
    watched.act(at(90_002));
    assert_eq!(watched.finding(numbered(1).id()).state, AlertState::Correlating);
    watched.world.records_further();
    watched.act(at(90_003));
    let finding = watched.finding(numbered(1).id());
    assert_eq!(
        (finding.severity, finding.state),
        (Severity::High, AlertState::Escalated)
    );
    assert_eq!(
        finding.severity_terms,
        ["base Medium", "at least High, digest mismatch"]
    );
    let rollout = finding.rollout.as_ref().expect("the evidence");
    assert!(
        rollout.reason.starts_with("digest mismatch: pod agent-h1-o1"),
        "{}",
        rollout.reason
    );
    assert_eq!(rollout.record.as_deref(), Some("deployment-agent-1"));
}
