//! Which findings a rollout explains, and which it does not, however near it is.

mod intents;
mod platforms;
mod recording;
mod several;
mod sidecars;

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::{
    baseline::{Entry, MAX_SIGHTINGS},
    behaviour::{Behaviour, Feed, ProcessParts, SourceLayer},
    id::{ContainerName, PodUid, WorkloadUid},
    testkit::{World, at, behaviour, container, current, digest, parts, pod, process, record, running, workload},
    time::{Duration, Timestamp},
};

fn what_is_new() -> Behaviour {
    process("/usr/bin/python3", "/opt/new-helper")
}

fn entry(world: &World) -> &Entry {
    let feed = &world.baseline.containers[&container()].feeds[&Feed::Process];
    &feed.entries[&what_is_new().id()]
}

fn judged(world: &World, now: Timestamp) -> RolloutMatch {
    judge(
        &container(),
        entry(world),
        MAX_SIGHTINGS,
        &world.evidence,
        &world.policy,
        now,
    )
    .rollout
}

fn verdict(world: &World, now: Timestamp) -> RolloutVerdict {
    judged(world, now).verdict
}

/// Revision 2 (hash h2, digest 2) follows revision 1 at second 1000; both its pods show something new.
fn rolled_out() -> World {
    let mut world = World::mature();
    world.recorded(1, "h1", '1', at(-10_000));
    world.recorded(2, "h2", '2', at(1_000));
    for (uid, created) in [("n1", 1_001), ("n2", 1_005)] {
        world.runs(uid, "h2", '2', at(created));
        world.shows_at(uid, "h2", '2', &what_is_new(), at(created + 2));
    }
    world
}

#[test]
fn a_finding_of_every_pod_of_a_complete_rollout_is_matched_at_once() {
    let world = rolled_out();
    assert_eq!(
        judged(&world, at(1_008)),
        RolloutMatch {
            record: Some("deployment-agent-2".to_owned()),
            verdict: RolloutVerdict::Matched,
            reason:
                "every pod that shows it runs sha256:222222222222 as deployment-agent-2 records; first seen 3 s after \
                     that rollout started by argocd-controller (as it says itself); 2 of 2 running pods of the revision show it"
                    .to_owned(),
        }
    );
}

#[test]
fn a_finding_of_a_workload_without_records_waits_for_nothing() {
    let mut world = rolled_out();
    world.evidence = Evidence::default();
    assert_eq!(verdict(&world, at(1_008)), RolloutVerdict::Unmatched);
}

#[test]
fn a_first_revision_explains_nothing() {
    let mut world = rolled_out();
    world.evidence.records.remove(0);
    let rollout = judged(&world, at(1_008));
    assert_eq!(rollout.verdict, RolloutVerdict::Unmatched);
    assert_eq!(rollout.record.as_deref(), Some("deployment-agent-2"));
}

#[test]
fn records_of_an_earlier_workload_of_the_same_name_do_not_count() {
    let mut world = rolled_out();
    world.evidence.records[0].workload_uid = WorkloadUid::new("w-0");
    assert_eq!(verdict(&world, at(1_008)), RolloutVerdict::Unmatched);
}

#[test]
fn a_restart_explains_nothing() {
    let mut world = rolled_out();
    world.evidence.records[0] = record(1, "h1", '2', at(-10_000));
    let rollout = judged(&world, at(1_008));
    assert_eq!(rollout.verdict, RolloutVerdict::Unmatched);
    assert!(rollout.reason.contains("the same image"), "{}", rollout.reason);
}

#[test]
fn a_container_that_the_template_lacks_is_explained_by_no_rollout() {
    let mut world = rolled_out();
    let recorded = std::mem::take(&mut world.evidence.records[1].containers);
    world.evidence.records[1].containers = recorded
        .into_values()
        .map(|held| (ContainerName::new("other"), held))
        .collect();
    assert_eq!(
        verdict(&world, at(1_008)),
        RolloutVerdict::Pending,
        "a record of it is awaited"
    );
    assert_eq!(verdict(&world, at(1_063)), RolloutVerdict::Unmatched);
}

#[test]
fn a_pod_of_the_revision_before_spoils_the_match() {
    let mut world = rolled_out();
    world.shows_at("o1", "h1", '1', &what_is_new(), at(1_009));
    let rollout = judged(&world, at(1_010));
    assert_eq!(rollout.verdict, RolloutVerdict::Unmatched);
    assert!(rollout.reason.contains("agent-h1-o1"), "{}", rollout.reason);
}

