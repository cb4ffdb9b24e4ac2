//! A kernel or a process without what the programs need: the error says which.

use crate::fixture::live;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::loader::{HookState, HookStatus, LoadError, LoadOptions, Loaded, load};
use rustix::thread::{CapabilitySet, capabilities, set_capabilities};
use std::path::PathBuf;

#[test]
fn missing_type_information_is_named_by_its_path() {
    let options = LoadOptions {
        btf: PathBuf::from("/nonexistent"),
        ..LoadOptions::default()
    };
    let error = load(&options).unwrap_err().to_string();
    assert!(
        error.starts_with("no kernel type information at /nonexistent/vmlinux"),
        "{error}"
    );
}

#[test]
fn missing_capabilities_are_named() {
    // Where the programs load at all, so that what is missing is what we took away.
    let Some(_live) = live("missing_capabilities_are_named") else {
        return;
    };
    let without = |gone: CapabilitySet| match load_without(gone) {
        Err(LoadError::Refused { refusal, .. }) => refusal.to_string(),
        other => panic!("{other:?}"),
    };
    let administrator = CapabilitySet::SYS_ADMIN;
    assert_eq!(without(administrator | CapabilitySet::PERFMON), "missing CAP_PERFMON");
    let both = CapabilitySet::BPF | CapabilitySet::PERFMON;
    assert_eq!(without(administrator | both), "missing CAP_BPF and CAP_PERFMON");
}

#[test]
fn without_the_right_to_administer_networks_the_other_feeds_go_on() {
    let Some(_live) = live("without_the_right_to_administer_networks_the_other_feeds_go_on") else {
        return;
    };
    let loaded = load_without(CapabilitySet::SYS_ADMIN | CapabilitySet::NET_ADMIN).unwrap();
    // Not every kernel takes the ones that see modules, and those that need trampolines.
    let everywhere = |hook: &&HookState| hook.feed != Feed::Module && !hook.name.starts_with("fentry/");
    for hook in loaded.hooks().iter().filter(everywhere) {
        let is_cgroups = hook.name.starts_with("cgroup/") || hook.name.starts_with("cgroup_skb/");
        let expected = if is_cgroups {
            HookStatus::Failed("the kernel refuses it: missing CAP_NET_ADMIN".to_owned())
        } else {
            HookStatus::Attached
        };
        assert_eq!((hook.name, &hook.status), (hook.name, &expected));
    }
}

/// Capabilities are a thread's own: the test's others keep theirs.
fn load_without(gone: CapabilitySet) -> Result<Loaded, LoadError> {
    let thread = std::thread::spawn(move || {
        let mut sets = capabilities(None).unwrap();
        sets.effective -= gone;
        set_capabilities(None, sets).unwrap();
        load(&LoadOptions::default())
    });
    thread.join().unwrap()
}
