//! Findings of several feeds: what they make of each other, and many at once.

use super::*;
use crate::{
    baseline::{BehaviourReport, merge},
    behaviour::{Attributes, Burst, Destination},
    rules::Rule,
    severity::Severity,
    testkit::{batch, digest, flow, flow_to, library, pod, seen},
    time::Hour,
};

impl Watched {
    /// Mature in every feed.
    fn all_round() -> Self {
        let mut watched = Self::mature();
        watched
            .world
            .sees(&flow_to("known.example.org"), Attributes::default(), at(0));
        let known = library("/usr/lib/known.so", 'a', SourceLayer::Image);
        watched.world.sees(&known, Attributes::default(), at(0));
        watched
    }

    fn sees(&mut self, behaviour: &Behaviour, second: i64) -> AlertPlan {
        self.world.sees(behaviour, Attributes::default(), at(second));
        self.act(at(second))
    }
}

impl Watched {
    /// Pod `p1` shows a behaviour of a process that descends from these.
    fn sees_below(&mut self, behaviour: &Behaviour, lineage: &str, second: i64) {
        let report = BehaviourReport {
            lineage: lineage.split(' ').map(str::to_owned).collect(),
            ..seen(behaviour, at(second))
        };
        let number = u64::try_from(second).expect("later than the start") + 10_000;
        let batch = batch(number, pod("p1", "h1", digest('1')), vec![report]);
        merge(&mut self.world.baseline, &batch, &self.world.policy, at(second));
        self.act(at(second));
    }

    /// Severities of a new flow and a new library of processes with these lineages, and the number of alerts.
    fn of_lineages(flow: &str, library: &str) -> ([Severity; 2], usize) {
        let mut watched = Self::all_round();
        watched.sees_below(&flow_to("new.example.org"), flow, 100);
        watched.sees_below(&strange(), library, 130);
        let found = [flow_to("new.example.org"), strange()].map(|found| watched.finding(found.id()).severity);
        (found, watched.alerts.len())
    }
}

#[test]
fn a_flow_and_a_library_of_one_process_tree_join_and_are_high() {
    let high = ([Severity::High; 2], 1);
    for (why, flow, library) in [
        ("one process", "init nginx", "init nginx"),
        ("a child of the other", "init nginx", "init nginx sh curl"),
        ("a parent of the other", "python3 sh curl", "python3"),
        ("children of one shell", "init nginx sh curl", "init nginx sh python3"),
        ("grandchildren of one service", "init nginx a b", "init nginx c d"),
    ] {
        assert_eq!(Watched::of_lineages(flow, library), high, "{why}");
    }
    let long = "init nginx 1 2 3 4 5 6 7 8 sh";
    assert_eq!(
        Watched::of_lineages(long, "init nginx 1 2 3 4 5 6 7"),
        high,
        "one whose middle was cut"
    );
}

#[test]
fn findings_of_unrelated_trees_of_one_container_do_not_raise_each_other() {
    let medium = [Severity::Medium; 2];
    for (why, flow, library) in [
        (
            "two services of one supervisor",
            "supervisord cron",
            "supervisord nginx",
        ),
        (
            "their children",
            "supervisord cron sh curl",
            "supervisord nginx sh python3",
        ),
        (
            "one program in two services",
            "supervisord cron bash",
            "supervisord sshd bash",
        ),
        ("two children of the first process", "python3 date", "python3 convert"),
    ] {
        assert_eq!(Watched::of_lineages(flow, library).0, medium, "{why}");
    }
}

fn strange() -> Behaviour {
    library("/data/x.so", 'c', SourceLayer::Volume)
}

#[test]
fn a_new_flow_and_a_new_library_of_one_program_are_both_high() {
    let mut watched = Watched::all_round();
    watched.sees(&flow_to("new.example.org"), 100);
    assert_eq!(
        watched.finding(flow_to("new.example.org").id()).severity,
        Severity::Medium
    );
    watched.sees(&strange(), 160);
    for (behaviour, terms) in [
        (flow_to("new.example.org"), ["base Medium", "+1 second feed (module)"]),
        (strange(), ["base Medium", "+1 second feed (network)"]),
    ] {
        let finding = watched.finding(behaviour.id());
        assert_eq!(finding.severity, Severity::High, "{}", finding.summary);
        assert_eq!(finding.severity_terms, terms);
    }
    assert_eq!(watched.alerts.len(), 1);
    assert_eq!(watched.alerts[0].severity, Severity::High);
}