#[test]
fn a_pod_that_was_patched_to_another_image_spoils_the_match() {
    let mut world = rolled_out();
    world.shows_at("n3", "h2", '6', &what_is_new(), at(1_009));
    assert_eq!(verdict(&world, at(1_010)), RolloutVerdict::Never);
}

#[test]
fn patching_the_pod_back_does_not_mend_it() {
    let mut world = rolled_out();
    world.shows_at("n3", "h2", '6', &what_is_new(), at(1_009));
    world.runs("n3", "h2", '2', at(1_006));
    assert_eq!(verdict(&world, at(1_010)), RolloutVerdict::Never);
    // Nor the other way round: it was right when it showed the behaviour, and is not now.
    let mut world = rolled_out();
    world.runs("n2", "h2", '6', at(1_005));
    assert_eq!(verdict(&world, at(1_010)), RolloutVerdict::Never);
}

#[test]
fn a_digest_that_is_not_known_yet_is_awaited_for_a_minute() {
    let mut world = rolled_out();
    let mut late = pod("n3", "h2", digest('2'));
    late.digest = None;
    world.reports(late, &what_is_new(), at(1_009));
    assert_eq!(verdict(&world, at(1_062)), RolloutVerdict::Pending);
    assert_eq!(verdict(&world, at(1_063)), RolloutVerdict::Unmatched);
    world.runs("n3", "h2", '2', at(1_006));
    assert_eq!(verdict(&world, at(1_063)), RolloutVerdict::Matched);
}

#[test]
fn a_record_that_does_not_exist_yet_is_awaited_for_a_minute() {
    let mut world = rolled_out();
    let newest = world.evidence.records.pop();
    assert_eq!(verdict(&world, at(1_062)), RolloutVerdict::Pending);
    assert_eq!(verdict(&world, at(1_063)), RolloutVerdict::Unmatched);
    // A pod of the revision before settles it at once.
    world.shows_at("o1", "h1", '1', &what_is_new(), at(1_009));
    assert_eq!(verdict(&world, at(1_010)), RolloutVerdict::Unmatched);
    assert!(newest.is_some());
}

#[test]
fn a_revision_that_nobody_named_yet_is_awaited_for_a_minute() {
    let mut world = rolled_out();
    world.evidence.records.pop();
    world.evidence.current = Some(current(1, "h1", at(-10_000)));
    assert_eq!(verdict(&world, at(1_010)), RolloutVerdict::Pending);
    assert_eq!(verdict(&world, at(1_063)), RolloutVerdict::Unmatched);
}

#[test]
fn a_pending_judgement_says_when_it_is_due() {
    let mut world = rolled_out();
    world.evidence.records.pop();
    let due = |now| {
        judge(
            &container(),
            entry(&world),
            MAX_SIGHTINGS,
            &world.evidence,
            &world.policy,
            now,
        )
        .retry_after
    };
    assert_eq!(due(at(1_010)), Some(Duration::from_secs(5)));
    assert_eq!(due(at(1_061)), Some(Duration::from_secs(2)));
    assert_eq!(due(at(1_063)), None);
}

#[test]
fn a_rollout_explains_nothing_after_its_window_nor_before_its_start() {
    for (first_seen, expected) in [
        (994, RolloutVerdict::Unmatched),
        (995, RolloutVerdict::Matched),
        (4_600, RolloutVerdict::Matched),
        (4_601, RolloutVerdict::Unmatched),
    ] {
        let mut world = World::mature();
        world.recorded(1, "h1", '1', at(-10_000));
        world.recorded(2, "h2", '2', at(1_000));
        world.runs("n1", "h2", '2', at(1_001));
        world.shows_at("n1", "h2", '2', &what_is_new(), at(first_seen));
        assert_eq!(verdict(&world, at(9_000)), expected, "{first_seen}");
    }
}

