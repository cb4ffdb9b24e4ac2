use super::super::{Known, Style};
use super::*;
use crate::attribute::network::Destinations;
use crate::attribute::scope::Scope;
use crate::attribute::testkit::{exec, flow, library};
use crate::decode::{KernelModule, RawEvent};
use crate::loader::filter::SlotLoss;
use crate::names::resolvers::Resolvers;
use crate::pipeline::testkit::{Scripted, attributor, batch, cgroup, sources};
use crate::ring::Batch;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_core::id::WorkloadKey;
use anchorwatch_core::policy::{MaturityMethod, Mode, Policy};
use anchorwatch_sensor_common::loss::{LossPlace, LossReason as KernelReason};
use serde_json::Value;
use std::path::Path;

/// Judges at once.
fn policy() -> Policy {
    let mut policy = Policy {
        mode: Mode::Alert,
        ..Policy::default()
    };
    policy.maturity.method = MaturityMethod::Elapsed;
    policy.maturity.minimum = Duration::ZERO;
    policy
}

/// A unit whose program connects and maps a library; and something whose cgroup nobody knows.
fn busy() -> Vec<RawEvent> {
    vec![
        cgroup(1, "/system.slice/demo.service"),
        RawEvent::Exec(exec("/usr/bin/demo").ids(10, &[]).build()),
        RawEvent::Flow(flow("203.0.113.9:443", 10).build()),
        RawEvent::Mapping(Box::new(library("/usr/lib/libx.so", 10).build())),
        RawEvent::Exec(exec("/bin/sh").cgroup(9).build()),
    ]
}

/// What is told, line by line, and the summary.
async fn watched(folder: &Path, batches: Vec<Batch>) -> (Vec<Value>, Summary) {
    let (mut kernel, end) = Scripted::new(batches);
    kernel.lost.push(SlotLoss {
        container: Some(1),
        place: LossPlace::Flow,
        reason: KernelReason::Quota,
        count: 4,
    });
    let attributor = attributor()
        .with_scope(Scope::Host)
        .with_destinations(Destinations::on_host(Resolvers::default(), std::time::Instant::now()));
    let opened = Store::open(folder).unwrap();
    let mut written = Vec::new();
    let parts = Parts {
        sources: sources(kernel, attributor),
        restarted: !opened.known.is_empty(),
        watch: Watch::new(policy(), Feed::ALL.into(), opened.known),
        store: opened.store,
        output: Output::new(Style::Json, &mut written),
    };
    let end = async { end.await.expect("all was taken") };
    let summary = run(parts, end).await.unwrap();
    let lines = String::from_utf8(written).unwrap();
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap());
    (lines.collect(), summary)
}

fn kept(folder: &Path) -> Known {
    let known = Store::open(folder).unwrap().known;
    known[&WorkloadKey::new("host", "Unit", "demo.service")].clone()
}

#[tokio::test]
async fn what_a_unit_does_anew_is_one_alert_of_all_feeds_and_is_kept_with_what_was_lost() {
    let folder = tempfile::tempdir().unwrap();
    let (told, summary) = watched(folder.path(), vec![batch(busy())]).await;
    assert_eq!(summary.written, told.len() as u64);
    let [alert] = &told[..] else { panic!("{told:?}") };
    assert_eq!(
        (&alert["workload"], &alert["severity"]),
        (&"host/Unit/demo.service".into(), &"High".into())
    );
    let findings = alert["findings"].as_array().unwrap();
    let mut feeds: Vec<&str> = findings
        .iter()
        .map(|finding| finding["feed"].as_str().unwrap())
        .collect();
    feeds.sort_unstable();
    assert_eq!(feeds, ["module", "network", "process"]);
    let missing: Vec<(&str, u64)> = summary
        .missing
        .iter()
        .map(|(why, count)| (why.as_str(), *count))
        .collect();
    assert_eq!(
        missing,
        [("network/kernel_flow_quota", 4), ("process/cgroup_unknown", 1)]
    );
    let known = kept(folder.path());
    assert_eq!(known.alerts.len(), 1);
    let lost: Vec<&str> = known
        .baseline
        .feeds()
        .flat_map(|(_, _, feed)| feed.losses.keys().map(String::as_str))
        .collect();
    assert_eq!(lost, ["cgroup_unknown", "kernel_flow_quota"]);
}

#[tokio::test]
async fn a_kernel_module_that_the_kernel_loads_is_the_hosts_own() {
    let folder = tempfile::tempdir().unwrap();
    let module = KernelModule {
        time_ns: 0,
        loader: library("", 1).cgroup(3).build().loader,
        name: b"usb_storage".to_vec(),
        by_kernel: true,
        foreign: false,
    };
    let events = vec![cgroup(3, "/"), RawEvent::KernelModule(Box::new(module))];
    let (told, _) = watched(folder.path(), vec![batch(events)]).await;
    let [alert] = &told[..] else { panic!("{told:?}") };
    assert_eq!(alert["workload"], "host/Node/node");
    let finding = &alert["findings"][0];
    assert_eq!(
        (&finding["rule"], &finding["severity"]),
        (&"kernel-module-load".into(), &"High".into())
    );
}

#[tokio::test]
async fn a_restart_neither_tells_again_nor_forgets_and_says_that_it_was_away() {
    let folder = tempfile::tempdir().unwrap();
    watched(folder.path(), vec![batch(busy())]).await;
    let before = kept(folder.path());
    let (told, summary) = watched(folder.path(), vec![batch(busy())]).await;
    assert_eq!(told, Vec::<Value>::new());
    assert_eq!(summary.missing["process/sensor_restarted"], 1);
    let after = kept(folder.path());
    let names = |known: &Known| known.alerts.iter().map(|alert| alert.name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&after), names(&before));
}
