//! Several rollouts within one window: what one of them brought is explained in the next ones, too, and in none before it.

use super::*;

/// Revision 3 follows at second 1020; one pod of it shows the same.
fn followed_by(hash: &str, runs: char) -> World {
    let mut world = rolled_out();
    world.recorded(3, hash, runs, at(1_020));
    world.stops("n1");
    world.stops("n2");
    world.runs("m1", hash, runs, at(1_021));
    world.shows_at("m1", hash, runs, &what_is_new(), at(1_023));
    world
}

fn stands(world: &World, now: Timestamp) -> Option<StillExplained> {
    let name = "deployment-agent-2";
    let policy = &world.policy.rollout;
    still_explained(name, &container(), entry(world), &world.evidence, policy, now)
}

#[test]
fn a_restart_and_the_next_release_go_on_with_what_a_rollout_brought() {
    for (hash, runs, what) in [("h3", '2', "a restart"), ("h3", '3', "a release")] {
        let world = followed_by(hash, runs);
        let rollout = judged(&world, at(1_024));
        assert_eq!(rollout.verdict, RolloutVerdict::Matched, "{what}: {}", rollout.reason);
        assert_eq!(rollout.record.as_deref(), Some("deployment-agent-2"), "{what}");
        assert!(rollout.reason.contains("or a rollout after it"), "{}", rollout.reason);
        assert_eq!(stands(&world, at(100_000)), Some(StillExplained::Yes), "{what}");
    }
}

#[test]
fn a_rollback_goes_on_with_nothing() {
    let world = followed_by("h1", '1');
    assert_eq!(verdict(&world, at(1_024)), RolloutVerdict::Unmatched);
    assert!(matches!(stands(&world, at(1_024)), Some(StillExplained::No { .. })));
    // Nor does an older image under a new template.
    let world = followed_by("h3", '1');
    assert_eq!(verdict(&world, at(1_024)), RolloutVerdict::Unmatched);
    assert!(matches!(stands(&world, at(1_024)), Some(StillExplained::No { .. })));
}

#[test]
fn what_only_a_restart_shows_is_not_explained_by_it() {
    let mut world = World::mature();
    world.recorded(1, "h1", '1', at(-10_000));
    world.recorded(2, "h2", '1', at(1_000));
    world.runs("n1", "h2", '1', at(1_001));
    world.shows_at("n1", "h2", '1', &what_is_new(), at(1_003));
    assert_eq!(verdict(&world, at(1_070)), RolloutVerdict::Unmatched);
}

#[test]
fn a_rollout_that_is_not_recorded_yet_takes_nothing_from_the_one_before() {
    let mut world = followed_by("h3", '3');
    let third = world.evidence.records.pop().expect("the third");
    assert_eq!(verdict(&world, at(1_024)), RolloutVerdict::Pending, "it is awaited");
    assert_eq!(
        stands(&world, at(1_024)),
        Some(StillExplained::SoFar(Duration::from_secs(5)))
    );
    assert!(matches!(stands(&world, at(1_083)), Some(StillExplained::No { .. })));
    world.evidence.records.push(third);
    assert_eq!(stands(&world, at(1_083)), Some(StillExplained::Yes));
    // One that never comes up is not awaited.
    let mut world = rolled_out();
    world.evidence.current = Some(current(3, "h3", at(1_006)));
    assert_eq!(verdict(&world, at(1_008)), RolloutVerdict::Matched);
}

#[test]
fn a_pod_of_the_revision_before_both_spoils_the_match() {
    let mut world = followed_by("h3", '3');
    world.shows_at("o1", "h1", '1', &what_is_new(), at(1_024));
    assert_eq!(verdict(&world, at(1_025)), RolloutVerdict::Unmatched);
    assert!(matches!(stands(&world, at(1_025)), Some(StillExplained::No { .. })));
}

#[test]
fn a_later_release_by_somebody_whom_the_policy_does_not_trust_goes_on_with_nothing() {
    let trusting = |runs: char| {
        let mut world = followed_by("h3", runs);
        world.policy.rollout.trusted_managers = ["argocd-controller".to_owned()].into();
        let third = world.evidence.records.last_mut().expect("the third");
        third.who.as_mut().expect("who").manager = "kubectl-edit".to_owned();
        world
    };
    assert!(matches!(
        stands(&trusting('3'), at(1_024)),
        Some(StillExplained::No { .. })
    ));
    // A restart runs what was explained, whoever asked for it.
    assert_eq!(stands(&trusting('2'), at(1_024)), Some(StillExplained::Yes));
}
