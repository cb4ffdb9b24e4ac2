//! Which programs are in place, by name: one that no longer loads somewhere must not go unnoticed.

use crate::fixture::{Live, live_with, only};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::loader::{HookState, HookStatus, LoadOptions};
use anchorwatch_sensor::probes;

/// More would leave too little room to the verifiers of other kernels.
const MAX_VERIFIED: u32 = 100_000;

/// Says that this kernel has all that programs need: trampolines, kernel modules, and `bpf` among the security modules.
/// `cargo xtask vm` sets it in its guests.
const COMPLETE: &str = "ANCHORWATCH_TEST_COMPLETE_KERNEL";

/// Where the kernel tells of its security modules.
const SECURITY_MODULES: &str = "/sys/kernel/security/lsm";

/// Every hook's best way. They are written out, so that none can be lost from the table of programs.
const BEST: [&str; 20] = [
    "tp_btf/sched_process_exit",
    "tp_btf/cgroup_rmdir",
    "tp_btf/sched_process_fork",
    "tp_btf/cgroup_mkdir",
    "fentry/security_bprm_check",
    "tp_btf/sched_process_exec",
    "tp_btf/inet_sock_set_state",
    "cgroup/connect4",
    "cgroup/connect6",
    "cgroup/sendmsg4",
    "cgroup/sendmsg6",
    "cgroup/bind4",
    "cgroup/bind6",
    "cgroup/post_bind4",
    "cgroup/post_bind6",
    "cgroup_skb/ingress",
    "cgroup_skb/egress",
    "fentry/security_mmap_file",
    "fentry/security_file_mprotect",
    "tp_btf/module_load",
];

/// The hooks that a kernel without trampolines or without loadable modules may lack.
pub const MAY_BE_MISSING: [&str; 4] = [
    "fentry/security_bprm_check",
    "fentry/security_mmap_file",
    "fentry/security_file_mprotect",
    "tp_btf/module_load",
];

/// Every way that is tried after a better one.
const SECOND: [&str; 2] = ["lsm/bprm_check_security", "tracepoint/sys_enter_mmap"];

/// The ones among them that need trampolines, too.
const SECOND_MAY_BE_MISSING: [&str; 1] = ["lsm/bprm_check_security"];

fn is_complete() -> bool {
    std::env::var_os(COMPLETE).is_some()
}

fn states(live: &Live) -> Vec<(&'static str, &'static str)> {
    let state = |hook: &HookState| (hook.name, hook.status.word());
    live.loaded.hooks().iter().map(state).collect()
}

fn assert_within_the_verifiers_limit(live: &Live) {
    for hook in live.loaded.hooks().iter().filter(|hook| hook.status.is_in_place()) {
        let verified = hook.verified_instructions;
        assert!(verified.is_some_and(|count| count <= MAX_VERIFIED), "{hook:?}");
    }
}

#[test]
fn every_program_is_in_place_by_name_and_stays_below_the_verifiers_limit() {
    let name = "every_program_is_in_place_by_name_and_stays_below_the_verifiers_limit";
    let Some(live) = live_with(name, &LoadOptions::default(), |_| {}) else {
        return;
    };
    println!("capabilities {:?}", live.loaded.capabilities());
    for hook in live.loaded.hooks() {
        let verified = hook.verified_instructions.unwrap_or_default();
        println!("verified {} {verified}", hook.name);
        println!("state of {}: {} {}", hook.name, hook.status.word(), hook.remark());
    }
    let states = states(&live);
    let is_required = |hook: &str| is_complete() || !MAY_BE_MISSING.contains(&hook);
    for hook in BEST.into_iter().filter(|hook| is_required(hook)) {
        assert!(
            states.contains(&(hook, "attached")),
            "{hook} is not in place: {states:?}"
        );
    }
    assert_eq!(states.len(), BEST.len(), "a hook that this test does not know");
    assert_within_the_verifiers_limit(&live);
    if is_complete() {
        let active = std::fs::read_to_string(SECURITY_MODULES).unwrap();
        assert!(active.trim().split(',').any(|module| module == "bpf"), "{active}");
    }
}

#[test]
fn every_way_that_is_tried_after_a_better_one_is_in_place_without_that() {
    let name = "every_way_that_is_tried_after_a_better_one_is_in_place_without_that";
    let with_choice = || probes::all().filter(|probe| probe.ways.len() > 1);
    let second: Vec<&str> = with_choice().map(|probe| probe.ways[1].name).collect();
    assert_eq!(second, SECOND, "a way that this test does not know");
    let options = LoadOptions {
        without: with_choice().map(|probe| probe.ways[0].name).collect(),
        ..only(Feed::Module)
    };
    let Some(live) = live_with(name, &options, |_| {}) else {
        return;
    };
    for probe in with_choice() {
        let hook = live.loaded.hooks().iter().find(|hook| hook.name == probe.name());
        let status = hook.map(|hook| &hook.status);
        let way = match status {
            Some(HookStatus::Fallback { way, .. }) => Some(*way),
            _ => None,
        };
        let second = probe.ways[1].name;
        if is_complete() || !SECOND_MAY_BE_MISSING.contains(&second) {
            assert_eq!(way, Some(second), "{status:?}");
        }
    }
    assert_within_the_verifiers_limit(&live);
}
