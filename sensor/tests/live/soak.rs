//! Under floods on every CPU that no ring has room for: what user space lacks is what the kernel counted, to the last
//! event, and is charged to the container that flooded.

use crate::cgroup::Cgroup;
use crate::fixture::{Live, live_with, only};
use crate::scene::in_container;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_sensor::decode::RawEvent;
use anchorwatch_sensor::loader::filter::{Registration, SlotLoss};
use anchorwatch_sensor::loader::{CgroupScope, LoadOptions, Losses};
use anchorwatch_sensor::probes::feed_of;
use anchorwatch_sensor_common::filter::{FilterFeed, Lost};
use rustix::fs::{CWD, Mode, OFlags};
use rustix::mm::{MapFlags, ProtFlags};
use rustix::net::{AddressFamily, SendFlags, SocketType, sendto};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// How many events are made by how many senders at once, so that the programs run on every CPU.
const FLOOD: usize = 500;
const SENDERS: usize = 4;

/// Programs with rings far too small, and a registered container.
fn scene(name: &str, feed: Feed) -> Option<(Live, Cgroup)> {
    let options = LoadOptions {
        ring_bytes: 16 << 10,
        module_ring_bytes: 16 << 10,
        cgroup_scope: CgroupScope::All,
        ..only(feed)
    };
    let mut live = live_with(name, &options, |_| {})?;
    // Nobody else's events, so that what was sent is known.
    for cgroup in &live.snapshot.cgroups {
        live.loaded.ignore_cgroup(cgroup.id);
    }
    let container = live.scene.cgroup("flood");
    let registration = live.loaded.filter_mut().register(container.id).unwrap();
    assert_eq!(registration, Registration::Registered);
    Some((live, container))
}

/// Lets each sender run its commands, all at once; the reader looks now and then, so that records are taken and lost in turns.
fn soak(live: &mut Live, container: &Cgroup, feed: FilterFeed, senders: Vec<Vec<Command>>) {
    let before = live.loaded.losses().unwrap();
    live.loaded.filter_mut().read().unwrap();
    let senders: Vec<_> = senders
        .into_iter()
        .map(|commands| {
            std::thread::spawn(move || {
                for mut command in commands {
                    assert!(command.status().unwrap().success());
                }
            })
        })
        .collect();
    let ours = |event: &RawEvent| match (feed, event) {
        (FilterFeed::Process, RawEvent::Exec(exec)) => exec.container == container.id,
        (FilterFeed::Network, RawEvent::Flow(flow)) => flow.container == container.id,
        (FilterFeed::Module, RawEvent::Mapping(mapping)) => mapping.loader.container == container.id,
        _ => false,
    };
    let mut received = 0;
    for sender in senders {
        sender.join().unwrap();
        received += live.waiting().iter().filter(|event| ours(event)).count();
    }
    let after = live.loaded.losses().unwrap();
    let count = |losses: &Losses, why: Lost| losses.count(feed.place(), why.reason());
    let counted: u64 = Lost::ALL
        .iter()
        .map(|why| count(&after, *why) - count(&before, *why))
        .sum();
    let reading = live.loaded.filter_mut().read().unwrap();
    let told = reading.lost.iter().filter(|loss| loss.place == feed.place());
    let (own, others): (Vec<&SlotLoss>, Vec<&SlotLoss>) = told.partition(|loss| loss.container == Some(container.id));
    let lost: u64 = own.iter().map(|loss| loss.count).sum();
    assert!(received > 0 && lost > 0, "{received} received, {lost} lost");
    // A kernel that takes the CPU away in the middle of a program runs it for nobody else there meanwhile, and says how
    // often; for whom it did not, nobody knows.
    let watched = match feed {
        FilterFeed::Process => Feed::Process,
        FilterFeed::Network | FilterFeed::Dns => Feed::Network,
        FilterFeed::Module => Feed::Module,
    };
    let skips = |losses: &Losses| {
        let of_feed = losses
            .recursion_misses
            .iter()
            .filter(|(hook, _)| feed_of(hook) == watched);
        of_feed.map(|(_, skipped)| skipped).sum::<u64>()
    };
    let skipped = skips(&after) - skips(&before);
    let (all, accounted) = ((SENDERS * FLOOD) as u64, received as u64 + lost);
    assert!(
        accounted <= all && all <= accounted + skipped,
        "{received} received, {lost} lost, {skipped} skipped of {all}"
    );
    // The node's counters hold what else happened on this machine, too.
    assert!(counted >= lost, "{counted} {lost}");
    if others.is_empty() {
        assert_eq!(counted, lost);
    }
}

