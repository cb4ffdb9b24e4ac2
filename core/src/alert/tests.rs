//! Alerts are a function of what is there: one finding an entry, one alert a drift, whatever was missed or repeated.

mod bursts;
mod decisions;
mod feeds;
mod life;
mod mismatch;
mod orphans;
mod properties;
mod provisional;
mod replay;
mod room;
mod transitions;

use super::*;
use crate::{
    behaviour::{Behaviour, ProcessParts, SourceLayer},
    id::BehaviourId,
    invariants,
    policy::{Mode, OnMatch, OnUnmatched},
    rollout::RolloutVerdict,
    testkit::{World, at, behaviour, container, digest, parts, pod, process, shell, workload},
    time::Duration,
};

/// A workload, its alerts, and an operator that carries plans out.
struct Watched {
    world: World,
    alerts: Vec<Alert>,
    /// Denials that nobody takes, and why.
    refused: BTreeMap<String, String>,
}

impl Watched {
    fn mature() -> Self {
        let mut world = World::mature();
        world.recorded(1, "h1", '1', at(-100_000));
        Self {
            world,
            alerts: Vec::new(),
            refused: BTreeMap::new(),
        }
    }

    fn plan(&self, now: Timestamp) -> AlertPlan {
        plan_alerts(&AlertInput {
            workload: &workload(),
            baseline: &self.world.baseline,
            alerts: &self.alerts,
            policy: &self.world.policy,
            evidence: &self.world.evidence,
            crowd: Crowd::default(),
            refused: &self.refused,
            now,
        })
    }

    /// Plans and carries out; what is planned again right after is nothing.
    fn act(&mut self, now: Timestamp) -> AlertPlan {
        let plan = self.plan(now);
        self.carry_out(&plan);
        let again = self.plan(now);
        assert_eq!((again.create.len(), again.update.len()), (0, 0), "{:#?}", again.reasons);
        assert_eq!(again.unchanged.len(), self.alerts.len());
        let World {
            baseline,
            policy,
            evidence,
            ..
        } = &self.world;
        invariants::alerts(baseline, &self.alerts, policy, evidence).expect("the invariants of alerts");
        plan
    }

    fn carry_out(&mut self, plan: &AlertPlan) {
        self.alerts.retain(|alert| !plan.delete.contains(&alert.name));
        for alert in plan.create.iter().chain(&plan.update) {
            match self.alerts.iter_mut().find(|held| held.name == alert.name) {
                Some(held) => held.clone_from(alert),
                None => self.alerts.push(alert.clone()),
            }
        }
    }

    fn finding(&self, id: BehaviourId) -> &Finding {
        let mut findings = self.alerts.iter().flat_map(|alert| &alert.findings);
        findings.find(|finding| finding.id == id).expect("a finding")
    }

    fn state(&self, behaviour: &Behaviour) -> AlertState {
        self.finding(behaviour.id()).state
    }
}

fn disposition(decision: Decision, by: &str) -> Disposition {
    Disposition {
        decision,
        reason: String::new(),
        by: by.to_owned(),
        evidence: None,
    }
}

fn numbered(number: usize) -> Behaviour {
    process("/usr/bin/python3", &format!("/opt/{number}"))
}

fn fileless() -> Behaviour {
    behaviour(ProcessParts {
        source: SourceLayer::Memory,
        ..parts("/usr/bin/python3", "memfd:\u{1b}x")
    })
}

#[test]
fn a_shell_out_of_python_opens_one_alert_and_the_other_replica_joins_it() {
    let mut watched = Watched::mature();
    watched.world.shows_at("p1", "h1", '1', &shell(), at(200));
    let opened = watched.act(at(200));
    watched.world.shows_at("p2", "h1", '1', &shell(), at(260));
    let joined = watched.act(at(260));
    insta::assert_json_snapshot!([opened, joined]);
}

#[test]
fn what_a_rollout_brings_is_suppressed_and_names_its_record() {
    let mut watched = Watched::mature();
    watched.world.recorded(2, "h2", '2', at(1_000));
    for (uid, created) in [("n1", 1_001), ("n2", 1_006)] {
        watched.world.runs(uid, "h2", '2', at(created));
        watched.world.shows_at(uid, "h2", '2', &numbered(1), at(created + 2));
    }
    insta::assert_json_snapshot!(watched.act(at(1_009)));
}

