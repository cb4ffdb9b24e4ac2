//! The first-seen filter under attack: what is swallowed, what never is, and whose quota pays.

use crate::cgroup::Cgroup;
use crate::fixture::{Live, live_with};
use crate::scene::in_container;
use anchorwatch_sensor::decode::{Exec, RawEvent};
use anchorwatch_sensor::loader::LoadOptions;
use anchorwatch_sensor::loader::filter::{FilterOptions, Registration};
use anchorwatch_sensor_common::filter::{FILTER_FEEDS, FilterFeed, Quota, Totals};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::time::Duration;

const PROCESS: usize = FilterFeed::Process as usize;
/// What a container may send at once in these tests, and next to nothing afterwards.
const BURST: u64 = 20;

fn frugal() -> LoadOptions {
    let filter = FilterOptions {
        ordinary: [Quota::new(1, BURST); FILTER_FEEDS],
        ..FilterOptions::default()
    };
    LoadOptions {
        filter,
        ..LoadOptions::default()
    }
}

/// Runs the scene's program in a cgroup.
fn run(live: &Live, cgroup: &Cgroup, argument: &str) {
    let mut command = Command::new(live.scene.payload());
    command.arg(argument);
    in_container(&mut command, cgroup);
    assert!(command.status().unwrap().success());
}

fn registered(live: &mut Live, name: &str) -> Cgroup {
    let cgroup = live.scene.cgroup(name);
    let registration = live.loaded.filter_mut().register(cgroup.id).unwrap();
    assert_eq!(registration, Registration::Registered);
    cgroup
}

fn arguments(execs: &[Exec]) -> Vec<String> {
    let last = |exec: &Exec| String::from_utf8_lossy(exec.argv.last().unwrap()).into_owned();
    execs.iter().map(last).collect()
}

fn of(live: &mut Live, container: &Cgroup) -> Vec<Exec> {
    live.execs(|exec| exec.container == container.id)
}

fn totals(live: &Live, container: &Cgroup) -> Totals {
    live.loaded.filter().totals_of(container.id).unwrap().unwrap()[PROCESS]
}

#[test]
fn what_a_container_repeats_is_sent_once_and_counted() {
    let Some(mut live) = live_with("what_a_container_repeats_is_sent_once_and_counted", &frugal(), |_| {}) else {
        return;
    };
    let container = registered(&mut live, "repeats");
    // The first process of a container is its entrypoint, those after it are put in from outside.
    for _ in 0..6 {
        run(&live, &container, "same");
    }
    let sent = of(&mut live, &container);
    assert_eq!(arguments(&sent), ["same", "same"]);
    assert_ne!(sent[0].origin, sent[1].origin);
    let expected = Totals {
        delivered: 2,
        swallowed: 4,
        lost: 0,
    };
    assert_eq!(totals(&live, &container), expected);
    // User space could not keep it: it shows again.
    let key = sent[1].key.unwrap();
    live.loaded.filter_mut().forget(key.feed, key.hash).unwrap();
    run(&live, &container, "same");
    let again = of(&mut live, &container);
    assert_eq!((arguments(&again), again[0].repeats), (vec!["same".to_owned()], 0));
}

#[test]
fn a_known_execution_is_let_through_again_with_what_was_swallowed() {
    let name = "a_known_execution_is_let_through_again_with_what_was_swallowed";
    let mut options = frugal();
    options.filter.refresh = Duration::from_secs(2);
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    let container = registered(&mut live, "refresh");
    let mut sent = Vec::new();
    let mut runs = 0;
    // The entrypoint, the first from outside, and that one again after the interval.
    while sent.len() < 3 {
        run(&live, &container, "same");
        runs += 1;
        sent.extend(of(&mut live, &container));
        assert!(runs < 10_000, "{sent:?}");
    }
    assert_eq!(sent[2].repeats, runs - 3);
}

#[test]
fn a_flood_stops_at_its_own_quota_and_others_are_heard() {
    let name = "a_flood_stops_at_its_own_quota_and_others_are_heard";
    let Some(mut live) = live_with(name, &frugal(), |_| {}) else {
        return;
    };
    let (flooding, quiet) = (registered(&mut live, "flood"), registered(&mut live, "quiet"));
    run(&live, &quiet, "known");
    run(&live, &quiet, "known");
    let before = live.loaded.losses().unwrap().count(LossPlace::Exec, LossReason::Quota);
    let flood = 100;
    for number in 0..flood {
        run(&live, &flooding, &number.to_string());
    }
    run(&live, &quiet, "known");
    run(&live, &quiet, "new");
    let events = live.execs(|exec| exec.container == flooding.id || exec.container == quiet.id);
    let (loud, heard): (Vec<Exec>, Vec<Exec>) = events.into_iter().partition(|exec| exec.container == flooding.id);
    // Its flood pushed no key of the other's out: what was known stays known.
    assert_eq!(arguments(&heard), ["known", "known", "new"]);
    let total = totals(&live, &flooding);
    assert_eq!(total.delivered, loud.len() as u64);
    assert_eq!(total.delivered + total.swallowed + total.lost, flood);
    assert!(total.delivered >= BURST && total.lost > 0, "{total:?}");
    let lost = live.loaded.losses().unwrap().count(LossPlace::Exec, LossReason::Quota) - before;
    assert_eq!(lost, total.lost);
}

