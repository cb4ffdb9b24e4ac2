//! All of what is learned is known when judging begins, however long that took and however long ago it was.

use super::*;

/// A program each day, and one more that ran on one day only.
fn days(from: i64, to: i64) -> impl Iterator<Item = Observation> {
    (from..to).flat_map(|day| {
        let of_day = ["bash", "-c", "ls -l"].map(str::to_owned);
        let name = format!("/usr/bin/tool-{day}");
        [
            line(day * DAY, "/usr/bin/date", &["date", "+%s"]),
            line(day * DAY + 60, &name, &[&name]),
            line(day * DAY + 90, "/usr/bin/bash", &of_day.each_ref().map(String::as_str)),
        ]
    })
}

fn month() -> Learning {
    let mut learning = Learning::default();
    days(0, 30).for_each(|observation| learning.learn(&observation));
    learning
}

fn drifted(mut backtest: Backtest, replay: impl Iterator<Item = Observation>) -> Vec<(Timestamp, Vec<&'static str>)> {
    let judged = replay.map(|observation| (observation.time, backtest.judge(&observation)));
    let drifted = judged.filter(|(_, judged)| judged.verdict != Ruling::Known);
    drifted.map(|(time, judged)| (time, judged.rules)).collect()
}

#[test]
fn what_was_learned_longer_ago_than_the_window_is_known_when_judging_begins() {
    // On the day after, all of the month in one day; and the same a month and a year later.
    for after in [30, 60, 395] {
        let all_at_once = days(0, 30).map(|observation| Observation {
            time: crate::testkit::at(after * DAY + observation.time.as_secs() % 100),
            ..observation
        });
        assert_eq!(drifted(month().finish(policy(Duration::ZERO)), all_at_once), []);
    }
}

#[test]
fn a_replay_of_the_learned_lines_is_without_drift() {
    assert_eq!(drifted(month().finish(policy(Duration::ZERO)), days(0, 30)), []);
    assert_eq!(drifted(month().finish(Policy::default()), days(0, 30)), []);
}

#[test]
fn after_the_window_of_the_replay_what_was_only_learned_is_forgotten() {
    // What ran on one day only, asked for once the replay itself is longer than the window.
    let daily = (40..50).map(|day| line(day * DAY, "/usr/bin/date", &["date", "+%s"]));
    let asked = line(50 * DAY, "/usr/bin/tool-3", &["/usr/bin/tool-3"]);
    let drifted = drifted(month().finish(policy(Duration::ZERO)), daily.chain([asked]));
    assert_eq!(drifted.len(), 1);
    assert_eq!(drifted[0].1, ["returned-behaviour"]);
}

#[test]
fn each_container_begins_with_its_own_first_line() {
    let of_other = |observation: Observation| Observation {
        container: "other".into(),
        ..observation
    };
    let mut learning = month();
    days(0, 3)
        .map(of_other)
        .for_each(|observation| learning.learn(&observation));
    let mut backtest = learning.finish(policy(Duration::ZERO));
    for day in 30..60 {
        backtest.judge(&line(day * DAY, "/usr/bin/date", &["date", "+%s"]));
    }
    let late = of_other(line(60 * DAY, "/usr/bin/tool-1", &["/usr/bin/tool-1"]));
    assert_eq!(backtest.judge(&late).verdict, Ruling::Known);
}