#[test]
fn half_of_the_pods_have_to_show_it_and_of_two_both() {
    for (running_pods, showing, expected) in [
        (1, 1, RolloutVerdict::Matched),
        (2, 1, RolloutVerdict::Partial),
        (2, 2, RolloutVerdict::Matched),
        (3, 1, RolloutVerdict::Partial),
        (3, 2, RolloutVerdict::Matched),
        (9, 4, RolloutVerdict::Partial),
        (9, 5, RolloutVerdict::Matched),
        (100, 31, RolloutVerdict::Partial),
        (100, 40, RolloutVerdict::Matched), // More than an entry can name.
    ] {
        let mut world = World::mature();
        world.recorded(1, "h1", '1', at(-10_000));
        world.recorded(2, "h2", '2', at(1_000));
        for number in 0..running_pods {
            let uid = format!("n{number:03}");
            world.runs(&uid, "h2", '2', at(1_001));
            if number < showing {
                world.shows_at(&uid, "h2", '2', &what_is_new(), at(1_010));
            }
        }
        assert_eq!(verdict(&world, at(1_070)), expected, "{showing} of {running_pods}");
    }
}

#[test]
fn a_pod_that_acts_before_the_others_are_up_is_not_matched_early() {
    let mut world = World::mature();
    world.recorded(1, "h1", '1', at(-10_000));
    world.recorded(2, "h2", '2', at(1_000));
    world.runs("o1", "h1", '1', at(-9_000));
    world.runs("n1", "h2", '2', at(1_001));
    world.shows_at("n1", "h2", '2', &what_is_new(), at(1_003));
    assert_eq!(
        verdict(&world, at(1_004)),
        RolloutVerdict::Pending,
        "the rollout goes on"
    );
    world.stops("o1");
    world.runs("n2", "h2", '2', at(1_050));
    assert_eq!(
        verdict(&world, at(1_064)),
        RolloutVerdict::Pending,
        "a pod of the revision is young"
    );
    assert_eq!(
        verdict(&world, at(1_110)),
        RolloutVerdict::Partial,
        "and does not show it"
    );
    world.shows_at("n2", "h2", '2', &what_is_new(), at(1_100));
    assert_eq!(verdict(&world, at(1_110)), RolloutVerdict::Matched, "or does");
}

#[test]
fn pods_that_keep_coming_are_not_awaited_for_ever() {
    let mut world = rolled_out();
    for number in 0..10 {
        world.runs(&format!("later-{number}"), "h2", '2', at(1_170));
    }
    assert_eq!(verdict(&world, at(1_182)), RolloutVerdict::Pending);
    assert_eq!(verdict(&world, at(1_183)), RolloutVerdict::Partial);
}

/// A rollout of 40 pods, of which so many show what is new, where an entry names so many at most.
fn of_forty(showing: usize, names_at_most: usize) -> RolloutVerdict {
    let mut world = World::mature();
    world.recorded(1, "h1", '1', at(-10_000));
    world.recorded(2, "h2", '2', at(1_000));
    for number in 0..40 {
        let uid = format!("n{number:02}");
        world.runs(&uid, "h2", '2', at(1_001));
        if number < showing {
            world.shows_at(&uid, "h2", '2', &what_is_new(), at(1_003));
        }
    }
    let now = at(2_000);
    let judgement = judge(
        &container(),
        entry(&world),
        names_at_most,
        &world.evidence,
        &world.policy,
        now,
    );
    judgement.rollout.verdict
}

#[test]
fn an_entry_that_may_name_fewer_pods_than_half_of_the_workload_names_all_that_it_may() {
    assert_eq!(of_forty(20, MAX_SIGHTINGS), RolloutVerdict::Matched);
    assert_eq!(of_forty(19, MAX_SIGHTINGS), RolloutVerdict::Partial);
    assert_eq!(of_forty(12, 12), RolloutVerdict::Matched);
    assert_eq!(of_forty(11, 12), RolloutVerdict::Partial);
}

#[test]
fn a_flooded_baseline_does_not_have_two_pods_speak_for_forty() {
    assert_eq!(of_forty(2, 2), RolloutVerdict::Partial);
    assert_eq!(of_forty(7, 2), RolloutVerdict::Partial);
}

#[test]
fn what_can_never_be_suppressed_is_never_matched_nor_awaited() {
    let mut world = rolled_out();
    let fileless = behaviour(ProcessParts {
        source: SourceLayer::Memory,
        ..parts("/usr/bin/python3", "memfd:x")
    });
    world.shows_at("n1", "h2", '2', &fileless, at(1_003));
    let feed = &world.baseline.containers[&container()].feeds[&Feed::Process];
    let judgement = judge(
        &container(),
        &feed.entries[&fileless.id()],
        MAX_SIGHTINGS,
        &world.evidence,
        &world.policy,
        at(1_003),
    );
    assert_eq!(judgement.rollout.verdict, RolloutVerdict::Never);
    assert_eq!(judgement.retry_after, None);
}

