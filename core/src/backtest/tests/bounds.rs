//! What is kept is bounded over all containers, and what is beyond the bounds is said.

use super::*;

fn of(container: &str, observation: Observation) -> Observation {
    Observation {
        container: container.into(),
        ..observation
    }
}

#[test]
fn a_line_of_a_container_beyond_the_most_is_said_to_be_unjudged() {
    let mut backtest = Learning::default().finish(policy(Duration::ZERO));
    let date = line(0, "/usr/bin/date", &["date"]);
    for number in 0..MAX_CONTAINERS {
        let key = (date.workload.clone(), ContainerName::new(number.to_string()));
        let watch = Learner::default().finish(key.1.clone());
        backtest.containers.insert(key, watch);
    }
    let judged = backtest.judge(&of("one-more", date.clone()));
    assert_eq!((judged.verdict, judged.p), (Ruling::Unjudged, None));
    assert_eq!(serde_json::to_value(&judged).expect("JSON")["verdict"], "unjudged");
    backtest.judge(&of("7", date));
    let summary = backtest.summary();
    assert_eq!((summary.lines, summary.unjudged, summary.known), (2, 1, 0));
    assert_eq!((summary.drift, summary.overflowed), (1, 1));
}

#[test]
fn what_a_visitor_maps_while_a_baseline_learns_is_neither_known_nor_learned() {
    let mut library = library(0, "/usr/lib/x.so", "a", "image");
    let crate::observation::Observed::Module(module) = &mut library.what else {
        panic!("a library");
    };
    module.origin = crate::behaviour::Origin::Exec;
    let mut backtest = Learning::default().finish(policy(Duration::from_hours(24)));
    assert_eq!(backtest.judge(&library).verdict, Ruling::Unplaced);
    assert_eq!(backtest.summary().unplaced, 1);
}

#[test]
fn judgements_are_kept_within_a_bound_over_all_containers() {
    let mut backtest = learned().finish(policy(Duration::ZERO));
    let container = |number: usize| format!("c{number}");
    let date = ["date", "+%s"];
    backtest.judge(&line(20_000, "/usr/bin/date", &date));
    backtest.judge(&of(&container(1), line(20_000, "/usr/bin/date", &date)));
    assert_eq!(backtest.kept, 2);
    // As if others kept as many as may be.
    backtest.kept = MAX_KEPT;
    backtest.judge(&of(&container(2), line(20_000, "/usr/bin/date", &date)));
    assert_eq!(backtest.kept, 0);
    assert!(backtest.containers.values().all(|watch| watch.kept() == 0));
    // And what is judged again is judged the same.
    let again = backtest.judge(&line(20_001, "/usr/bin/bash", &SHELL));
    assert_eq!(again.rules, ["unusual-command"]);
    assert_eq!(backtest.kept, 1);
}

#[test]
fn deviations_beyond_the_most_that_are_told_apart_are_counted() {
    let mut backtest = Learning::default().finish(policy(Duration::ZERO));
    backtest.room = 2;
    for number in 0..5 {
        let name = format!("/usr/bin/tool-{number}");
        let judged = backtest.judge(&of(&format!("c{number}"), line(0, &name, &[&name])));
        assert_eq!(judged.verdict, Ruling::Drift);
    }
    let summary = backtest.summary();
    assert_eq!((summary.drift, summary.alerts, summary.overflowed), (5, 5, 3));
    assert_eq!(backtest.room, 0);
}