#[test]
fn nested_cgroups_share_their_containers_quota_whoever_makes_them_and_when() {
    let name = "nested_cgroups_share_their_containers_quota_whoever_makes_them_and_when";
    let Some(mut live) = live_with(name, &frugal(), |_| {}) else {
        return;
    };
    let container = live.scene.cgroup("outer");
    let directory = container.procs().parent().unwrap().to_path_buf();
    // One that is there before the container is registered, and those that come later.
    let early = Cgroup::create(&directory, "early");
    let registration = live.loaded.filter_mut().register(container.id).unwrap();
    assert_eq!(registration, Registration::Registered);
    let later: Vec<Cgroup> = (0..4)
        .map(|number| Cgroup::create(&directory, &format!("n{number}")))
        .collect();
    for number in 0..20 {
        for cgroup in later.iter().chain([&early]) {
            run(&live, cgroup, &format!("{}-{number}", cgroup.id));
        }
    }
    let events = live.events();
    let nested = |id: &u64| later.iter().any(|cgroup| cgroup.id == *id);
    let told = |event: &RawEvent| matches!(event, RawEvent::CgroupCreated { id, .. } if nested(id));
    assert!(!events.iter().any(told), "cgroups below a container are not told of");
    let sent = events
        .iter()
        .filter(|event| matches!(event, RawEvent::Exec(exec) if exec.container == container.id));
    let total = totals(&live, &container);
    assert_eq!(total.delivered, sent.count() as u64);
    assert_eq!(total.delivered + total.swallowed + total.lost, 100);
    assert!(total.lost > 0, "{total:?}");
    // For drop: those below first.
    drop((early, later));
}

#[test]
fn what_the_ring_had_no_room_for_is_not_taken_for_seen() {
    let name = "what_the_ring_had_no_room_for_is_not_taken_for_seen";
    let options = LoadOptions {
        ring_bytes: 4096,
        ..LoadOptions::default()
    };
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    for cgroup in &live.snapshot.cgroups {
        live.loaded.ignore_cgroup(cgroup.id);
    }
    let container = registered(&mut live, "full");
    for number in 0..30 {
        run(&live, &container, &number.to_string());
    }
    run(&live, &container, "dropped");
    let full = totals(&live, &container);
    assert!(full.lost > 0, "{full:?}");
    let is_it = |event: &RawEvent| matches!(event, RawEvent::Exec(exec) if arguments(std::slice::from_ref(exec)) == ["dropped"]);
    assert!(!live.waiting().iter().any(is_it));
    // The ring is empty now.
    run(&live, &container, "dropped");
    assert!(live.waiting().iter().any(is_it));
    let after = totals(&live, &container);
    assert_eq!((after.delivered, after.swallowed), (full.delivered + 1, 0));
}

#[test]
fn a_slot_that_is_used_again_keeps_neither_keys_nor_debts_nor_totals() {
    let name = "a_slot_that_is_used_again_keeps_neither_keys_nor_debts_nor_totals";
    let mut options = frugal();
    options.filter.containers = 1;
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    let former = registered(&mut live, "former");
    for number in 0..30 {
        run(&live, &former, &number.to_string());
    }
    let other = live.scene.cgroup("other");
    let registration = live.loaded.filter_mut().register(other.id).unwrap();
    assert_eq!(registration, Registration::NoRoom);
    assert!(live.loaded.filter_mut().release(former.id).unwrap().unwrap()[PROCESS].lost > 0);
    let registration = live.loaded.filter_mut().register(other.id).unwrap();
    assert_eq!(registration, Registration::Registered);
    assert_eq!(totals(&live, &other), Totals::default());
    run(&live, &other, "0");
    let sent = of(&mut live, &other);
    assert_eq!(arguments(&sent), ["0"]);
    let id = std::fs::metadata(other.procs().parent().unwrap()).unwrap().ino();
    assert_eq!(sent[0].cgroup_id, id);
}
