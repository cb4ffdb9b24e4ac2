//! Command lines that were judged usual, on a host.

use super::*;
use anchorwatch_core::text::command_line;

/// A line like those that were learned, and none of them.
const USUAL: &str = "find /data/zz -name '*.log' -delete";
const DAY: i64 = 86_400;

fn runs(script: &str) -> Attributed {
    let line: Arc<str> = command_line(&["bash", "-c", script].map(str::to_owned)).into();
    Attributed {
        command: Some(line.into()),
        ..process(DEMO, "/bin/bash")
    }
}

/// A unit that learned three dozen everyday commands of a shell, and judges.
fn with_commands() -> Watch {
    let mut watch = watch();
    for letters in [
        "aa", "ab", "ac", "ad", "ae", "af", "ba", "bb", "bc", "bd", "be", "bf", "ca", "cb", "cc", "cd", "ce", "cf",
    ] {
        for script in [
            format!("tar czf /backup/{letters}.tar.gz /data/{letters} && ls -l"),
            format!("find /data/{letters} -name '*.log' -delete"),
        ] {
            assert_eq!(told(&mut watch, &runs(&script), 2), []);
        }
    }
    watch.pass_time(at(100));
    watch
}

/// What the shell learned, and its candidates.
fn lines(watch: &Watch) -> (BTreeSet<String>, usize) {
    let known = &watch.known[container(DEMO).workload.as_ref()];
    let entries = known.baseline.entries();
    let commands = entries.flat_map(|(_, _, entry)| entry.attributes.commands.clone());
    (commands.collect(), known.baseline.candidates())
}

#[test]
fn what_was_judged_usual_is_learned_on_the_third_day_also_where_it_is_not_the_days_first() {
    let mut watch = with_commands();
    let usual = command_line(&["bash", "-c", USUAL].map(str::to_owned));
    for day in 1..=3 {
        let (learned, candidates) = lines(&watch);
        assert_eq!(
            (learned.contains(&usual), candidates),
            (false, usize::from(day > 1)),
            "day {day}"
        );
        for (second, script) in [(0, "find /data/aa -name '*.log' -delete"), (60, USUAL), (120, USUAL)] {
            assert_eq!(told(&mut watch, &runs(script), day * DAY + second), []);
        }
        watch.take_changed(true);
        watch.pass_time(at(day * DAY + 200));
    }
    let (learned, candidates) = lines(&watch);
    assert_eq!((learned.contains(&usual), candidates), (true, 0));
    assert_eq!(
        watch.take_changed(false).len(),
        1,
        "what was learned is written at once"
    );
}

#[test]
fn what_is_not_seen_again_stays_a_candidate_until_it_is_forgotten() {
    let mut watch = with_commands();
    told(&mut watch, &runs(USUAL), DAY);
    for day in 2..=9 {
        told(&mut watch, &runs("find /data/aa -name '*.log' -delete"), day * DAY);
        watch.pass_time(at(day * DAY + 1));
        assert_eq!(lines(&watch).1, usize::from(day <= 8), "day {day}");
    }
}
