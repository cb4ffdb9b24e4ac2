//! What was announced, by whom, and what that is worth.

use super::*;
use crate::{
    policy::approvals::{Pattern, ProcessPattern},
    testkit::shell,
};

const BY: &str = "system:serviceaccount:ci:deployer";

fn expecting(executable: &str) -> Expected {
    Expected {
        container: None,
        pattern: Pattern::Process(ProcessPattern {
            executable: executable.to_owned(),
            ..ProcessPattern::default()
        }),
        what: executable.to_owned(),
    }
}

/// Written at second 990 for a rollout within ten minutes.
fn intent() -> Intent {
    Intent {
        name: "deploy-42".to_owned(),
        uid: "i-1".to_owned(),
        by: BY.to_owned(),
        created: at(990),
        expires: at(1_590),
        digests: BTreeMap::from([(container(), digest('2'))]),
        git_revision: None,
        expects: Vec::new(),
    }
}

fn unfit(intent: &Intent, git: Option<&GitRevision>) -> Option<String> {
    let record = record(2, "h2", '2', at(1_000));
    intent.unfit(record.started_at, &record.containers, git)
}

/// The rollout of [`rolled_out`], announced, under a policy that asks for that.
fn announced(intent: Intent) -> World {
    let mut world = rolled_out();
    world.policy.rollout.require_intent_from = [BY.to_owned()].into();
    let record = &mut world.evidence.records[1];
    record.announced = super::super::intent::announced(
        std::slice::from_ref(&intent),
        record.started_at,
        &record.containers,
        None,
    );
    world.evidence.intents = vec![intent];
    world
}

#[test]
fn an_intent_announces_a_rollout_of_its_digests_that_starts_after_it_and_in_time() {
    assert_eq!(unfit(&intent(), None), None);
    let with = |change: &dyn Fn(&mut Intent)| {
        let mut changed = intent();
        change(&mut changed);
        unfit(&changed, None)
    };
    assert_eq!(with(&|it| it.created = at(1_000)), None, "of the same second");
    let late = with(&|it| it.created = at(1_001));
    assert_eq!(late.as_deref(), Some("it was written after the rollout started"));
    assert_eq!(with(&|it| it.expires = at(1_000)), None);
    let expired = with(&|it| it.expires = at(999));
    assert_eq!(expired.as_deref(), Some("it had expired when the rollout started"));
    assert!(with(&|it| it.digests.clear()).is_some());
    let other = with(&|it| drop(it.digests.insert(container(), digest('9'))));
    assert_eq!(
        other.as_deref(),
        Some("it announced sha256:999999999999 for the container agent, which runs sha256:222222222222")
    );
    let more = with(&|it| drop(it.digests.insert(ContainerName::new("proxy"), digest('2'))));
    assert_eq!(more.as_deref(), Some("the revision has no container proxy"));
}

#[test]
fn the_digest_of_an_index_that_the_template_names_is_as_good() {
    let mut record = record(2, "h2", '2', at(1_000));
    let held = record.containers.get_mut(&container()).expect("the container");
    held.pinned = Some(digest('7'));
    let mut intent = intent();
    intent.digests.insert(container(), digest('7'));
    assert_eq!(intent.unfit(record.started_at, &record.containers, None), None);
}

#[test]
fn the_sources_have_to_be_those_that_the_workload_tells_where_it_tells_any() {
    let mut intent = intent();
    intent.git_revision = Some("abc".to_owned());
    assert_eq!(unfit(&intent, None), None);
    let told = |revision: &str| GitRevision {
        revision: revision.to_owned(),
        annotation: "argocd.argoproj.io/revision".to_owned(),
    };
    assert_eq!(unfit(&intent, Some(&told("abc"))), None);
    let why = unfit(&intent, Some(&told("def"))).expect("others");
    assert!(
        why.contains("abc") && why.contains("argocd.argoproj.io/revision says def"),
        "{why}"
    );
}

#[test]
fn of_several_intents_that_fit_the_last_one_announces() {
    let later = Intent {
        uid: "i-2".to_owned(),
        created: at(995),
        ..intent()
    };
    let wrong = Intent {
        uid: "i-3".to_owned(),
        digests: BTreeMap::from([(container(), digest('9'))]),
        created: at(999),
        ..intent()
    };
    let record = record(2, "h2", '2', at(1_000));
    let all = [intent(), later, wrong];
    let found = super::super::intent::announced(&all, record.started_at, &record.containers, None);
    assert_eq!(found.map(|found| found.uid).as_deref(), Some("i-2"));
}

#[test]
fn an_announced_rollout_says_by_whom_and_whether_that_was_expected() {
    let rollout = judged(&announced(intent()), at(1_008));
    assert_eq!(rollout.verdict, RolloutVerdict::Matched);
    let told = format!(", announced by {BY} in the RolloutIntent deploy-42; 2 of 2");
    assert!(rollout.reason.contains(&told), "{}", rollout.reason);
    let expected = Intent {
        expects: vec![expecting("/opt/new-helper")],
        ..intent()
    };
    let rollout = judged(&announced(expected), at(1_008));
    assert_eq!(rollout.verdict, RolloutVerdict::Matched);
    assert!(
        rollout.reason.contains("deploy-42, which expected it;"),
        "{}",
        rollout.reason
    );
}

