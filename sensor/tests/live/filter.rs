//! The first-seen filter under attack: what is swallowed, what never is, and whose quota pays.

use crate::cgroup::Cgroup;
use crate::fixture::{Live, live_with, only};
use crate::scene::in_container;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::attribute::cgroup::hierarchy::Hierarchy;
use anchorwatch_sensor::attribute::cgroup::slots::FilterOrder;
use anchorwatch_sensor::attribute::process::ProcFolder;
use anchorwatch_sensor::attribute::{AttributionLimits, Attributor};
use anchorwatch_sensor::decode::{Exec, RawEvent};
use anchorwatch_sensor::loader::LoadOptions;
use anchorwatch_sensor::loader::filter::{FilterOptions, Registration, SlotLoss, SlotsUsed};
use anchorwatch_sensor::snapshot::find_cgroup_root;
use anchorwatch_sensor_common::filter::{FILTER_FEEDS, FilterFeed, LOST, Quota, Totals};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

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
        ..only(Feed::Process)
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
        lost: [0; LOST],
    };
    assert_eq!(totals(&live, &container), expected);
    // It would be told otherwise now: it is let through once more, with what was swallowed.
    let key = sent[1].key.unwrap();
    live.loaded.filter_mut().let_through(key.feed, key.hash).unwrap();
    run(&live, &container, "same");
    run(&live, &container, "same");
    let again = of(&mut live, &container);
    assert_eq!((arguments(&again), again[0].repeats), (vec!["same".to_owned()], 4));
    // User space could not keep it: it shows as if it were new.
    live.loaded.filter_mut().forget(key.feed, key.hash).unwrap();
    live.loaded.filter_mut().let_through(key.feed, key.hash).unwrap();
    run(&live, &container, "same");
    let new = of(&mut live, &container);
    assert_eq!((arguments(&new), new[0].repeats), (vec!["same".to_owned()], 0));
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
    assert_eq!(total.delivered + total.swallowed + total.all_lost(), flood);
    assert!(total.delivered >= BURST && total.all_lost() > 0, "{total:?}");
    let lost = live.loaded.losses().unwrap().count(LossPlace::Exec, LossReason::Quota) - before;
    assert_eq!(lost, total.all_lost());
    // It is told whose losses those are, once.
    let told = live.loaded.filter_mut().read().unwrap().lost;
    let expected = SlotLoss {
        container: Some(flooding.id),
        place: LossPlace::Exec,
        reason: LossReason::Quota,
        count: lost,
    };
    let of_containers: Vec<SlotLoss> = told.into_iter().filter(|loss| loss.container.is_some()).collect();
    assert_eq!(of_containers, [expected]);
    assert_eq!(live.loaded.filter_mut().read().unwrap().lost, []);
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
    assert_eq!(total.delivered + total.swallowed + total.all_lost(), 100);
    assert!(total.all_lost() > 0, "{total:?}");
    // For drop: those below first.
    drop((early, later));
}

