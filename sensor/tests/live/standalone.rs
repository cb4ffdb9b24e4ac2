//! A unit of a host: learned, then watched, in all three feeds.

use crate::fixture::CEILING;
use crate::unit::{Unit, unit};
use anchorwatch_core::behaviour::Feed;
use anchorwatch_core::observation::Observed;
use anchorwatch_core::policy::{MaturityMethod, Mode, Policy};
use anchorwatch_core::severity::Severity;
use anchorwatch_core::time::{Duration, Timestamp};
use anchorwatch_sensor::attribute::Outcome;
use anchorwatch_sensor::clock::WallClock;
use anchorwatch_sensor::loader::filter::FilterOptions;
use anchorwatch_sensor::pipeline::{LiveKernel, Outcomes};
use anchorwatch_sensor::standalone::{Output, Room, Store, Style, Told, Watch};
use std::path::Path;

const LEARN_FOR: Duration = Duration::from_hours(1);

/// What a sensor on a host consists of, but for its loop.
struct Host {
    unit: Unit,
    outcomes: Outcomes<LiveKernel>,
    fences: u32,
}

impl Host {
    /// What is told of the unit, as seen at `now`, up to here.
    fn alerts(&mut self, watch: &mut Watch, now: Timestamp) -> Vec<Told> {
        self.fences += 1;
        let fence = format!("fence-{}-{}", std::process::id(), self.fences);
        self.unit.runs_payload(&fence);
        self.alerts_until(watch, now, |seen| match seen {
            Observed::Process(process) => process.argv.last() == Some(&fence),
            Observed::Network(_) | Observed::Module(_) => false,
        })
    }

    /// The same up to something that is wanted: hashes come in their own time.
    fn alerts_until(&mut self, watch: &mut Watch, now: Timestamp, wanted: impl Fn(&Observed) -> bool) -> Vec<Told> {
        let mut found = false;
        while !found {
            let next = async { tokio::time::timeout(CEILING, self.outcomes.next()).await };
            let next = self.unit.runtime.block_on(next).expect("it is seen within the ceiling");
            for outcome in next.unwrap() {
                let Outcome::Attributed(seen) = outcome else { continue };
                if seen.container.workload.to_string() == self.unit.workload {
                    assert_eq!(watch.see(&seen, now, now), Room::Found);
                    found |= wanted(seen.observed.as_deref().unwrap());
                }
            }
        }
        watch.news(now)
    }
}

fn host(name: &str) -> Option<Host> {
    let (unit, sources) = unit(name, FilterOptions::default())?;
    let outcomes = {
        let _inside = unit.runtime.enter();
        Outcomes::new(sources)
    };
    Some(Host {
        unit,
        outcomes,
        fences: 0,
    })
}

fn policy() -> Policy {
    let mut policy = Policy {
        mode: Mode::Alert,
        ..Policy::default()
    };
    policy.maturity.method = MaturityMethod::Elapsed;
    policy.maturity.minimum = LEARN_FOR;
    policy
}

fn watch(folder: &Path) -> (Watch, Store) {
    let opened = Store::open(folder).unwrap();
    (Watch::new(policy(), Feed::ALL.into(), opened.known), opened.store)
}

fn is_library(path: &Path) -> impl Fn(&Observed) -> bool {
    let path = path.to_string_lossy().into_owned();
    move |seen| match seen {
        Observed::Module(module) => module.path == path,
        Observed::Process(_) | Observed::Network(_) => false,
    }
}

/// The rules that speak in what is told, each of which is one line.
fn rules(told: &[Told]) -> Vec<&str> {
    let mut text = Vec::new();
    let mut output = Output::new(Style::Text { colours: false }, &mut text);
    for alert in told {
        output.tell(alert).unwrap();
    }
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.lines().count(), told.len(), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
    let findings = told.iter().flat_map(|told| &told.findings);
    findings.map(|finding| finding.rule).collect()
}

#[test]
fn a_new_process_a_new_destination_and_a_new_library_of_a_unit_are_an_alert_each() {
    let name = "a_new_process_a_new_destination_and_a_new_library_of_a_unit_are_an_alert_each";
    let Some(mut host) = host(name) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (mut watch, store) = watch(folder.path());
    let usual = "203.0.113.9:443".parse().unwrap();
    let own = host.unit.library("own.so");
    let start = WallClock::now();
    host.unit.connects(usual);
    host.unit.maps(&own);
    assert_eq!(
        host.alerts_until(&mut watch, start, is_library(&own)),
        [],
        "it is learned"
    );
    assert_eq!(host.alerts(&mut watch, start), [], "it is learned");

    // So far apart that nothing belongs together.
    let mature = |hours: u64| start.plus(LEARN_FOR).plus(Duration::from_hours(2 * hours));
    watch.pass_time(mature(0));
    host.unit.connects(usual);
    assert_eq!(host.alerts(&mut watch, mature(0)), [], "it is known");
    host.unit.connects("198.51.100.7:443".parse().unwrap());
    assert_eq!(rules(&host.alerts(&mut watch, mature(1))), ["new-destination"]);
    let other = host.unit.library("other.so");
    host.unit.maps(&other);
    let alerts = host.alerts_until(&mut watch, mature(2), is_library(&other));
    assert_eq!(rules(&alerts), ["unapproved-module"]);
    // What the linker maps comes in its own time, too.
    host.unit.runs(host.unit.scene.shell(": --token=hunter2"));
    let alerts = host.alerts(&mut watch, mature(3));
    assert!(rules(&alerts).contains(&"process-outside-baseline"), "{alerts:?}");

    store.save(&watch.take_changed(true)).unwrap();
    drop(store);
    let (mut watch, _store) = self::watch(folder.path());
    host.unit.connects("198.51.100.7:443".parse().unwrap());
    host.unit.runs(host.unit.scene.shell(": --token=hunter2"));
    let told = host.alerts(&mut watch, mature(3));
    // Of a library that was still being hashed the shell's own alert may tell.
    assert!(told.iter().all(|told| told.alert == alerts[0].alert), "{told:?}");
}

#[test]
fn a_new_destination_and_a_new_library_of_one_program_are_grave_together() {
    let name = "a_new_destination_and_a_new_library_of_one_program_are_grave_together";
    let Some(mut host) = host(name) else { return };
    let folder = tempfile::tempdir().unwrap();
    let (mut watch, _store) = watch(folder.path());
    let start = WallClock::now();
    assert_eq!(host.alerts(&mut watch, start), [], "it is learned");
    let mature = start.plus(LEARN_FOR);
    watch.pass_time(mature);
    host.unit.connects("203.0.113.9:443".parse().unwrap());
    let [flow] = <[Told; 1]>::try_from(host.alerts(&mut watch, mature)).unwrap();
    assert_eq!(
        (rules(std::slice::from_ref(&flow)), flow.severity),
        (vec!["new-destination"], Severity::Medium)
    );
    let library = host.unit.library("other.so");
    host.unit.maps(&library);
    let alerts = host.alerts_until(&mut watch, mature, is_library(&library));
    let [both] = <[Told; 1]>::try_from(alerts).unwrap();
    assert_eq!((both.alert, both.severity), (flow.alert, Severity::High));
}