#[test]
fn nothing_quarantined_is_no_alert() {
    let mut watched = Watched::mature();
    assert_eq!(watched.act(at(200)), AlertPlan::default());
}

#[test]
fn a_run_that_was_not_carried_out_is_planned_again_under_the_same_name() {
    let mut watched = Watched::mature();
    watched.world.shows_at("p1", "h1", '1', &shell(), at(200));
    let names = |plan: AlertPlan| plan.create.into_iter().map(|alert| alert.name).collect::<Vec<_>>();
    let first = names(watched.plan(at(201)));
    watched.world.shows_at("p1", "h1", '1', &numbered(1), at(230));
    assert_eq!(first, names(watched.plan(at(230))));
}

#[test]
fn findings_near_in_time_share_an_alert_and_others_do_not() {
    let mut watched = Watched::mature();
    for (number, time) in [(0, 1_000), (1, 1_600), (2, 2_201), (3, 9_000)] {
        watched.world.shows_at("p1", "h1", '1', &numbered(number), at(time));
        watched.act(at(time));
    }
    let sizes: Vec<_> = watched.alerts.iter().map(|alert| alert.findings.len()).collect();
    assert_eq!(
        sizes,
        [2, 1, 1],
        "ten minutes and no more lie between findings of one alert"
    );
}

#[test]
fn an_alert_takes_findings_for_an_hour() {
    let mut watched = Watched::mature();
    for minutes in 0..=70 {
        watched.world.shows_at(
            "p1",
            "h1",
            '1',
            &numbered(minutes),
            at(1_000 + 60 * i64::try_from(minutes).expect("small")),
        );
    }
    watched.act(at(6_000));
    let sizes: Vec<_> = watched.alerts.iter().map(|alert| alert.findings.len()).collect();
    assert_eq!(sizes, [61, 10]);
}

#[test]
fn reports_that_come_late_do_not_stretch_an_alert_beyond_an_hour() {
    let mut watched = Watched::mature();
    for step in (0..=6).chain((-12..0).rev()) {
        let number = usize::try_from(20 + step).expect("small");
        watched
            .world
            .shows_at("p1", "h1", '1', &numbered(number), at(10_000 + 600 * step));
        watched.act(at(14_000));
    }
    for alert in &watched.alerts {
        let first = alert.findings.iter().map(|finding| finding.first_seen);
        let last = first.clone().max().expect("a finding");
        assert!(alert.first_seen.distance(last) <= MAX_AGE, "{}", alert.name);
    }
    let findings: usize = watched.alerts.iter().map(|alert| alert.findings.len()).sum();
    assert_eq!(findings, 19);
}

#[test]
fn an_alert_holds_64_findings() {
    let mut watched = Watched::mature();
    for number in 0..70 {
        watched.world.shows_at("p1", "h1", '1', &numbered(number), at(1_000));
    }
    watched.act(at(1_000));
    let sizes: Vec<_> = watched.alerts.iter().map(|alert| alert.findings.len()).collect();
    assert_eq!(sizes, [64, 6]);
}

#[test]
fn containers_never_share_an_alert() {
    let mut watched = Watched::mature();
    watched.world.shows_at("p1", "h1", '1', &shell(), at(1_000));
    let quarantined = watched.world.baseline.containers[&container()].clone();
    watched
        .world
        .baseline
        .containers
        .insert(ContainerName::new("sidecar"), quarantined);
    watched.act(at(1_000));
    assert_eq!(watched.alerts.len(), 2);
    assert_ne!(watched.alerts[0].name, watched.alerts[1].name);
}

#[test]
fn a_decided_alert_takes_no_further_findings() {
    let mut watched = Watched::mature();
    watched.world.shows_at("p1", "h1", '1', &shell(), at(1_000));
    watched.act(at(1_000));
    let decided = disposition(Decision::Escalate, "alice");
    watched.alerts[0].dispositions.insert(shell().id(), decided);
    watched.world.shows_at("p1", "h1", '1', &numbered(1), at(1_010));
    watched.act(at(1_010));
    assert_eq!(watched.alerts.len(), 2);
}

