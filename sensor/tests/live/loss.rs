//! What is lost is counted, exactly.

use crate::fixture::{live_with, only};
use crate::scene::in_container;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::decode::{OriginMark, RawEvent};
use anchorwatch_sensor::loader::LoadOptions;
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use std::process::Command;

const SENT: usize = 100;

#[test]
fn what_does_not_fit_into_the_ring_is_counted_exactly() {
    let options = LoadOptions {
        ring_bytes: 4096,
        ..only(Feed::Process)
    };
    let name = "what_does_not_fit_into_the_ring_is_counted_exactly";
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    // Nobody else's executions, so that what was sent is known.
    for cgroup in &live.snapshot.cgroups {
        live.loaded.ignore_cgroup(cgroup.id);
    }
    let before = live
        .loaded
        .losses()
        .unwrap()
        .count(LossPlace::Exec, LossReason::RingFull);
    let cgroup = live.scene.cgroup("flood");
    for number in 0..SENT {
        let mut command = Command::new(live.scene.payload());
        command.arg(number.to_string()); // each is new to the filter
        in_container(&mut command, &cgroup);
        assert!(command.status().unwrap().success());
    }
    let lost = live
        .loaded
        .losses()
        .unwrap()
        .count(LossPlace::Exec, LossReason::RingFull)
        - before;
    let ours = |event: &RawEvent| matches!(event, RawEvent::Exec(exec) if exec.cgroup_id == cgroup.id);
    let received = live.waiting().iter().filter(|event| ours(event)).count();
    assert!(received > 0 && received < SENT, "{received}");
    assert_eq!(lost, (SENT - received) as u64);
}

#[test]
fn a_full_process_map_is_counted_and_executions_are_reported_all_the_same() {
    let options = LoadOptions {
        max_processes: 1,
        ..only(Feed::Process)
    };
    let name = "a_full_process_map_is_counted_and_executions_are_reported_all_the_same";
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    let mut child = Command::new(live.scene.payload()).spawn().unwrap();
    let pid = child.id();
    assert!(child.wait().unwrap().success());
    let execs = live.execs(|exec| exec.pid == pid);
    let seen: Vec<_> = execs.iter().map(|exec| (exec.origin, exec.ancestors.len())).collect();
    assert_eq!(seen, [(OriginMark::Unknown, 0)]);
    let losses = live.loaded.losses().unwrap();
    assert!(live.snapshot.untold > 0 && losses.count(LossPlace::Exec, LossReason::MapFull) > 0);
}

#[test]
fn processes_that_ended_leave_room_for_others() {
    let running = std::fs::read_dir("/proc").unwrap().count();
    let room = u32::try_from(running + SENT).unwrap();
    let options = LoadOptions {
        max_processes: room,
        ..only(Feed::Process)
    };
    let Some(mut live) = live_with("processes_that_ended_leave_room_for_others", &options, |_| {}) else {
        return;
    };
    let payload = live.scene.payload().to_string_lossy().into_owned();
    for number in 0..3 * SENT {
        assert!(
            Command::new(&payload)
                .arg(number.to_string())
                .status()
                .unwrap()
                .success()
        );
    }
    let execs = live.execs(|exec| exec.executable == payload.as_bytes());
    let losses = live.loaded.losses().unwrap();
    assert_eq!(execs.len(), 3 * SENT);
    assert!(execs.iter().all(|exec| !exec.ancestors.is_empty()));
    let full = [LossPlace::Exec, LossPlace::Fork].map(|place| losses.count(place, LossReason::MapFull));
    assert_eq!(full, [0, 0]);
}
