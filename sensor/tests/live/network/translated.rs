//! Connections whose address a program of somebody else's replaces, and those that no program of ours saw begin.

use super::foreign::{ALLOW_MULTI, CGROUP_INET4_CONNECT, CGROUP_SOCK_ADDR, attach};
use super::net::{V4, V4_OTHER, address, within};
use crate::cgroup::Cgroup;
use crate::fixture::{Live, live_with, only};
use crate::scene::in_container;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::decode::{Flow, RawEvent};
use anchorwatch_sensor::loader::{CgroupScope, LoadOptions};
use anchorwatch_sensor::snapshot::find_cgroup_root;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// `r2 = 192.0.2.2; user_ip4 = r2; r0 = 1; exit`, as a program that translates Services does.
static REPLACE: [u64; 4] = [
    0x0202_00c0_0000_02b7,
    0x0000_0000_0004_2163,
    0x0000_0001_0000_00b7,
    0x0000_0000_0000_0095,
];

/// What a program in the cgroup told of its connection to that address.
fn connects(live: &mut Live, cgroup: &Cgroup, target: SocketAddr) -> Vec<(SocketAddr, Option<SocketAddr>)> {
    let network = super::net::network();
    let mut command = Command::new(live.scene.payload());
    in_container(&mut command, cgroup);
    // SAFETY: system calls on a socket between fork and exec.
    unsafe {
        command.pre_exec(move || {
            // Nobody listens.
            drop(TcpStream::connect(target));
            Ok(())
        });
    }
    assert!(within(&network, || command.status()).unwrap().success());
    let told = |flow: Flow| (flow.address, flow.backend);
    let flows = live.events().into_iter().filter_map(|event| match event {
        RawEvent::Flow(flow) if flow.cgroup_id == cgroup.id => Some(told(flow)),
        _ => None,
    });
    flows.collect()
}

#[test]
fn an_address_that_a_program_replaces_is_told_beside_the_one_that_was_asked_for() {
    let name = "an_address_that_a_program_replaces_is_told_beside_the_one_that_was_asked_for";
    let root = find_cgroup_root();
    let folder = root
        .unwrap_or_default()
        .join(format!("anchorwatch-translated-{}", std::process::id()));
    let options = LoadOptions {
        cgroup_scope: CgroupScope::One(folder.clone()),
        ..only(Feed::Network)
    };
    let mut pods = None;
    let live = live_with(name, &options, |_| {
        pods = Some(Cgroup::create(
            folder.parent().unwrap(),
            &folder.file_name().unwrap().to_string_lossy(),
        ));
    });
    let (Some(mut live), Some(pods)) = (live, pods) else {
        return;
    };
    // Of one cgroup's programs the first that was attached runs first: ours.
    attach(&folder, CGROUP_SOCK_ADDR, CGROUP_INET4_CONNECT, ALLOW_MULTI, &REPLACE).unwrap();
    let asked = address(V4, 443);
    let backend = address(V4_OTHER, 443);
    assert_eq!(
        connects(&mut live, &pods, asked),
        [(asked, None), (asked, Some(backend))]
    );
}

#[test]
fn a_connection_outside_of_the_cgroups_that_we_attached_to_is_told_all_the_same() {
    let root = find_cgroup_root();
    let options = LoadOptions {
        cgroup_scope: CgroupScope::One(root.map(|root| root.join("nonexistent")).unwrap_or_default()),
        ..only(Feed::Network)
    };
    let name = "a_connection_outside_of_the_cgroups_that_we_attached_to_is_told_all_the_same";
    let Some(mut live) = live_with(name, &options, |_| {}) else {
        return;
    };
    let cgroup = live.scene.cgroup("outside");
    let target = address(V4, 443);
    assert_eq!(connects(&mut live, &cgroup, target), [(target, None)]);
}