#[test]
fn a_name_that_another_alert_has_is_not_taken_twice() {
    let mut watched = Watched::mature();
    watched.world.shows_at("p1", "h1", '1', &shell(), at(1_000));
    let mut squatter = watched.plan(at(1_000)).create.remove(0);
    squatter.findings[0].id = BehaviourId::from_bytes([7; 16]);
    let decided = disposition(Decision::Escalate, "alice");
    squatter.dispositions.insert(squatter.findings[0].id, decided);
    watched.alerts.push(squatter);
    watched.act(at(1_000));
    assert_eq!(watched.alerts.len(), 2);
}

#[test]
fn the_gravest_of_the_most_urgent_findings_speaks_for_the_alert() {
    let mut watched = Watched::mature();
    watched.world.shows_at("p1", "h1", '1', &shell(), at(1_000));
    watched.world.shows_at("p1", "h1", '1', &fileless(), at(1_001));
    watched.act(at(1_001));
    let alert = &watched.alerts[0];
    assert_eq!((alert.state, alert.severity), (AlertState::Escalated, Severity::High));
    assert_eq!(
        alert.summary,
        "memfd:\\u{1b}x started by /usr/bin/python3 exists only in memory (and 1 more)"
    );
    assert_eq!((alert.count, alert.pods), (2, 1));
}

#[test]
fn losses_are_told_with_an_alert_that_is_written_anyway() {
    let mut watched = Watched::mature();
    watched.world.shows_at("p1", "h1", '1', &shell(), at(1_000));
    watched.act(at(1_000));
    let lost = |watched: &mut Watched, count| {
        let feed = watched.world.baseline.feed_mut(&container(), Feed::Process, at(0));
        let lost = crate::baseline::Lost { count, last: None };
        feed.losses.insert("ring full".to_owned(), lost);
    };
    lost(&mut watched, 3);
    assert_eq!(watched.act(at(1_001)).update.len(), 0);
    watched.world.shows_at("p2", "h1", '1', &shell(), at(1_010));
    assert_eq!(watched.act(at(1_010)).update.len(), 1);
    assert_eq!(watched.alerts[0].evidence[&Feed::Process]["ring full"], 3);
}

#[test]
fn losses_from_long_before_an_alert_are_none_of_its_own() {
    let mut watched = Watched::mature();
    let mut lost = |feed: Feed, reason: &str, seconds: i64| {
        let feed = watched.world.baseline.feed_mut(&container(), feed, at(0));
        let lost = crate::baseline::Lost {
            count: 2,
            last: Some(at(seconds)),
        };
        feed.losses.insert(reason.to_owned(), lost);
    };
    lost(Feed::Process, "long_before", 10_000 - 3_601);
    lost(Feed::Process, "just_before", 10_000 - 3_600);
    lost(Feed::Network, "meanwhile", 10_000);
    watched.world.shows_at("p1", "h1", '1', &shell(), at(10_000));
    watched.act(at(10_000));
    let told = |reason: &str| BTreeMap::from([(reason.to_owned(), 2)]);
    let expected = [(Feed::Process, told("just_before")), (Feed::Network, told("meanwhile"))];
    assert_eq!(watched.alerts[0].evidence, BTreeMap::from(expected));
}

#[test]
fn a_policy_says_what_becomes_of_findings_that_no_rollout_explains() {
    for (on_unmatched, of_medium, of_high) in [
        (None, AlertState::Open, AlertState::Escalated),
        (
            Some(OnUnmatched::Queue),
            AlertState::PendingReview,
            AlertState::PendingReview,
        ),
        (
            Some(OnUnmatched::Escalate),
            AlertState::Escalated,
            AlertState::Escalated,
        ),
    ] {
        let mut watched = Watched::mature();
        watched.world.policy.rollout.on_unmatched = on_unmatched;
        watched.world.shows_at("p1", "h1", '1', &shell(), at(1_000));
        watched.world.shows_at("p1", "h1", '1', &fileless(), at(1_000));
        watched.act(at(1_000));
        assert_eq!(
            (watched.state(&shell()), watched.state(&fileless())),
            (of_medium, of_high)
        );
    }
}
