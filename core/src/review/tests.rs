//! What becomes known without a person, and what never does.

use std::collections::BTreeMap;

use crate::{
    alert::{Alert, AlertInput, AlertState, Crowd, Decision, Disposition, plan_alerts},
    baseline::{EntryState, Past},
    behaviour::{Behaviour, Destination},
    review::review,
    severity::Severity,
    testkit::{World, at, container, digest, flow, flow_to, pod, process, shell, workload},
    time::Timestamp,
};

mod attacks;
mod candidates;

const DAY: i64 = 86_400;

/// A workload with two pods on two nodes, its alerts, and both controllers.
struct Watched {
    world: World,
    alerts: Vec<Alert>,
}

impl Watched {
    fn new() -> Self {
        let mut world = World::mature();
        world.runs_on("n1", "p1", at(0));
        world.runs_on("n2", "p2", at(0));
        world.policy.absorb.severity = Severity::Medium;
        Self {
            world,
            alerts: Vec::new(),
        }
    }

    /// Runs both for a while; returns how much was absorbed.
    fn passes(&mut self, now: Timestamp) -> usize {
        let mut absorbed = 0;
        for _ in 0..3 {
            let plan = plan_alerts(&AlertInput {
                workload: &workload(),
                baseline: &self.world.baseline,
                alerts: &self.alerts,
                policy: &self.world.policy,
                evidence: &self.world.evidence,
                crowd: Crowd::default(),
                refused: &BTreeMap::new(),
                now,
            });
            for alert in plan.create.into_iter().chain(plan.update) {
                self.alerts.retain(|held| held.name != alert.name);
                self.alerts.push(alert);
            }
            let World {
                baseline,
                policy,
                evidence,
                ..
            } = &mut self.world;
            absorbed += review(baseline, &self.alerts, policy, evidence, now).absorbed;
        }
        absorbed
    }

    /// So many days on which each of these pods shows it.
    fn shows_daily(&mut self, behaviour: &Behaviour, days: i64, pods: &[&str]) -> usize {
        let mut absorbed = 0;
        for day in 1..=days {
            for uid in pods {
                self.world.shows_at(uid, "h1", '1', behaviour, at(day * DAY));
            }
            absorbed += self.passes(at(day * DAY));
        }
        absorbed
    }

    fn state(&self, behaviour: &Behaviour) -> Option<EntryState> {
        self.world
            .baseline
            .entry(&container(), behaviour.id())
            .map(|entry| entry.state)
    }
}

#[test]
fn what_repeats_harmlessly_is_learned_and_its_finding_resolved_with_the_reason() {
    let mut watched = Watched::new();
    assert_eq!(watched.shows_daily(&shell(), 4, &["p1", "p2"]), 0);
    assert_eq!(watched.shows_daily(&shell(), 5, &["p1", "p2"]), 1);
    assert_eq!(watched.state(&shell()), Some(EntryState::Learned));
    let entry = watched
        .world
        .baseline
        .entry(&container(), shell().id())
        .expect("an entry");
    assert_eq!(entry.lesson.past, Past::Absorbed);
    let finding = &watched.alerts[0].findings[0];
    assert_eq!(finding.state, AlertState::Resolved);
    let why = finding.resolution.clone().expect("a reason");
    assert_eq!(
        why,
        "it was absorbed into the baseline: seen on 5 days, in 2 pods at least"
    );
}

#[test]
fn by_default_nothing_above_low_is_absorbed_however_often_it_repeats() {
    let mut watched = Watched::new();
    watched.world.policy.absorb = crate::policy::AbsorbPolicy::default();
    assert_eq!(watched.shows_daily(&shell(), 40, &["p1", "p2"]), 0);
}

#[test]
fn what_too_few_pods_show_is_not_absorbed() {
    let mut watched = Watched::new();
    assert_eq!(watched.shows_daily(&shell(), 30, &["p1"]), 0);
}

#[test]
fn what_only_one_node_tells_of_is_not_absorbed_where_the_workload_runs_on_two() {
    let mut watched = Watched::new();
    watched.world.runs_on("n1", "p3", at(0));
    watched.world.runs_on("n1", "p4", at(0));
    // Three of four pods, all of them on one node.
    assert_eq!(watched.shows_daily(&shell(), 30, &["p1", "p3", "p4"]), 0);
    assert_eq!(watched.shows_daily(&shell(), 30, &["p1", "p2"]), 1);
}

