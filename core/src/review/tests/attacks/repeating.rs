//! Doing it again every day, in every pod, for weeks.

use super::*;

#[test]
fn repeating_a_shell_in_every_pod_for_six_weeks_leaves_it_raised() {
    let (mut watched, pods) = Watched::of_pods(4);
    watched.world.policy.absorb = crate::policy::AbsorbPolicy::default();
    let pods: Vec<&str> = pods.iter().map(String::as_str).collect();
    assert_eq!(watched.shows_daily(&shell(), 42, &pods), 0);
    assert!(matches!(watched.state(&shell()), Some(EntryState::Quarantined { .. })));
    assert_eq!(watched.alerts[0].state, AlertState::Open);
}

#[test]
fn repeating_what_was_dismissed_is_raised_again_each_time_and_never_learned() {
    let (mut watched, _) = Watched::of_pods(2);
    for day in 1..=20 {
        watched.world.shows_at("p1", "h1", '1', &shell(), at(day * DAY));
        watched.world.shows_at("p2", "h1", '1', &shell(), at(day * DAY));
        watched.passes(at(day * DAY));
        for alert in &mut watched.alerts {
            let dismissed = Disposition {
                decision: Decision::Dismiss,
                reason: String::new(),
                by: "alice".to_owned(),
                evidence: None,
            };
            alert.dispositions.entry(shell().id()).or_insert(dismissed);
        }
        watched.passes(at(day * DAY + 1));
        assert_eq!(watched.state(&shell()), None, "day {day}");
    }
    assert_eq!(watched.alerts.len(), 20);
}
