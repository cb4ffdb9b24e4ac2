//! What a baseline raises that is not complete yet.

use super::*;
use crate::{
    baseline::Maturity,
    behaviour::{Attributes, Feed},
    policy::MaturityMethod,
    rules::Rule,
    severity::Severity,
    testkit::{flow_to, library},
};

/// A workload whose feeds are provisional and stay so.
fn provisional() -> Watched {
    let mut watched = Watched::mature();
    watched.world.policy.maturity.method = MaturityMethod::Measured;
    for feed in Feed::ALL {
        watched.world.baseline.feed_mut(&container(), feed, at(0)).maturity = Maturity::Provisional;
    }
    watched
}

#[test]
fn novelty_is_one_severity_lower_and_waits_for_review() {
    let mut watched = provisional();
    watched.world.shows_at("p1", "h1", '1', &shell(), at(200));
    watched.act(at(200));
    let finding = watched.finding(shell().id());
    assert_eq!(
        (finding.state, finding.severity),
        (AlertState::PendingReview, Severity::Low)
    );
    assert_eq!(finding.severity_terms, ["base Medium", "-1 provisional baseline"]);
}

#[test]
fn two_feeds_at_once_are_no_more_than_medium_and_wait_too() {
    let mut watched = provisional();
    let strange = library("/data/x.so", 'c', SourceLayer::Volume);
    for behaviour in [flow_to("new.example.org"), strange.clone()] {
        watched.world.sees(&behaviour, Attributes::default(), at(200));
    }
    watched.act(at(200));
    let finding = watched.finding(strange.id());
    assert_eq!(
        (finding.state, finding.severity),
        (AlertState::PendingReview, Severity::Medium)
    );
}

#[test]
fn what_needs_no_baseline_is_as_grave_as_ever() {
    let mut watched = provisional();
    watched.world.shows_at("p1", "h1", '1', &fileless(), at(200));
    let reverse = behaviour(ProcessParts {
        stdin_socket: true,
        ..parts("/usr/bin/python3", "/usr/bin/bash")
    });
    watched.world.shows_at("p1", "h1", '1', &reverse, at(200));
    watched.act(at(200));
    for behaviour in [fileless(), reverse] {
        let finding = watched.finding(behaviour.id());
        assert_eq!(
            (finding.state, finding.severity),
            (AlertState::Escalated, Severity::High),
            "{}",
            finding.rule
        );
    }
}

#[test]
fn one_decision_holds_however_complete_the_baseline_becomes() {
    let mut watched = provisional();
    watched.world.shows_at("p1", "h1", '1', &shell(), at(200));
    watched.act(at(200));
    watched
        .world
        .baseline
        .feed_mut(&container(), Feed::Process, at(0))
        .maturity = Maturity::Enforcing;
    watched.world.shows_at("p1", "h1", '1', &shell(), at(9_000));
    watched.act(at(9_000));
    let finding = watched.finding(shell().id());
    assert_eq!(
        (finding.state, finding.severity),
        (AlertState::PendingReview, Severity::Low)
    );
    watched.world.shows_at("p1", "h1", '1', &numbered(1), at(20_000));
    watched.act(at(20_000));
    let finding = watched.finding(numbered(1).id());
    assert_eq!((finding.state, finding.severity), (AlertState::Open, Severity::Medium));
}

#[test]
fn a_policy_that_observes_only_records_it() {
    let mut watched = provisional();
    watched.world.policy.mode = Mode::Observe;
    watched.world.shows_at("p1", "h1", '1', &shell(), at(200));
    watched.act(at(200));
    assert_eq!(watched.state(&shell()), AlertState::Observed);
}

#[test]
fn a_monthly_job_and_what_it_talks_to_are_low_together() {
    let mut watched = Watched::mature();
    watched
        .world
        .sees(&flow_to("monthly.example.org"), Attributes::default(), at(5));
    let job = process("/usr/bin/python3", "/usr/bin/report");
    watched.world.sees(&job, Attributes::default(), at(5));
    let day = |day: i64| at(day * 86_400);
    for number in 0..20 {
        for daily in [process("", "/usr/bin/python3"), flow_to("daily.example.org")] {
            watched.world.sees(&daily, Attributes::default(), day(number));
        }
    }
    crate::baseline::age(&mut watched.world.baseline, &watched.world.policy, day(20));
    watched.act(day(20));
    watched
        .world
        .sees(&flow_to("monthly.example.org"), Attributes::default(), day(21));
    watched.world.sees(&job, Attributes::default(), day(21));
    watched.act(day(21));
    for behaviour in [flow_to("monthly.example.org"), job] {
        let finding = watched.finding(behaviour.id());
        assert_eq!(
            (finding.rule, finding.severity),
            (Rule::ReturnedBehaviour, Severity::Low)
        );
    }
}