#[test]
fn a_second_feed_counts_within_the_correlation_window_and_in_the_same_pod_only() {
    let mut watched = Watched::all_round();
    watched.sees(&flow_to("new.example.org"), 100);
    watched.sees(&strange(), 100 + 601);
    assert_eq!(watched.finding(strange().id()).severity, Severity::Medium, "too late");
    let mut watched = Watched::all_round();
    watched.sees(&flow_to("new.example.org"), 100);
    watched.world.shows_at("p2", "h1", '1', &strange(), at(101));
    watched.act(at(101));
    assert_eq!(
        watched.finding(strange().id()).severity,
        Severity::Medium,
        "another pod"
    );
}

#[test]
fn a_new_program_that_connects_is_high() {
    let mut watched = Watched::all_round();
    watched.sees(&process("/usr/bin/date", "/usr/bin/python3"), 100);
    watched.sees_below(&flow_to("new.example.org"), "/usr/bin/date /usr/bin/python3", 101);
    assert_eq!(
        watched.finding(flow_to("new.example.org").id()).severity,
        Severity::High
    );
}

/// What two pods of a new revision show, as the rollout that brought it explains.
fn rolled_out(behaviours: &[Behaviour]) -> Watched {
    let mut watched = Watched::all_round();
    watched.world.recorded(2, "h2", '2', at(1_000));
    for uid in ["n1", "n2"] {
        watched.world.runs(uid, "h2", '2', at(1_001));
        for behaviour in behaviours {
            watched.world.shows_at(uid, "h2", '2', behaviour, at(1_005));
        }
    }
    watched.act(at(1_010));
    watched.act(at(1_200));
    watched
}

#[test]
fn a_rollout_explains_a_new_program_and_its_flow_but_no_flow_with_a_strange_library() {
    let program = process("/usr/bin/date", "/usr/bin/python3");
    let flow = flow_to("new.example.org");
    let watched = rolled_out(&[program.clone(), flow.clone()]);
    for behaviour in [&program, &flow] {
        let finding = watched.finding(behaviour.id());
        assert_eq!(
            (finding.state, finding.severity),
            (AlertState::Suppressed, Severity::Low)
        );
    }
    let watched = rolled_out(&[strange(), flow.clone()]);
    for behaviour in [&strange(), &flow] {
        let finding = watched.finding(behaviour.id());
        assert_eq!(finding.state, AlertState::Escalated, "{}", finding.summary);
        let verdict = finding.rollout.as_ref().map(|rollout| rollout.verdict);
        assert_eq!(verdict, Some(RolloutVerdict::Matched), "it is tagged");
    }
}

#[test]
fn a_suppressed_flow_that_a_strange_library_makes_grave_is_tagged_and_never_absorbed() {
    let flow = flow_to("new.example.org");
    for recorded in [true, false] {
        let mut watched = rolled_out(std::slice::from_ref(&flow));
        assert_eq!(watched.state(&flow), AlertState::Suppressed);
        if !recorded {
            watched.world.evidence.records.clear();
        }
        watched.world.shows_at("n1", "h2", '2', &strange(), at(1_300));
        watched.act(at(1_300));
        watched.act(at(1_400));
        let finding = watched.finding(flow.id());
        assert_eq!(finding.state, AlertState::Escalated, "{:?}", finding.severity_terms);
        let rollout = finding.rollout.clone().expect("a tag");
        assert_eq!(rollout.verdict, RolloutVerdict::Matched);
        assert_eq!(rollout.record.as_deref(), Some("deployment-agent-2"));
        let World {
            baseline,
            policy,
            evidence,
            ..
        } = &mut watched.world;
        crate::review::review(baseline, &watched.alerts, policy, evidence, at(10 * 86_400));
        let entry = watched.world.baseline.entry(&container(), flow.id());
        assert!(entry.is_some_and(crate::baseline::Entry::is_quarantined));
    }
}

#[test]
fn an_open_flow_that_a_strange_library_makes_grave_is_what_the_policy_makes_of_grave_ones() {
    for (on_unmatched, before, after) in [
        (None, AlertState::Open, AlertState::Escalated),
        (
            Some(OnUnmatched::Queue),
            AlertState::PendingReview,
            AlertState::PendingReview,
        ),
    ] {
        let mut watched = Watched::all_round();
        watched.world.policy.rollout.on_unmatched = on_unmatched;
        let flow = flow_to("new.example.org");
        watched.sees(&flow, 100);
        assert_eq!(watched.state(&flow), before);
        watched.sees(&strange(), 160);
        assert_eq!((watched.state(&flow), watched.state(&strange())), (after, after));
        // What made it grave may go: what was escalated stays so until somebody decides.
        watched.sees(&strange(), 90_000);
        assert_eq!(watched.state(&flow), after);
    }
}

