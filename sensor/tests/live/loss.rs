//! What is lost is counted, exactly.

use crate::fixture::live_with;
use crate::scene::in_container;
use anchorwatch_sensor::decode::RawEvent;
use anchorwatch_sensor::loader::LoadOptions;
use anchorwatch_sensor_common::loss::{LossPlace, LossReason};
use std::process::Command;

const SENT: usize = 100;

#[test]
fn what_does_not_fit_into_the_ring_is_counted_exactly() {
    let options = LoadOptions {
        ring_bytes: 4096,
        ..LoadOptions::default()
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
    for _ in 0..SENT {
        let mut command = Command::new(live.scene.payload());
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
    let received = live.gathered().iter().filter(|event| ours(event)).count();
    assert!(received > 0 && received < SENT, "{received}");
    assert_eq!(lost, (SENT - received) as u64);
}
