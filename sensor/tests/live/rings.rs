//! What the rings keep free for what matters most, and how often they are read.

use crate::cgroup::Cgroup;
use crate::fixture::{CEILING, Live, live_with, only};
use crate::payload;
use crate::scene::in_container;
use crate::soak::{acting, map};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::decode::{Exec, FileSource, RawEvent};
use anchorwatch_sensor::loader::LoadOptions;
use anchorwatch_sensor::loader::filter::{FilterOptions, Registration};
use anchorwatch_sensor_common::filter::{FILTER_FEEDS, FilterFeed, Lost, Quota};
use rustix::fs::MemfdFlags;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Events that one container makes: far more than there is room for in these tests.
const MANY: usize = 100;

/// At least so long it is from one look at the rings to the next: at most two hundred a second.
const APART: Duration = Duration::from_millis(5);

fn registered(live: &mut Live, name: &str) -> Cgroup {
    let cgroup = live.scene.cgroup(name);
    let registration = live.loaded.filter_mut().register(cgroup.id).unwrap();
    assert_eq!(registration, Registration::Registered);
    cgroup
}

/// Nobody else's events.
fn alone(live: &mut Live) {
    for cgroup in &live.snapshot.cgroups.clone() {
        live.loaded.ignore_cgroup(cgroup.id);
    }
}

fn run(live: &Live, container: &Cgroup, argument: &str) {
    let mut command = Command::new(live.scene.payload());
    in_container(command.arg(argument), container);
    assert!(command.status().unwrap().success());
}

/// Runs a program that is in no file system.
fn run_from_memory(container: &Cgroup) {
    let mut file = File::from(rustix::fs::memfd_create("hidden", MemfdFlags::empty()).unwrap());
    file.write_all(&payload::bytes()).unwrap();
    let mut command = Command::new(format!("/proc/self/fd/{}", file.as_raw_fd()));
    in_container(&mut command, container);
    assert!(command.status().unwrap().success());
}

fn execs(events: &[RawEvent]) -> Vec<&Exec> {
    let mut execs = Vec::new();
    for event in events {
        if let RawEvent::Exec(exec) = event {
            execs.push(exec);
        }
    }
    execs
}

fn lost(live: &Live, container: &Cgroup, feed: FilterFeed) -> [u64; 4] {
    live.loaded.filter().totals_of(container.id).unwrap().unwrap()[feed as usize].lost
}

#[test]
fn what_runs_from_memory_is_told_where_the_containers_quota_is_used_up() {
    let name = "what_runs_from_memory_is_told_where_the_containers_quota_is_used_up";
    let options = LoadOptions {
        filter: FilterOptions {
            ordinary: [Quota::new(1, 5); FILTER_FEEDS],
            ..FilterOptions::default()
        },
        ..only(Feed::Process)
    };
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    let container = registered(&mut live, "flood");
    for number in 0..MANY {
        run(&live, &container, &number.to_string());
    }
    run_from_memory(&container);
    let told = live.execs(|exec| exec.container == container.id);
    assert_eq!(told.last().map(|exec| exec.source), Some(FileSource::Memory));
    let lost = lost(&live, &container, FilterFeed::Process);
    assert!(lost[Lost::Quota as usize] > 0, "{lost:?}");
    assert_eq!(told.len() as u64 + lost[Lost::Quota as usize], MANY as u64 + 1);
}

#[test]
fn what_runs_from_memory_is_told_where_the_ring_is_full() {
    let name = "what_runs_from_memory_is_told_where_the_ring_is_full";
    let options = LoadOptions {
        ring_bytes: 4096,
        ..only(Feed::Process)
    };
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    alone(&mut live);
    let container = registered(&mut live, "flood");
    for number in 0..MANY {
        run(&live, &container, &number.to_string());
    }
    let before = lost(&live, &container, FilterFeed::Process);
    run_from_memory(&container);
    let after = lost(&live, &container, FilterFeed::Process);
    assert!(before[Lost::RingFull as usize] > 0);
    assert_eq!(before, after);
    let events = live.waiting();
    let last = execs(&events).last().map(|exec| exec.source);
    assert_eq!(last, Some(FileSource::Memory));
}

#[test]
fn a_flood_of_mappings_that_nobody_reads_costs_no_execution() {
    let name = "a_flood_of_mappings_that_nobody_reads_costs_no_execution";
    let options = LoadOptions {
        module_ring_bytes: 4096,
        ..only(Feed::Module)
    };
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    alone(&mut live);
    let (flooding, quiet) = (registered(&mut live, "flood"), registered(&mut live, "quiet"));
    let path = |number: usize| live.scene.path(&format!("library-{number}"));
    let files: Vec<_> = (0..MANY).map(path).collect();
    for file in &files {
        fs::write(file, file.as_os_str().as_encoded_bytes()).unwrap();
    }
    for mut command in acting(&live, &flooding, move || files.iter().try_for_each(|file| map(file))) {
        assert!(command.status().unwrap().success());
    }
    for number in 0..MANY {
        run(&live, &quiet, &number.to_string());
    }
    let mappings = lost(&live, &flooding, FilterFeed::Module);
    assert!(mappings[Lost::RingFull as usize] > 0, "{mappings:?}");
    assert_eq!(lost(&live, &quiet, FilterFeed::Process), [0; 4]);
    let events = live.waiting();
    let told = execs(&events).into_iter().filter(|exec| exec.container == quiet.id);
    assert_eq!(told.count(), MANY);
}

#[test]
fn a_storm_wakes_user_space_a_bounded_number_of_times_and_silence_never() {
    let name = "a_storm_wakes_user_space_a_bounded_number_of_times_and_silence_never";
    let Some(mut live) = live_with(name, &only(Feed::Process), |_| {}) else {
        return;
    };
    alone(&mut live);
    let container = Arc::new(registered(&mut live, "storm"));
    live.waiting();
    let is_over = Arc::new(AtomicBool::new(false));
    let storm: Vec<_> = (0..2)
        .map(|sender| {
            let (is_over, container) = (Arc::clone(&is_over), Arc::clone(&container));
            let program = live.scene.payload();
            std::thread::spawn(move || {
                let mut number = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let mut command = Command::new(&program);
                    in_container(command.arg(format!("{sender}-{number}")), &container);
                    assert!(command.status().unwrap().success());
                    number += 1;
                }
                number
            })
        })
        .collect();
    // However slow the machine is, it only looks less often.
    let (start, before) = (Instant::now(), live.drains());
    let mut told = 0;
    while start.elapsed() < Duration::from_secs(1) {
        told += live.waiting().len();
    }
    let looked = u32::try_from(live.drains() - before).unwrap();
    let elapsed = start.elapsed();
    is_over.store(true, Ordering::Relaxed);
    let sent: usize = storm.into_iter().map(|sender| sender.join().unwrap()).sum();
    assert!(told > 0 && sent > 0);
    assert!(APART * (looked - 1) <= elapsed, "{looked} in {elapsed:?}");
    while !live.waiting().is_empty() {}
    // Others may make a cgroup meanwhile, which is told; then another second is looked at.
    let start = Instant::now();
    loop {
        let before = live.drains();
        let told = live.waiting_for(Duration::from_secs(1));
        if told.is_empty() {
            assert_eq!(live.drains(), before, "it looked without reason");
            return;
        }
        assert!(start.elapsed() < CEILING, "{told:?}");
    }
}