#[test]
fn what_only_unknown_pods_showed_is_not_matched() {
    let mut world = World::mature();
    world.recorded(1, "h1", '1', at(-10_000));
    world.recorded(2, "h2", '2', at(1_000));
    let mut ghost = pod("n1", "h2", digest('2'));
    ghost.verified = false;
    world.runs("n1", "h2", '2', at(1_001));
    world.reports(ghost, &what_is_new(), at(1_003));
    assert_eq!(verdict(&world, at(1_010)), RolloutVerdict::Unmatched);
}

#[test]
fn a_tag_that_was_pushed_again_is_a_mismatch_and_says_so() {
    let mut world = rolled_out();
    world.shows_at("n3", "h2", '6', &what_is_new(), at(1_009));
    let rollout = judged(&world, at(1_010));
    assert_eq!(rollout.verdict, RolloutVerdict::Never);
    assert_eq!(
        rollout.reason,
        "digest mismatch: pod agent-h2-n3 shows it and runs sha256:666666666666, but deployment-agent-2 records \
         sha256:222222222222: the image's tag was pushed again, or the pod was changed"
    );
}

#[test]
fn what_a_pod_runs_is_awaited_before_anything_else_is_said_of_it() {
    let mut world = rolled_out();
    // A restart explains nothing; whether the tag was pushed again, the pod's status tells a moment later.
    world.evidence.records[0] = record(1, "h1", '2', at(-10_000));
    let mut late = pod("n3", "h2", digest('6'));
    late.digest = None;
    world.reports(late, &what_is_new(), at(1_009));
    let rollout = judged(&world, at(1_010));
    assert_eq!(rollout.verdict, RolloutVerdict::Pending);
    assert_eq!(rollout.reason, "the digest that pod agent-h2-n3 runs is not known");
    world.runs("n3", "h2", '6', at(1_006));
    world.records_further();
    assert_eq!(verdict(&world, at(1_011)), RolloutVerdict::Never);
    // A pod that is known to run something else waits for no other pod's status.
    let mut later = pod("n4", "h2", digest('2'));
    later.digest = None;
    world.reports(later, &what_is_new(), at(1_012));
    assert_eq!(verdict(&world, at(1_013)), RolloutVerdict::Never);
}

#[test]
fn a_rollout_by_somebody_whom_the_policy_does_not_trust_tags_and_explains_nothing() {
    let mut world = rolled_out();
    world.policy.rollout.trusted_managers = ["flux".to_owned()].into();
    let rollout = judged(&world, at(1_070));
    assert_eq!(rollout.verdict, RolloutVerdict::Partial);
    assert_eq!(rollout.record.as_deref(), Some("deployment-agent-2"));
    assert!(
        rollout
            .reason
            .contains("argocd-controller, whom the policy does not trust"),
        "{}",
        rollout.reason
    );
    world.evidence.records[1].who = None;
    assert_eq!(verdict(&world, at(1_070)), RolloutVerdict::Partial);
    world.policy.rollout.trusted_managers = BTreeSet::new();
    assert_eq!(verdict(&world, at(1_070)), RolloutVerdict::Matched, "anybody may");
}

#[test]
fn a_mismatch_is_told_however_long_ago_the_rollout_was_and_of_a_first_revision_too() {
    let mut world = World::mature();
    world.recorded(1, "h1", '1', at(-10_000));
    world.runs("o1", "h1", '6', at(900_000));
    world.shows_at("o1", "h1", '6', &what_is_new(), at(900_001));
    assert_eq!(
        verdict(&world, at(900_002)),
        RolloutVerdict::Pending,
        "what its node knows of the digest is about to be recorded"
    );
    assert_eq!(
        verdict(&world, at(900_061)),
        RolloutVerdict::Never,
        "and not awaited for ever"
    );
    world.records_further();
    assert_eq!(verdict(&world, at(900_002)), RolloutVerdict::Never);
    // After a rollback, either of its two records may be the pod's.
    world.recorded(2, "h2", '2', at(0));
    world.recorded(3, "h1", '6', at(899_000));
    assert_ne!(verdict(&world, at(900_002)), RolloutVerdict::Never);
}