#[test]
fn what_must_not_become_a_habit_is_never_absorbed() {
    use crate::{
        behaviour::{ProcessParts, SourceLayer},
        testkit::{behaviour, library, parts},
    };
    let of_volume = behaviour(ProcessParts {
        source: SourceLayer::Volume,
        ..parts("/usr/bin/python3", "/data/tool")
    });
    for never in [
        of_volume,
        library("/data/x.so", 'a', SourceLayer::Volume),
        flow(Destination::Group("cloud".to_owned())),
    ] {
        let mut watched = Watched::new();
        // The feeds of flows and libraries judge, too.
        watched
            .world
            .shows_at("p1", "h1", '1', &flow_to("api.example.org"), at(1));
        watched.world.shows_at(
            "p1",
            "h1",
            '1',
            &library("/usr/lib/y.so", 'b', SourceLayer::Image),
            at(1),
        );
        assert_eq!(watched.shows_daily(&never, 30, &["p1", "p2"]), 0, "{never:?}");
        assert!(
            watched
                .state(&never)
                .is_some_and(|state| matches!(state, EntryState::Quarantined { .. }))
        );
    }
}

#[test]
fn what_a_raised_program_does_is_no_habit() {
    let mut watched = Watched::new();
    watched
        .world
        .shows_at("p1", "h1", '1', &flow_to("api.example.org"), at(1));
    let raised = process("/usr/bin/bash", "/usr/bin/python3");
    watched.world.shows_at("p1", "h1", '1', &raised, at(DAY));
    assert_eq!(watched.shows_daily(&flow_to("new.example.org"), 10, &["p1", "p2"]), 0);
}

#[test]
fn what_somebody_decided_about_is_not_absorbed() {
    let mut watched = Watched::new();
    watched.shows_daily(&shell(), 1, &["p1", "p2"]);
    let decided = Disposition {
        decision: Decision::Escalate,
        reason: String::new(),
        by: "alice".to_owned(),
        evidence: None,
    };
    watched.alerts[0].dispositions.insert(shell().id(), decided);
    assert_eq!(watched.shows_daily(&shell(), 10, &["p1", "p2"]), 0);
}

#[test]
fn nothing_is_absorbed_where_that_is_switched_off_or_the_baseline_is_frozen() {
    let mut watched = Watched::new();
    watched.world.policy.absorb.enabled = false;
    assert_eq!(watched.shows_daily(&shell(), 10, &["p1", "p2"]), 0);
    watched.world.policy.absorb.enabled = true;
    watched.world.policy.approvals.frozen = Some("agent".to_owned());
    assert_eq!(watched.passes(at(11 * DAY)), 0);
    watched.world.policy.approvals.frozen = None;
    assert_eq!(watched.passes(at(11 * DAY)), 1);
}

#[test]
fn what_a_rollout_brought_is_learned_three_days_after_its_record_while_its_pods_show_it() {
    let mut watched = Watched::new();
    watched.world.policy.absorb.enabled = false;
    let brought = process("/usr/bin/python3", "/usr/bin/nproc");
    watched.world.stops("p1");
    watched.world.stops("p2");
    watched.world.recorded(1, "h1", '1', at(-100_000));
    watched.world.recorded(2, "h2", '2', at(1_000));
    for uid in ["q1", "q2"] {
        watched.world.runs(uid, "h2", '2', at(1_001));
        watched.world.reports(pod(uid, "h2", digest('2')), &brought, at(1_002));
    }
    assert_eq!(watched.passes(at(1_100)), 0);
    assert_eq!(watched.alerts[0].state, AlertState::Suppressed);
    assert_eq!(watched.passes(at(1_000 + 3 * DAY)), 0);
    // An old pod that came back means that the rollout is not complete.
    watched.world.runs("o1", "h1", '1', at(900));
    assert_eq!(watched.passes(at(1_010 + 3 * DAY)), 0);
    watched.world.stops("o1");
    assert_eq!(watched.passes(at(1_010 + 3 * DAY)), 1);
    assert_eq!(watched.alerts[0].state, AlertState::Resolved);
    assert_eq!(watched.state(&brought), Some(EntryState::Learned));
}
