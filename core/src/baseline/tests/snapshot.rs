//! What was found when a sensor started, and what was seen to happen.

use super::*;

fn found(behaviour: &Behaviour, second: i64) -> BehaviourReport {
    BehaviourReport {
        snapshot: true,
        ..seen(behaviour, at(second))
    }
}

fn merged(world: &mut World, seq: u64, report: BehaviourReport) {
    let now = report.last_seen;
    let batch = batch(1_000 + seq, pod("p1", "h1", digest('1')), vec![report]);
    merge(&mut world.baseline, &batch, &world.policy, now);
}

#[test]
fn what_was_only_found_is_marked_until_it_is_seen_to_happen() {
    let mut world = World::mature();
    for (seq, report, marked) in [
        (0, found(&shell(), 100), true),
        (1, found(&shell(), 200), true),
        (2, seen(&shell(), at(300)), false),
        (3, found(&shell(), 400), false),
    ] {
        merged(&mut world, seq, report);
        assert_eq!(entry(&world.baseline, &shell()).snapshot, marked, "{seq}");
    }
}

#[test]
fn what_was_found_is_judged_as_anything_else() {
    let mut world = World::mature();
    merged(&mut world, 0, found(&shell(), 100));
    let held = entry(&world.baseline, &shell());
    assert_eq!(held.rule(), Some(Rule::ProcessOutsideBaseline));
}