#[test]
fn many_new_destinations_in_an_hour_are_a_finding_of_their_own_that_does_not_change_by_itself() {
    let mut watched = Watched::all_round();
    for number in 0..20 {
        let destination = flow(Destination::prefix(std::net::IpAddr::from([203, 0, number, 1])));
        watched
            .world
            .sees(&destination, Attributes::default(), at(100 + i64::from(number)));
    }
    watched.act(at(200));
    let burst = flow(Destination::Many(Burst {
        hour: at(100).hour(),
        count: 0,
        usual_thousandths: 0,
    }));
    let Behaviour::Network(network) = burst else {
        panic!("a flow");
    };
    let burst = Behaviour::Network(
        crate::behaviour::NetworkParts {
            executable: String::new(),
            port: 0,
            ..crate::behaviour::NetworkParts::from(network)
        }
        .into(),
    );
    let finding = watched.finding(burst.id());
    assert_eq!(
        (finding.rule, finding.count, finding.pods),
        (Rule::DestinationSpike, 20, 1)
    );
    assert_eq!(
        finding.summary,
        "20 new destinations in the hour from 2026-01-01T00:00:00Z, where 1.0 are usual"
    );
    assert_eq!(watched.alerts.len(), 1);
    // A day later nothing has changed, and a few new destinations are no burst.
    for number in 0..3 {
        let destination = flow(Destination::prefix(std::net::IpAddr::from([198, 51, number, 1])));
        watched.world.sees(&destination, Attributes::default(), at(90_000));
    }
    watched.act(at(90_000));
    let bursts = watched.alerts.iter().flat_map(|alert| &alert.findings);
    let hours: Vec<Hour> = bursts
        .filter(|finding| finding.rule == Rule::DestinationSpike)
        .map(|finding| finding.first_seen.hour())
        .collect();
    assert_eq!(hours, [at(100).hour()]);
}

/// So many programs that nobody saw before, as one report of pod `p1`.
fn flood(watched: &mut Watched, number: u64, many: u64, second: i64) {
    let reports = (0..many).map(|index| seen(&process("/usr/bin/python3", &format!("/{number}/{index}")), at(second)));
    let flood = batch(number, pod("p1", "h1", digest('1')), reports.collect());
    merge(&mut watched.world.baseline, &flood, &watched.world.policy, at(second));
    watched.act(at(second));
}

fn overflows(watched: &Watched) -> Vec<(String, Severity, u64)> {
    let findings = watched.alerts.iter().flat_map(|alert| &alert.findings);
    let overflows = findings.filter(|finding| finding.rule == Rule::NoveltyOverflow);
    overflows
        .map(|finding| (finding.summary.clone(), finding.severity, finding.count))
        .collect()
}

#[test]
fn what_found_no_room_among_the_novel_is_one_high_finding_a_day_that_counts_it() {
    let mut watched = Watched::all_round();
    flood(&mut watched, 50_000, 30, 100);
    assert_eq!(overflows(&watched), [], "all of it found room");
    flood(&mut watched, 50_001, 3_000, 200);
    let left_out = watched.world.baseline.all_overflowed();
    let of_day = |day: &str| format!("more was new to the process feed on 2026-01-{day} than there is room for");
    assert_eq!(overflows(&watched), [(of_day("01"), Severity::High, left_out)]);
    flood(&mut watched, 50_002, 10, 90_000);
    let found = overflows(&watched);
    assert_eq!(found.len(), 2, "another day, another finding: {found:?}");
    assert_eq!(found[1], (of_day("02"), Severity::High, 10));
}

#[test]
fn a_flood_that_pods_show_whom_nobody_knows_counts_for_nobody() {
    let mut watched = Watched::all_round();
    let ghost = crate::baseline::ReportingPod {
        verified: false,
        ..pod("ghost", "h1", digest('1'))
    };
    let reports = (0..3_000).map(|index| seen(&process("/usr/bin/python3", &format!("/tmp/{index}")), at(200)));
    let made_up = batch(50_000, ghost, reports.collect());
    merge(&mut watched.world.baseline, &made_up, &watched.world.policy, at(200));
    watched.act(at(200));
    assert_eq!(overflows(&watched), []);
}