#[test]
fn of_a_flood_of_executions_what_is_missing_is_what_is_counted_to_the_last_one() {
    let name = "of_a_flood_of_executions_what_is_missing_is_what_is_counted_to_the_last_one";
    let Some((mut live, container)) = scene(name, Feed::Process) else {
        return;
    };
    let payload = live.scene.payload();
    let command = |sender: usize, index: usize| {
        let mut command = Command::new(&payload);
        // Each execution is another one: none may be taken for one that was told already.
        in_container(command.arg(format!("{sender}-{index}")), &container);
        command
    };
    let senders = (0..SENDERS).map(|sender| (0..FLOOD).map(|index| command(sender, index)).collect());
    let senders = senders.collect();
    soak(&mut live, &container, FilterFeed::Process, senders);
}

/// A command that does something on its way into the container, before its program begins.
pub fn acting(
    live: &Live,
    container: &Cgroup,
    act: impl Fn() -> std::io::Result<()> + Send + Sync + 'static,
) -> Vec<Command> {
    let mut command = Command::new(live.scene.payload());
    in_container(&mut command, container);
    // SAFETY: system calls between fork and exec, without allocation.
    unsafe { command.pre_exec(act) };
    vec![command]
}

#[test]
fn of_a_flood_of_flows_what_is_missing_is_what_is_counted_to_the_last_one() {
    let name = "of_a_flood_of_flows_what_is_missing_is_what_is_counted_to_the_last_one";
    let Some((mut live, container)) = scene(name, Feed::Network) else {
        return;
    };
    let senders: Vec<Vec<Command>> = (0..SENDERS)
        .map(|sender| {
            let host = u8::try_from(sender + 10).unwrap();
            acting(&live, &container, move || {
                // Nothing leaves the machine: a network without a route, and what is sent is told all the same.
                // SAFETY: a system call between fork and exec.
                unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
                let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
                for port in 1..=u16::try_from(FLOOD).unwrap_or(0) {
                    let target = SocketAddrV4::new(Ipv4Addr::new(198, 51, 100, host), port);
                    let _no_route = sendto(&socket, b"x", SendFlags::empty(), &target);
                }
                Ok(())
            })
        })
        .collect();
    soak(&mut live, &container, FilterFeed::Network, senders);
}

#[test]
fn of_a_flood_of_mappings_what_is_missing_is_what_is_counted_to_the_last_one() {
    let name = "of_a_flood_of_mappings_what_is_missing_is_what_is_counted_to_the_last_one";
    let Some((mut live, container)) = scene(name, Feed::Module) else {
        return;
    };
    let senders: Vec<Vec<Command>> = (0..SENDERS)
        .map(|sender| {
            let path = |index: usize| live.scene.path(&format!("library-{sender}-{index}"));
            let files: Vec<std::path::PathBuf> = (0..FLOOD).map(path).collect();
            for file in &files {
                fs::write(file, file.as_os_str().as_encoded_bytes()).unwrap();
            }
            acting(&live, &container, move || files.iter().try_for_each(|file| map(file)))
        })
        .collect();
    soak(&mut live, &container, FilterFeed::Module, senders);
}

/// Maps a page of a file as code. The mapping goes with the process's program.
pub fn map(file: &std::path::Path) -> std::io::Result<()> {
    let file = rustix::fs::openat(CWD, file, OFlags::RDONLY, Mode::empty())?;
    let code = ProtFlags::READ | ProtFlags::EXEC;
    // SAFETY: a new mapping at a place that the kernel chooses.
    unsafe { rustix::mm::mmap(std::ptr::null_mut(), 4096, code, MapFlags::PRIVATE, file, 0) }?;
    Ok(())
}