#[test]
fn where_announcements_are_asked_for_what_one_did_not_expect_is_tagged() {
    let other = Intent {
        expects: vec![expecting("/opt/other")],
        ..intent()
    };
    let mut world = announced(other);
    let rollout = judged(&world, at(1_070));
    assert_eq!(rollout.verdict, RolloutVerdict::Partial);
    assert!(
        rollout.reason.ends_with("which did not expect it"),
        "{}",
        rollout.reason
    );
    // Where none is asked for, it is a rollout as any other, and says the same.
    world.policy.rollout.require_intent_from = BTreeSet::new();
    let rollout = judged(&world, at(1_070));
    assert_eq!(rollout.verdict, RolloutVerdict::Matched);
    assert!(
        rollout.reason.contains("which did not expect it;"),
        "{}",
        rollout.reason
    );
}

#[test]
fn only_the_announcement_of_a_user_whom_the_policy_names_counts() {
    let mut world = announced(Intent {
        by: "mallory".to_owned(),
        ..intent()
    });
    let rollout = judged(&world, at(1_070));
    assert_eq!(rollout.verdict, RolloutVerdict::Partial);
    assert!(
        rollout.reason.contains("was announced by mallory"),
        "{}",
        rollout.reason
    );
    world.evidence.records[1].announced = None;
    let rollout = judged(&world, at(1_070));
    assert_eq!(rollout.verdict, RolloutVerdict::Partial);
    assert!(
        rollout.reason.contains("nobody announced deployment-agent-2"),
        "{}",
        rollout.reason
    );
}

#[test]
fn a_container_that_the_announcement_leaves_out_is_not_announced() {
    let mut world = announced(intent());
    let announced = world.evidence.records[1].announced.as_mut().expect("announced");
    announced.containers = [ContainerName::new("proxy")].into();
    let rollout = judged(&world, at(1_070));
    assert_eq!(rollout.verdict, RolloutVerdict::Partial);
    assert!(
        rollout.reason.contains("leaves out the container agent"),
        "{}",
        rollout.reason
    );
}

#[test]
fn what_can_never_be_suppressed_is_excused_by_no_announcement() {
    let socket = behaviour(ProcessParts {
        stdin_socket: true,
        ..parts("/usr/bin/python3", "/usr/bin/bash")
    });
    let mut world = announced(Intent {
        expects: vec![expecting("/usr/bin/bash")],
        ..intent()
    });
    for uid in ["n1", "n2"] {
        world.shows_at(uid, "h2", '2', &socket, at(1_009));
    }
    let feed = &world.baseline.containers[&container()].feeds[&Feed::Process];
    let entry = &feed.entries[&socket.id()];
    let judgement = judge(
        &container(),
        entry,
        MAX_SIGHTINGS,
        &world.evidence,
        &world.policy,
        at(1_070),
    );
    assert_eq!(judgement.rollout.verdict, RolloutVerdict::Never);
}

#[test]
fn a_name_that_nothing_ties_to_its_users_tags_where_the_policy_asks_for_more() {
    let mut world = rolled_out();
    world.policy.rollout.require_verified = true;
    let rollout = judged(&world, at(1_070));
    assert_eq!(rollout.verdict, RolloutVerdict::Partial);
    assert!(rollout.reason.contains("as it says itself"), "{}", rollout.reason);
    world.evidence.records[1].who.as_mut().expect("who").verified = true;
    let rollout = judged(&world, at(1_070));
    assert_eq!(rollout.verdict, RolloutVerdict::Matched);
    assert!(
        rollout.reason.contains("by argocd-controller; 2 of 2"),
        "{}",
        rollout.reason
    );
}

#[test]
fn what_became_of_an_intent_is_told() {
    let state = |world: &World, intent: &Intent, now| intent_state(intent, &world.evidence, &BTreeMap::new(), now);
    let world = announced(intent());
    let name = "deployment-agent-2".to_owned();
    assert_eq!(state(&world, &intent(), at(9_000)), IntentState::Announced(name));
    let late = Intent {
        uid: "i-2".to_owned(),
        created: at(1_001),
        ..intent()
    };
    assert_eq!(state(&world, &late, at(1_590)), IntentState::Waiting);
    assert_eq!(state(&world, &late, at(1_591)), IntentState::Missed(None));
    let other = Intent {
        uid: "i-3".to_owned(),
        digests: BTreeMap::from([(container(), digest('9'))]),
        ..intent()
    };
    let IntentState::Missed(Some(why)) = state(&world, &other, at(1_591)) else {
        panic!("a rollout was near");
    };
    assert!(
        why.starts_with("deployment-agent-2: it announced sha256:999999999999"),
        "{why}"
    );
    // A rollout that is not recorded yet may be the one.
    let mut going_on = world;
    going_on.evidence.current = Some(current(3, "h3", at(1_500)));
    assert_eq!(state(&going_on, &late, at(1_591)), IntentState::Waiting);
}

#[test]
fn what_was_announced_is_compared_with_what_happened() {
    let intent = Intent {
        expects: vec![expecting("/opt/new-helper"), expecting("/opt/never")],
        ..intent()
    };
    let (new, shell, name) = (what_is_new(), shell(), container());
    let found = [(&name, &new, "a new helper"), (&name, &shell, "a shell")];
    let compared = compare(&intent, found.into_iter()).expect("it expects something");
    let lines = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>();
    assert_eq!(lines(&compared.seen), ["/opt/new-helper"]);
    assert_eq!(lines(&compared.not_seen), ["/opt/never"]);
    assert_eq!(lines(&compared.unexpected), ["a shell"]);
    assert_eq!(compare(&self::intent(), found.into_iter()), None);
}
