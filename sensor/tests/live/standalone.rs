//! A unit of a host: learned, then watched, by what the programs tell of it.

use crate::cgroup::Cgroup;
use crate::fixture::{Live, live};
use crate::scene::joined;
use anchorwatch_core::policy::{MaturityMethod, Policy};
use anchorwatch_core::time::{Duration, Timestamp};
use anchorwatch_sensor::attribute::command::Arguments;
use anchorwatch_sensor::attribute::host::HostAttributor;
use anchorwatch_sensor::attribute::process::ProcFolder;
use anchorwatch_sensor::clock::WallClock;
use anchorwatch_sensor::standalone::{Alert, Output, Store, Style, Watch};
use std::path::PathBuf;
use std::process::Command;

const LEARN_FOR: Duration = Duration::from_secs(2);

/// What a sensor on a host consists of, but for its loop.
struct Host {
    live: Live,
    cgroup: Cgroup,
    attributor: HostAttributor,
}

impl Host {
    fn runs(&self, mut command: Command) {
        joined(&mut command, &self.cgroup);
        assert!(command.status().unwrap().success());
    }

    /// What is told of the unit, as seen at `now`.
    fn alerts(&mut self, watch: &mut Watch, now: Timestamp) -> Vec<Alert> {
        let clock = WallClock::read();
        let path = String::from_utf8(self.cgroup.path.clone()).unwrap();
        let unit = format!("host/Unit{path}");
        let mut alerts = Vec::new();
        for event in self.live.events() {
            let seen = self.attributor.event(event, clock);
            let ours = seen.filter(|seen| seen.workload.to_string() == unit);
            alerts.extend(ours.into_iter().flat_map(|seen| watch.see(&seen, now)));
        }
        alerts
    }
}

fn host(name: &str) -> Option<Host> {
    let live = live(name)?;
    let cgroup = live.scene.cgroup("demo.service");
    let proc = ProcFolder::new(PathBuf::from("/proc"));
    let mut attributor = HostAttributor::new(proc, None, Arguments::Redacted);
    attributor.seed(&live.snapshot);
    Some(Host {
        live,
        cgroup,
        attributor,
    })
}

fn policy() -> Policy {
    let mut policy = Policy::default();
    policy.maturity.method = MaturityMethod::Elapsed;
    policy.maturity.minimum = LEARN_FOR;
    policy
}

#[test]
fn what_a_unit_never_did_before_is_one_line_and_stays_known_after_a_restart() {
    let Some(mut host) = host("what_a_unit_never_did_before_is_one_line_and_stays_known_after_a_restart") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let opened = Store::open(folder.path()).unwrap();
    let mut watch = Watch::new(policy(), opened.baselines);
    let start = WallClock::now();
    host.runs(Command::new(host.live.scene.payload()));
    assert_eq!(host.alerts(&mut watch, start), [], "it is learned");

    let mature = start.plus(LEARN_FOR);
    host.runs(Command::new(host.live.scene.payload()));
    assert_eq!(host.alerts(&mut watch, mature), [], "it is known");
    host.runs(host.live.scene.shell(": --token=hunter2"));
    let alerts = host.alerts(&mut watch, mature);
    let mut told = Vec::new();
    let mut output = Output::new(Style::Text { colours: false }, &mut told);
    for alert in &alerts {
        output.tell(alert).unwrap();
    }
    let told = String::from_utf8(told).unwrap();
    assert_eq!(told.lines().count(), 1, "{told}");
    assert!(
        told.contains("demo.service: ") && told.contains("[process-outside-baseline]"),
        "{told}"
    );
    assert!(!told.contains("hunter2"), "{told}");

    opened.store.save(&watch.take_changed()).unwrap();
    drop(opened.store);
    let mut watch = Watch::new(policy(), Store::open(folder.path()).unwrap().baselines);
    host.runs(Command::new(host.live.scene.payload()));
    host.runs(host.live.scene.shell(": --token=hunter2"));
    assert_eq!(host.alerts(&mut watch, mature), [], "neither is new to it");
}
