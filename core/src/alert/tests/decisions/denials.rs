//! What is denied, and what can't be.

use super::*;

#[test]
fn what_is_denied_can_not_be_accepted() {
    let mut watched = Watched::mature();
    watched.world.policy.process.deny.insert("/usr/bin/bash".to_owned());
    watched.world.shows_at("p1", "h1", '1', &shell(), at(200));
    watched.act(at(200));
    watched.decides(&shell(), disposition(Decision::Accept, "alice"));
    watched.carries_out(at(300));
    assert_eq!(watched.states(&shell()), [AlertState::Escalated]);
    let outcome = watched.outcome(&shell());
    assert!(
        matches!(&outcome, Outcome::Refused(why) if why.contains("shop/watch denies it")),
        "{outcome:?}"
    );
}

#[test]
fn what_is_denied_is_denied_for_the_workload_before_the_alert_says_so() {
    let mut watched = raised();
    watched.decides(&shell(), disposition(Decision::Deny, "alice"));
    let plan = watched.act(at(300));
    let names: Vec<_> = plan.denials.iter().map(|denial| denial.name.as_str()).collect();
    assert_eq!(names.len(), 1);
    assert!(names[0].starts_with("deployment-agent-deny-"), "{names:?}");
    assert_eq!(watched.states(&shell()), [AlertState::Open]);
    assert_eq!(
        watched.outcome(&shell()),
        Outcome::Awaits(format!("the BehaviorApproval {} denies it", names[0]))
    );
    assert_eq!(watched.plan(at(301)).denials, plan.denials, "the same whoever plans it");
    watched.carries_out(at(302));
    assert_eq!(watched.states(&shell()), [AlertState::Denied]);
    assert_eq!(watched.entry_state(&shell()), None);
    watched.world.shows_at("p1", "h1", '1', &shell(), at(400));
    watched.carries_out(at(400));
    assert_eq!(watched.states(&shell()), [AlertState::Denied, AlertState::Escalated]);
    assert_eq!(watched.alerts[1].findings[0].rule, Rule::DeniedBehaviour);
}

/// What was told of a finding of this rule once somebody denied it.
fn denied(watched: &mut Watched, rule: Rule) -> String {
    watched.act(at(300));
    let has = |alert: &&mut Alert| alert.findings.iter().any(|finding| finding.rule == rule);
    let alert = watched.alerts.iter_mut().find(has).expect("an alert");
    let id = alert.findings.iter().find(|finding| finding.rule == rule).unwrap().id;
    alert.dispositions.insert(id, disposition(Decision::Deny, "alice"));
    assert_eq!(watched.act(at(301)).denials, []);
    let finding = watched.finding(id);
    assert!(!finding.state.is_closed(), "{rule}");
    match finding.decided.clone().expect("a decision").outcome {
        Outcome::Refused(why) => why,
        other => panic!("{rule}: {other:?}"),
    }
}

#[test]
fn what_stands_for_several_can_not_be_denied_and_says_what_to_do_instead() {
    let mut spike = Watched::mature();
    let flow = |number| crate::testkit::flow_to(&format!("{number}.example.org"));
    spike
        .world
        .sees(&flow(0), crate::behaviour::Attributes::default(), at(0));
    for number in 1..30 {
        let time = at(100 + number);
        spike
            .world
            .sees(&flow(number), crate::behaviour::Attributes::default(), time);
    }
    let why = denied(&mut spike, Rule::DestinationSpike);
    assert!(why.ends_with("deny those that it is about"), "{why}");

    let mut crowded = Watched::mature();
    let left_out = crate::baseline::LeftOut {
        count: 9,
        first_seen: at(100),
        last_seen: at(200),
        shown_by: BTreeMap::new(),
    };
    let feed = crowded.world.baseline.feed_mut(&container(), Feed::Process, at(0));
    feed.left_out = Some(left_out);
    let why = denied(&mut crowded, Rule::NoveltyOverflow);
    assert!(why.contains("by a pattern in a BehaviorApproval"), "{why}");

    let mut pushed = Watched::mature();
    pushed.world.runs("o1", "h1", '6', at(90));
    pushed.world.records_further();
    // A pattern that any executable fits denies none of it either.
    pushed.world.policy.process.deny.insert("*".to_owned());
    let why = denied(&mut pushed, Rule::DigestMismatch);
    assert!(why.contains("deploy by digest"), "{why}");
}

#[test]
fn what_a_namespace_has_no_room_for_can_not_be_denied() {
    let left_out = LeftOutAlerts {
        findings: 9,
        first_seen: at(10),
        last_seen: at(20),
    };
    let mut alerts = plan_namespace("shop", Some(left_out), &[], at(30)).create;
    let id = alerts[0].findings[0].id;
    alerts[0].dispositions.insert(id, disposition(Decision::Deny, "alice"));
    let plan = plan_namespace("shop", Some(left_out), &alerts, at(40));
    assert_eq!((plan.denials.len(), plan.update.len()), (0, 1));
    let finding = &plan.update[0].findings[0];
    let outcome = finding.decided.clone().expect("a decision").outcome;
    assert!(
        matches!(&outcome, Outcome::Refused(why) if why.contains("makes room")),
        "{outcome:?}"
    );
    assert_eq!(finding.state, AlertState::Escalated);
    let again = plan_namespace("shop", Some(left_out), &plan.update, at(50));
    assert_eq!((again.denials.len(), again.update.len()), (0, 0), "it is said once");
}

#[test]
fn a_denial_that_nobody_takes_is_refused_with_the_reason_and_made_once_it_is_taken() {
    let mut watched = raised();
    watched.decides(&shell(), disposition(Decision::Deny, "alice"));
    let name = watched.act(at(300)).denials[0].name.clone();
    watched.refused.insert(name.clone(), "approvals come from Git".into());
    assert_eq!(watched.act(at(301)).denials, []);
    let Outcome::Refused(why) = watched.outcome(&shell()) else {
        panic!("{:?}", watched.outcome(&shell()));
    };
    assert!(why.contains(&name) && why.contains("approvals come from Git"), "{why}");
    assert_eq!(watched.states(&shell()), [AlertState::Open]);
    watched.refused.clear();
    assert_eq!(watched.act(at(900)).denials[0].name, name);
    watched.carries_out(at(901));
    assert_eq!(watched.states(&shell()), [AlertState::Denied]);
}
