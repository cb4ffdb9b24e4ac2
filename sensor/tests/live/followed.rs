//! Who is followed where there is no room for all, and where a hook is missing.

use crate::cgroup::Cgroup;
use crate::fixture::{CEILING, Live, live_with, only};
use crate::payload;
use crate::scene::in_container;
use crate::soak::{acting, map};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::decode::{Exec, Flow, Mapping, OriginMark, RawEvent};
use anchorwatch_sensor::loader::filter::{Registration, SlotLoss};
use anchorwatch_sensor::loader::{CgroupScope, HookStatus, LoadOptions};
use anchorwatch_sensor::probes;
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use rustix::net::{AddressFamily, SendFlags, SocketType, sendto};
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::{Child, Command};
use std::time::Instant;

/// Room for processes beyond those that run already, and more than that.
const ROOM: usize = 300;
const FLOOD: usize = 500;

/// Processes of this machine that may end during a test.
const OTHERS: usize = 20;

/// How often a map is filled in which others' processes that end make room again.
const TRIES: usize = 20;

/// The programs of the process feed with little room, and how much of it is free.
fn cramped(name: &str) -> Option<(Live, usize)> {
    let room = fs::read_dir("/proc").unwrap().count() + ROOM;
    let options = LoadOptions {
        max_processes: u32::try_from(room).unwrap(),
        ..only(Feed::Process)
    };
    let live = live_with(name, &options, |_| {})?;
    let free = room - live.snapshot.processes.len();
    Some((live, free))
}

fn registered(live: &mut Live, name: &str) -> Cgroup {
    let cgroup = live.scene.cgroup(name);
    let registration = live.loaded.filter_mut().register(cgroup.id).unwrap();
    assert_eq!(registration, Registration::Registered);
    cgroup
}

/// Runs the scene's program in a container, and tells of its execution.
fn run(live: &mut Live, container: &Cgroup) -> Exec {
    let mut command = Command::new(live.scene.payload());
    in_container(&mut command, container);
    let mut child = command.spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let [exec] = <[Exec; 1]>::try_from(live.execs(|exec| exec.pid == pid)).unwrap();
    exec
}

/// How many were not followed for want of room.
fn unfollowed(live: &Live) -> u64 {
    let losses = live.loaded.losses().unwrap();
    let count = |(place, reason)| losses.count(place, reason);
    [
        (LossPlace::Exec, LossReason::MapFull),
        (LossPlace::Fork, LossReason::MapFull),
        (LossPlace::Fork, LossReason::ProcessShare),
    ]
    .map(count)
    .iter()
    .sum()
}

/// Processes outside of containers until there is no room for one more.
fn fill(live: &Live, waiting: &mut Vec<Child>) {
    let program = live.scene.path("waiting");
    if waiting.is_empty() {
        payload::write_waiting(&program);
    }
    let before = unfollowed(live);
    while unfollowed(live) == before {
        waiting.push(Command::new(&program).spawn().unwrap());
        assert!(waiting.len() < 10_000);
    }
}

#[test]
fn what_comes_into_a_container_whose_first_process_was_not_followed_is_not_taken_for_that() {
    let name = "what_comes_into_a_container_whose_first_process_was_not_followed_is_not_taken_for_that";
    let Some((mut live, _)) = cramped(name) else { return };
    let mut waiting = Vec::new();
    let mut begun = None;
    for number in 0..TRIES {
        let container = registered(&mut live, &format!("container{number}"));
        fill(&live, &mut waiting);
        if run(&mut live, &container).origin == OriginMark::Unknown {
            begun = Some(container);
            break;
        }
    }
    let container = begun.expect("a first process that is not followed");
    for child in &mut waiting {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(run(&mut live, &container).origin, OriginMark::Outside);
}

#[test]
fn a_container_that_floods_with_processes_is_the_one_that_is_not_followed() {
    let name = "a_container_that_floods_with_processes_is_the_one_that_is_not_followed";
    let Some((mut live, free)) = cramped(name) else { return };
    let (flooding, quiet) = (registered(&mut live, "flood"), registered(&mut live, "quiet"));
    let (gate, program) = (live.scene.gate("gate"), live.scene.path("waiting"));
    payload::write_waiting(&program);
    // The flood is the container's own: its shell forks.
    let script = format!(
        "i=0; while [ $i -lt {FLOOD} ]; do {} & i=$((i + 1)); done; : > {done}; read line < {}; {} late; :",
        program.display(),
        gate.path(),
        live.scene.payload().display(),
        done = live.scene.path("done").display(),
    );
    let mut shell = live.scene.shell(&script);
    in_container(&mut shell, &flooding);
    let mut shell = shell.spawn().unwrap();
    until(|| live.scene.path("done").exists());
    let share = live.loaded.filter().share_of(flooding.id).unwrap().unwrap();
    let [held, refused] = [share.held, share.refused].map(|count| usize::try_from(count).unwrap());
    // Half of what was free is for all others together; a few of those may have ended meanwhile.
    assert!(held > 1 && held <= free / 2 + OTHERS, "{share:?} of {free}");
    assert!(held + refused > FLOOD, "{share:?}");
    // The other container begins, and a person looks into it, as if nothing were.
    assert_eq!(run(&mut live, &quiet).origin, OriginMark::Entrypoint);
    assert_eq!(run(&mut live, &quiet).origin, OriginMark::Outside);
    gate.open();
    assert!(shell.wait().unwrap().success());
    let late = |exec: &Exec| exec.argv.last().is_some_and(|last| last == b"late");
    let [late] = <[Exec; 1]>::try_from(live.execs(late)).unwrap();
    assert_eq!((late.container, late.origin), (flooding.id, OriginMark::Unknown));
    // Nothing stays on its account when all have ended.
    flooding.kill();
    until(|| live.loaded.filter().share_of(flooding.id).unwrap().unwrap().held == 0);
    assert_eq!(live.loaded.filter().share_of(quiet.id).unwrap().unwrap().held, 0);
    // Nobody is refused any more, so that all counters stand still.
    let share = live.loaded.filter().share_of(flooding.id).unwrap().unwrap();
    let told = live.loaded.filter_mut().read().unwrap().lost;
    let is_share = |loss: &&SlotLoss| loss.reason == LossReason::ProcessShare;
    let losers: Vec<_> = told
        .iter()
        .filter(is_share)
        .map(|loss| (loss.container, loss.count))
        .collect();
    assert_eq!(losers, [(Some(flooding.id), share.refused)]);
    let counted = live.loaded.losses().unwrap();
    assert_eq!(counted.count(LossPlace::Fork, LossReason::ProcessShare), share.refused);
}

fn until(holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < CEILING);
        std::thread::yield_now();
    }
}

