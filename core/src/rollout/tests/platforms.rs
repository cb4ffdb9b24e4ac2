//! One image under several digests: of an index, and of its parts for platforms.

use super::*;

const INDEX: char = 'a';

/// What a node of a platform says: it holds an image under these digests.
fn node(platform: &str, digits: &[char]) -> NodeImages {
    let named = digits.iter().map(|digit| format!("registry/agent@{}", digest(*digit)));
    NodeImages {
        platform: Some(platform.to_owned()),
        images: vec![named.collect()],
    }
}

/// Revision 2 is recorded on linux/amd64 as digest 2; a pod on another platform tells digest 3.
fn on_two_platforms(recorded: &[char], other: &NodeImages) -> World {
    let mut world = World::mature();
    world.recorded(1, "h1", '1', at(-10_000));
    world.recorded(2, "h2", '2', at(1_000));
    let witness = node("linux/amd64", recorded);
    let second = world.evidence.records.pop().expect("the second");
    let held = second
        .containers
        .into_iter()
        .map(|(name, held)| (name, witness.tell(held)));
    world.evidence.records.push(Record {
        containers: held.collect(),
        ..second
    });
    world.runs("n1", "h2", '2', at(1_001));
    world.shows_at("n1", "h2", '2', &what_is_new(), at(1_003));
    world.runs("n2", "h2", '3', at(1_001));
    world.shows_at("n2", "h2", '3', &what_is_new(), at(1_003));
    world.records_further_by(other);
    world
}

#[test]
fn parts_of_one_index_are_one_image() {
    let world = on_two_platforms(&['2', INDEX], &node("linux/arm64", &['3', INDEX]));
    let rollout = judged(&world, at(1_008));
    assert_eq!(rollout.verdict, RolloutVerdict::Matched, "{}", rollout.reason);
    assert_eq!(mismatches(&world.evidence), []);
}

#[test]
fn a_part_of_an_index_that_was_pushed_later_is_a_mismatch() {
    let world = on_two_platforms(&['2', INDEX], &node("linux/arm64", &['3', 'b']));
    assert_eq!(verdict(&world, at(1_008)), RolloutVerdict::Never);
    assert_eq!(mismatches(&world.evidence).len(), 1);
}

#[test]
fn what_no_node_tells_is_neither_matched_nor_a_mismatch_and_says_so() {
    let world = on_two_platforms(&['2'], &node("linux/arm64", &['3']));
    let rollout = judged(&world, at(1_008));
    assert_eq!(rollout.verdict, RolloutVerdict::Unmatched);
    assert!(
        rollout.reason.ends_with("whether they are one image, nobody tells"),
        "{}",
        rollout.reason
    );
    assert_eq!(mismatches(&world.evidence), []);
}

#[test]
fn a_second_digest_of_one_platform_is_a_mismatch_also_where_the_first_is_undecided() {
    let mut world = on_two_platforms(&['2'], &node("linux/arm64", &['3']));
    world.runs("n3", "h2", '4', at(5_000));
    world.records_further_by(&node("linux/arm64", &['4']));
    let found = mismatches(&world.evidence);
    let running: Vec<_> = found.iter().map(|mismatch| mismatch.running.clone()).collect();
    assert_eq!(running, [digest('4')]);
}

#[test]
fn a_restart_that_is_seen_on_another_platform_explains_nothing() {
    let restarted = |before: &[char], after: &[char]| {
        let mut world = World::mature();
        for (revision, hash, digit, platform, also, started) in [
            (1, "h1", '2', "linux/amd64", before, -10_000),
            (2, "h2", '3', "linux/arm64", after, 1_000),
        ] {
            world.recorded(revision, hash, digit, at(started));
            let held = world
                .evidence
                .records
                .last_mut()
                .expect("it")
                .containers
                .get_mut(&container())
                .expect("it");
            *held = node(platform, also).tell(held.clone());
        }
        world.runs("n1", "h2", '3', at(1_001));
        world.shows_at("n1", "h2", '3', &what_is_new(), at(1_003));
        judged(&world, at(1_070))
    };
    let same = restarted(&['2', INDEX], &['3', INDEX]);
    assert_eq!(same.verdict, RolloutVerdict::Unmatched);
    assert!(same.reason.contains("the same image"), "{}", same.reason);
    let undecided = restarted(&['2'], &['3']);
    assert_eq!(undecided.verdict, RolloutVerdict::Unmatched);
    assert!(undecided.reason.contains("nobody tells"), "{}", undecided.reason);
    assert_eq!(
        restarted(&['2', INDEX], &['3', 'b']).verdict,
        RolloutVerdict::Matched,
        "another index"
    );
}

#[test]
fn a_node_that_tells_now_the_index_and_now_its_part_has_not_changed_the_image() {
    let mut world = rolled_out();
    // The runtime names an image by the first of its digests: another pod pulled it by one that comes before.
    world.runs("n2", "h2", '0', at(1_005));
    assert_eq!(
        verdict(&world, at(1_008)),
        RolloutVerdict::Never,
        "the sighting had another digest"
    );
    world.records_further_by(&node("linux/amd64", &['0', '2']));
    assert!(world.evidence.is_one_image(&container(), &digest('2'), &digest('0')));
    assert!(!world.evidence.is_one_image(&container(), &digest('2'), &digest('1')));
}
