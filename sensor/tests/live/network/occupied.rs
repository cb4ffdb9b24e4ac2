//! A cgroup with a program that tolerates no other.

use super::foreign::{ALLOW, CGROUP_INET_INGRESS, CGROUP_SKB, attach};
use crate::fixture::{live_with, only, skip};
use crate::hooks::MAY_BE_MISSING;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::loader::{CgroupScope, HookStatus, LoadOptions};
use anchorwatch_sensor::snapshot::find_cgroup_root;
use std::path::PathBuf;

#[test]
fn an_occupied_cgroup_is_named_and_the_other_hooks_are_attached() {
    let name = "an_occupied_cgroup_is_named_and_the_other_hooks_are_attached";
    let Ok(root) = find_cgroup_root() else {
        skip::<()>(name, "no unified cgroup hierarchy");
        return;
    };
    let path: PathBuf = root.join(format!("anchorwatch-occupied-{}", std::process::id()));
    let options = LoadOptions {
        cgroup_scope: CgroupScope::One(path.clone()),
        ..only(Feed::Network)
    };
    let live = live_with(name, &options, |_| {
        std::fs::create_dir(&path).unwrap();
        attach(&path, CGROUP_SKB, CGROUP_INET_INGRESS, 0, &ALLOW).unwrap();
    });
    if path.exists() {
        std::fs::remove_dir(&path).unwrap();
    }
    let Some(live) = live else { return };
    let hooks = || {
        let all = live.loaded.hooks().iter();
        all.filter(|hook| hook.feed != Feed::Module && !MAY_BE_MISSING.contains(&hook.name))
    };
    for hook in hooks() {
        match &hook.status {
            HookStatus::Failed(why) if hook.name == "cgroup_skb/ingress" => {
                assert!(
                    why.contains("is occupied") && why.contains(&*path.to_string_lossy()),
                    "{why}"
                );
                assert_eq!(hook.feed, Feed::Network);
            }
            status => assert_eq!((hook.name, status), (hook.name, &HookStatus::Attached)),
        }
    }
    assert_eq!(hooks().filter(|hook| !hook.status.is_in_place()).count(), 1);
}