/// The programs of all feeds without one hook, which alone is missing.
fn without(name: &str, hook: &'static str) -> Option<Live> {
    let options = LoadOptions {
        without: vec![hook],
        cgroup_scope: CgroupScope::All,
        ..LoadOptions::default()
    };
    let live = live_with(name, &options, |_| {})?;
    let missing = live.loaded.hooks().iter().find(|state| state.name == hook).unwrap();
    let expected = HookStatus::Failed("the options leave it out".to_owned());
    assert_eq!(missing.status, expected);
    Some(live)
}

/// A process in a container that sends something, maps something and executes the scene's program; what was told of it.
fn acted(live: &mut Live) -> (Vec<Exec>, Vec<Flow>, Vec<Mapping>) {
    let container = registered(live, "container");
    let library = live.scene.path("library");
    fs::write(&library, "code").unwrap();
    let [mut command] = <[Command; 1]>::try_from(acting(live, &container, move || {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
        let target = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, 7), 9);
        let _perhaps_no_route = sendto(&socket, b"x", SendFlags::empty(), &target);
        map(&library)
    }))
    .unwrap();
    assert!(command.status().unwrap().success());
    let (mut execs, mut flows, mut mappings) = (Vec::new(), Vec::new(), Vec::new());
    loop {
        let events = live.waiting();
        if events.is_empty() {
            return (execs, flows, mappings);
        }
        for event in events {
            match event {
                RawEvent::Exec(exec) if exec.cgroup_id == container.id => execs.push(exec),
                RawEvent::Flow(flow) if flow.cgroup_id == container.id => flows.push(flow),
                RawEvent::Mapping(mapping) if mapping.loader.cgroup_id == container.id => mappings.push(*mapping),
                _ => {}
            }
        }
    }
}

#[test]
fn without_executions_flows_and_mappings_are_told_and_nobody_is_named_for_them() {
    let name = "without_executions_flows_and_mappings_are_told_and_nobody_is_named_for_them";
    let Some(mut live) = without(name, probes::EXECUTIONS) else {
        return;
    };
    assert_eq!(
        live.loaded.watched().into_iter().collect::<Vec<_>>(),
        [Feed::Network, Feed::Module]
    );
    let (execs, flows, mappings) = acted(&mut live);
    assert_eq!(execs, []);
    let by: Vec<_> = flows
        .iter()
        .map(|flow| (flow.exec_id, flow.ancestors.len(), flow.origin))
        .collect();
    assert_eq!(by, [(None, 0, OriginMark::Unknown)]);
    let by: Vec<_> = mappings
        .iter()
        .map(|mapping| (mapping.loader.executions.len(), mapping.loader.origin))
        .collect();
    assert_eq!(by, [(0, OriginMark::Unknown)]);
    assert_eq!(unfollowed(&live), 0, "what nobody follows is not lost each time");
}

#[test]
fn without_forks_or_ends_every_feed_goes_on_and_every_origin_is_unknown() {
    let name = "without_forks_or_ends_every_feed_goes_on_and_every_origin_is_unknown";
    for hook in probes::LINEAGE.into_iter().filter(|hook| *hook != probes::EXECUTIONS) {
        let Some(mut live) = without(name, hook) else { return };
        assert_eq!(live.loaded.watched().into_iter().collect::<Vec<_>>(), Feed::ALL);
        let (execs, flows, mappings) = acted(&mut live);
        let by: Vec<_> = execs.iter().map(|exec| (exec.ancestors.len(), exec.origin)).collect();
        assert_eq!(by, [(0, OriginMark::Unknown)], "{hook}");
        assert_eq!((flows.len(), mappings.len()), (1, 1), "{hook}");
        assert_eq!(
            (flows[0].exec_id, mappings[0].loader.executions.len()),
            (None, 0),
            "{hook}"
        );
        assert_eq!(unfollowed(&live), 0, "{hook}");
    }
}
