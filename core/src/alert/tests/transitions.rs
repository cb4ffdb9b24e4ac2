//! What a log pipeline is told of an alert.

use super::*;
use crate::alert::transition::{Change, MAX_NAMED, Transition};

fn opened() -> Alert {
    let mut watched = Watched::mature();
    watched.world.shows_at("p1", "h1", '1', &shell(), at(200));
    watched.act(at(200));
    watched.alerts.remove(0)
}

#[test]
fn a_line_is_as_it_was_promised() {
    let line = Transition::between(None, Some(&opened()), at(201));
    insta::assert_json_snapshot!(line);
}

#[test]
fn what_is_only_counted_up_is_told_by_no_line() {
    let before = opened();
    let told = |change: &dyn Fn(&mut Alert)| {
        let mut after = before.clone();
        change(&mut after);
        Transition::between(Some(&before), Some(&after), at(300)).map(|line| (line.change, line.from, line.state))
    };
    assert_eq!(told(&|_| {}), None);
    assert_eq!(
        told(&|alert| (alert.count, alert.pods, alert.last_seen) = (9, 3, at(290))),
        None
    );
    assert_eq!(
        told(&|alert| {
            alert.state = AlertState::Dismissed;
            alert.findings[0].state = AlertState::Dismissed;
        }),
        Some((Change::Changed, Some(before.state), AlertState::Dismissed))
    );
    assert_eq!(
        told(&|alert| alert.severity = Severity::Critical),
        Some((Change::Changed, None, before.state))
    );
    assert_eq!(
        told(&|alert| alert.findings.push(alert.findings[0].clone())),
        Some((Change::Changed, None, before.state))
    );
    let gone = Transition::between(Some(&before), None, at(300)).map(|line| line.change);
    assert_eq!(gone, Some(Change::Deleted));
    assert_eq!(Transition::between(None, None, at(300)), None);
}

#[test]
fn a_line_names_so_many_findings_the_most_urgent_first_and_no_reason_that_somebody_wrote() {
    let mut alert = opened();
    let mut decided = alert.findings[0].clone();
    decided.state = AlertState::Escalated;
    decided.decided = Some(Decided {
        decision: Decision::Escalate,
        by: "alice".into(),
        at: at(210),
        outcome: Outcome::Done,
    });
    alert.findings = vec![alert.findings[0].clone(); 40];
    alert.findings.push(decided);
    alert.dispositions.insert(
        alert.findings[0].id,
        Disposition {
            reason: "hunter2".into(),
            ..disposition(Decision::Escalate, "alice")
        },
    );
    let line = Transition::between(None, Some(&alert), at(300)).expect("a line");
    assert_eq!((line.findings, line.named.len()), (41, MAX_NAMED));
    assert_eq!(line.named[0].decided_by.as_deref(), Some("alice"));
    assert!(!serde_json::to_string(&line).expect("JSON").contains("hunter2"));
}
