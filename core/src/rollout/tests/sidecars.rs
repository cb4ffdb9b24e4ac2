//! Containers that something puts into pods beside those of their template.

use super::*;
use crate::testkit::seen;

fn proxy() -> ContainerName {
    ContainerName::new("proxy")
}

/// A workload of so many pods, all with the sidecar's first image; then each is made again with the second one, of this
/// repository, and so many of them show something new.
fn upgraded(pods: usize, made_again: usize, showing: usize, repository: &str) -> World {
    let mut world = World::mature();
    world.recorded(1, "h1", '1', at(-10_000));
    let has = |world: &mut World, uid: &str, digit, image: &str, created| {
        world.runs(uid, "h1", '1', created);
        let pod = world.evidence.pods.get_mut(&PodUid::new(uid)).expect("it runs");
        pod.digests.insert(proxy(), digest(digit));
        pod.images.insert(proxy(), image.to_owned());
    };
    for number in 0..pods {
        has(&mut world, &format!("o{number}"), '5', "mesh/proxy:1", at(-9_000));
    }
    world.records_further();
    for number in 0..made_again {
        world.stops(&format!("o{number}"));
        has(
            &mut world,
            &format!("n{number}"),
            '6',
            &format!("{repository}:2"),
            at(1_000),
        );
    }
    world.records_further();
    for number in 0..showing {
        shows(&mut world, &format!("n{number}"), '6');
    }
    world
}

fn shows(world: &mut World, uid: &str, digit: char) {
    world.injected_shows(&proxy(), pod(uid, "h1", digest(digit)), seen(&what_is_new(), at(1_010)));
}

fn of_proxy(world: &World) -> Entry {
    let feed = &world.baseline.containers[&proxy()].feeds[&Feed::Process];
    feed.entries[&what_is_new().id()].clone()
}

fn judged(world: &World, now: Timestamp) -> RolloutMatch {
    let (policy, evidence) = (&world.policy, &world.evidence);
    judge(&proxy(), &of_proxy(world), MAX_SIGHTINGS, evidence, policy, now).rollout
}

#[test]
fn an_injector_that_was_upgraded_explains_what_its_new_image_does() {
    let world = upgraded(4, 4, 4, "mesh/proxy");
    let rollout = judged(&world, at(1_011));
    assert_eq!(rollout.verdict, RolloutVerdict::Matched, "{}", rollout.reason);
    let record = rollout.record.expect("it is tagged");
    let told = world
        .evidence
        .records
        .iter()
        .find(|held| held.name == record)
        .expect("it is there");
    assert_eq!((told.started_at, told.who.clone()), (at(1_000), None));
    assert!(
        rollout.reason.contains("4 of 4 running pods of the workload"),
        "{}",
        rollout.reason
    );
    let stands = |world: &World| {
        let policy = &world.policy.rollout;
        still_explained(&record, &proxy(), &of_proxy(world), &world.evidence, policy, at(9_000))
    };
    assert_eq!(stands(&world), Some(StillExplained::Yes));
    let mut world = world;
    shows(&mut world, "o9", '5');
    assert!(
        matches!(stands(&world), Some(StillExplained::No { .. })),
        "a pod with the image before shows it"
    );
}

#[test]
fn somebodys_own_pod_that_a_workload_adopted_explains_nothing() {
    let world = upgraded(4, 1, 1, "mesh/proxy");
    assert_eq!(judged(&world, at(1_100)).verdict, RolloutVerdict::Pending);
    let rollout = judged(&world, at(1_190));
    assert_eq!(rollout.verdict, RolloutVerdict::Partial);
    assert!(
        rollout.reason.contains("1 of 4 running pods of the workload"),
        "{}",
        rollout.reason
    );
    assert_eq!(
        judged(&upgraded(4, 4, 1, "mesh/proxy"), at(1_190)).verdict,
        RolloutVerdict::Partial
    );
}

#[test]
fn a_first_image_and_one_of_another_repository_explain_nothing() {
    let rollout = judged(&upgraded(0, 2, 2, "mesh/proxy"), at(1_190));
    assert_eq!(rollout.verdict, RolloutVerdict::Unmatched);
    assert!(
        rollout.reason.contains("the first image of proxy"),
        "{}",
        rollout.reason
    );
    let rollout = judged(&upgraded(2, 2, 2, "evil/proxy"), at(1_190));
    assert_eq!(rollout.verdict, RolloutVerdict::Unmatched);
    assert!(rollout.reason.contains("another repository"), "{}", rollout.reason);
}

#[test]
fn what_is_injected_long_before_it_shows_something_explains_nothing() {
    let mut world = upgraded(2, 2, 2, "mesh/proxy");
    world.policy.rollout.window = Duration::from_secs(9);
    assert_eq!(judged(&world, at(1_011)).verdict, RolloutVerdict::Unmatched);
}

#[test]
fn a_policy_that_asks_whom_to_trust_lets_nobody_inject() {
    let mut world = upgraded(2, 2, 2, "mesh/proxy");
    world.policy.rollout.trusted_managers = ["argocd-controller".to_owned()].into();
    assert_eq!(judged(&world, at(1_011)).verdict, RolloutVerdict::Partial);
    world.policy.rollout.trusted_managers.clear();
    world.policy.rollout.require_verified = true;
    assert_eq!(judged(&world, at(1_011)).verdict, RolloutVerdict::Partial);
}

#[test]
fn an_image_that_is_not_recorded_yet_is_awaited_and_one_that_no_pod_has_any_more_is_not() {
    let mut world = upgraded(2, 2, 2, "mesh/proxy");
    let told = world.evidence.records.pop();
    assert_eq!(judged(&world, at(1_011)).verdict, RolloutVerdict::Pending);
    assert_eq!(judged(&world, at(1_071)).verdict, RolloutVerdict::Unmatched);
    world.evidence.records.extend(told);
    world.stops("n0");
    world.stops("n1");
    assert_eq!(judged(&world, at(1_011)).verdict, RolloutVerdict::Unmatched);
}

#[test]
fn a_pod_whose_sidecar_was_changed_is_never_explained() {
    let mut world = upgraded(2, 2, 2, "mesh/proxy");
    let pod = world.evidence.pods.get_mut(&PodUid::new("n1")).expect("it runs");
    pod.digests.insert(proxy(), digest('7'));
    assert_eq!(judged(&world, at(1_011)).verdict, RolloutVerdict::Never);
}