#[test]
fn what_the_ring_had_no_room_for_is_not_taken_for_seen() {
    let name = "what_the_ring_had_no_room_for_is_not_taken_for_seen";
    let options = LoadOptions {
        ring_bytes: 4096,
        ..only(Feed::Process)
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
    assert!(full.all_lost() > 0, "{full:?}");
    let is_it = |event: &RawEvent| matches!(event, RawEvent::Exec(exec) if arguments(std::slice::from_ref(exec)) == ["dropped"]);
    assert!(!live.waiting().iter().any(is_it));
    // The ring is empty now.
    run(&live, &container, "dropped");
    assert!(live.waiting().iter().any(is_it));
    let after = totals(&live, &container);
    assert_eq!((after.delivered, after.swallowed), (full.delivered + 1, 0));
}

#[test]
fn a_container_without_a_free_slot_is_told_of_and_gets_the_next_one() {
    let name = "a_container_without_a_free_slot_is_told_of_and_gets_the_next_one";
    let mut options = frugal();
    options.filter.containers = 1;
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    let first = registered(&mut live, "first");
    let [second, third] = ["second", "third"].map(|name| live.scene.cgroup(name));
    for cgroup in [&second, &third, &second] {
        let registration = live.loaded.filter_mut().register(cgroup.id).unwrap();
        assert_eq!(registration, Registration::NoRoom);
    }
    let reading = live.loaded.filter_mut().read().unwrap();
    assert_eq!(
        (reading.denied, reading.slots),
        (vec![second.id, third.id], SlotsUsed { own: 1, shared: 2 })
    );
    // One that is gone waits no longer; the one that waits longest is served first.
    live.loaded.filter_mut().release(second.id).unwrap();
    live.loaded.filter_mut().release(first.id).unwrap();
    run(&live, &third, "new");
    assert_eq!(totals(&live, &third).delivered, 1);
    let reading = live.loaded.filter_mut().read().unwrap();
    assert_eq!(
        (reading.denied, reading.slots),
        (vec![], SlotsUsed { own: 1, shared: 0 })
    );
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
    assert!(live.loaded.filter_mut().release(former.id).unwrap().unwrap()[PROCESS].all_lost() > 0);
    let registration = live.loaded.filter_mut().register(other.id).unwrap();
    assert_eq!(registration, Registration::Known, "it waited for the slot");
    assert_eq!(totals(&live, &other), Totals::default());
    run(&live, &other, "0");
    let sent = of(&mut live, &other);
    assert_eq!(arguments(&sent), ["0"]);
    let id = std::fs::metadata(other.procs().parent().unwrap()).unwrap().ino();
    assert_eq!(sent[0].cgroup_id, id);
}

/// Distinct executions that one container makes before the other is looked at again, each time so many more, and how
/// often at most.
const PRESSURE: usize = 400;
const ROUNDS: usize = 10;
/// What was looked at since it came is kept longer than all that was not (`kernel/bpf/bpf_lru_list.c`): so each is made
/// twice, or what is to be pushed out would stay for ever.
const LOOKS: usize = 2;

/// Each CPU keeps some of a map's elements to itself, and pushes out none of another's: from here on all is done on one.
fn on_one_cpu() {
    let here = sched_getcpu();
    let mut only = CpuSet::new();
    only.set(here);
    sched_setaffinity(None, &only).unwrap();
}

#[test]
fn a_container_that_pushes_out_anothers_keys_makes_them_show_again_and_hides_nothing() {
    let name = "a_container_that_pushes_out_anothers_keys_makes_them_show_again_and_hides_nothing";
    // Far fewer keys than it sends, and no quota that would stop it before.
    let options = LoadOptions {
        filter: FilterOptions {
            keys: 256,
            ..FilterOptions::unlimited()
        },
        ..only(Feed::Process)
    };
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    let (flooding, quiet) = (registered(&mut live, "flood"), registered(&mut live, "quiet"));
    on_one_cpu();
    run(&live, &quiet, "entrypoint");
    run(&live, &quiet, "known");
    let mut expected = vec!["entrypoint".to_owned(), "known".to_owned()];
    let mut heard = arguments(&of(&mut live, &quiet));
    let mut rounds = 0;
    while heard.iter().filter(|argument| *argument == "known").count() < 2 {
        for number in 0..PRESSURE * (rounds + 1) {
            let argument = format!("{rounds}-{number}");
            for _ in 0..LOOKS {
                run(&live, &flooding, &argument);
            }
        }
        run(&live, &quiet, "known");
        let new = format!("new-{rounds}");
        run(&live, &quiet, &new);
        heard.extend(arguments(&of(&mut live, &quiet)));
        // What is new is heard whatever another one does.
        assert_eq!(heard.last(), Some(&new));
        expected.push(new);
        rounds += 1;
        assert!(rounds < ROUNDS, "nothing was pushed out");
    }
    heard.retain(|argument| argument != "known");
    expected.retain(|argument| argument != "known");
    assert_eq!(heard, expected);
    let total = totals(&live, &quiet);
    let ran = 2 + 2 * rounds as u64;
    assert_eq!((total.delivered + total.swallowed, total.all_lost()), (ran, 0));
    assert_eq!(total.delivered, 3 + rounds as u64);
}

#[test]
fn a_slot_whose_removal_was_never_told_is_found_and_given_back() {
    let name = "a_slot_whose_removal_was_never_told_is_found_and_given_back";
    let options = LoadOptions {
        ring_bytes: 4096,
        ..only(Feed::Process)
    };
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    let hierarchy = Hierarchy::open(&find_cgroup_root().unwrap()).unwrap();
    let proc = ProcFolder::new(PathBuf::from("/proc"));
    let mut attributor = Attributor::new(AttributionLimits::default(), proc).with_hierarchy(hierarchy);
    let container = live.scene.cgroup("container");
    let created = |id, path: &str| RawEvent::CgroupCreated {
        time_ns: 0,
        id,
        path: path.into(),
    };
    // As a runtime would have named it.
    let path = format!("/kubepods/pod1/{}", "a".repeat(64));
    attributor.event(created(container.id, &path), Instant::now());
    assert_eq!(attributor.take_orders(), [FilterOrder::Register(container.id)]);
    live.loaded.filter_mut().register(container.id).unwrap();
    let lost = |live: &Live| {
        live.loaded
            .losses()
            .unwrap()
            .count(LossPlace::Cgroup, LossReason::RingFull)
    };
    // Nobody reads while others come and go, until there is no room even for one that goes.
    let mut others = Vec::new();
    while lost(&live) == 0 {
        others.push(live.scene.cgroup(&format!("other{}", others.len())));
        assert!(others.len() < 10_000);
    }
    let of_those_that_came = lost(&live);
    while lost(&live) == of_those_that_came {
        drop(others.pop().unwrap());
    }
    container.remove();
    let removed = |event: &RawEvent| matches!(event, RawEvent::CgroupRemoved { id, .. } if *id == container.id);
    assert!(!live.waiting().iter().any(removed));
    let mut orders = Vec::new();
    while orders.is_empty() {
        attributor.expire(Instant::now());
        orders = attributor.take_orders();
    }
    assert_eq!(orders, [FilterOrder::Release(container.id)]);
    let totals = live.loaded.filter_mut().release(container.id).unwrap();
    assert!(totals.is_some(), "the slot was taken until now");
}
