//! How much more of the processors a load takes with the sensor than without, in turns within one run; and with a sensor
//! that forwards everything, which shows what the filter is worth, and one whose programs do nothing, which shows what the
//! hooks cost.

use anyhow::Result;
use std::thread::sleep;
use std::time::Duration;

use crate::Bed;
use crate::ground::Container;
use crate::load::Loads;
use crate::subject::{Mode, Subject, total};
use crate::turns::{Meter, Spent, above_the_hooks, more, turns};
use crate::work::{Kind, Work};
use anchorwatch_figures::Figure;

/// The sensor takes over the kernel's counters every 10 s.
const COUNTERS_TAKEN: Duration = Duration::from_secs(12);
/// What each load does before its time is taken: what is known then is not news.
const WARM_UP: u64 = 20;

/// A load and what it may cost.
#[derive(Debug)]
pub struct Storm {
    name: &'static str,
    kind: Kind,
    /// How often on each processor: about two seconds, where nothing else is said.
    count: u64,
    /// Percent above what the hooks alone take: see `docs/adr/0015`.
    budget: f64,
    /// Whether a container may show so much: what is beyond its quota is counted, not told.
    within_quota: bool,
}

pub const EXEC: [Storm; 2] = [
    Storm {
        name: "exec storm, repeated",
        kind: Kind::ExecSame,
        count: 1_500,
        budget: 2.0,
        within_quota: true,
    },
    Storm {
        name: "exec storm, all new",
        kind: Kind::ExecNew,
        count: 1_500,
        budget: 4.0,
        within_quota: true,
    },
];
pub const CONNECT: [Storm; 2] = [
    Storm {
        name: "connect storm, repeated",
        kind: Kind::ConnectSame,
        count: 30_000,
        budget: 4.0,
        within_quota: true,
    },
    Storm {
        name: "connect storm, all new",
        kind: Kind::ConnectNew,
        // Ten seconds: what a container is granted at once, and pays for itself in the first second, is no storm.
        count: 150_000,
        budget: 6.0,
        within_quota: false,
    },
];
pub const MMAP: [Storm; 1] = [Storm {
    name: "executable mmap storm",
    kind: Kind::MmapSame,
    count: 500_000,
    budget: 10.0,
    within_quota: true,
}];

/// Without the sensor, with it, with one that forwards everything, and with one that does nothing.
const WAYS: [Option<Mode>; 4] = [None, Some(Mode::Usual), Some(Mode::Naive), Some(Mode::Hooks)];

/// By how many percent each round took more than the one without the sensor beside it.
#[derive(Debug, Default)]
struct Shares {
    with: Vec<f64>,
    hooks: Vec<f64>,
    above: Vec<f64>,
    naive: Vec<f64>,
}

pub fn measure(bed: &Bed, storms: &[Storm]) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for storm in storms {
        let shares = rounds(bed, storm)?;
        let named = |what: &str| format!("{}, {what}", storm.name);
        figures.push(Figure::shown(storm.name, &shares.with, "%"));
        figures.push(Figure::shown(&named("hooks alone"), &shares.hooks, "%"));
        figures.push(Figure::at_most(
            &named("above the hooks"),
            &shares.above,
            "%",
            storm.budget,
        ));
        figures.push(Figure::shown(&named("naive"), &shares.naive, "%"));
        let lost = lost(bed, storm)?;
        figures.push(if storm.within_quota {
            Figure::at_most(&named("lost"), &[lost], "events", 0.0)
        } else {
            Figure::shown(&named("beyond the quota and counted"), &[lost], "events")
        });
    }
    Ok(figures)
}

fn rounds(bed: &Bed, storm: &Storm) -> Result<Shares> {
    let container = Container::create()?;
    let mut shares = Shares::default();
    let mut run = |subject: Option<&Subject>| spent(bed, storm, &container, subject);
    for round in 0..bed.rounds {
        let [without, usual, naive, hooks] = turns(bed, &container, (round, WAYS), &mut run)?;
        let above = above_the_hooks(bed, &container, round, &mut run)?;
        shares.with.push(more(usual, without));
        shares.hooks.push(more(hooks, without));
        shares.above.push(above / without.all * 100.0);
        shares.naive.push(more(naive, without));
        eprintln!("{}: round {} of {}", storm.name, round + 1, bed.rounds);
    }
    Ok(shares)
}

/// What a storm takes, and the sensor meanwhile.
fn spent(bed: &Bed, storm: &Storm, container: &Container, subject: Option<&Subject>) -> Result<Spent> {
    let loads = Loads::prepare(container, &works(bed, storm))?;
    let meter = Meter::start(container, subject)?;
    loads.run()?;
    meter.stop()
}

/// What the sensor lost of one storm.
fn lost(bed: &Bed, storm: &Storm) -> Result<f64> {
    let container = Container::create()?;
    let subject = Subject::start(&bed.sensor, &container, Mode::Usual)?;
    Loads::prepare(&container, &works(bed, storm))?.run()?;
    sleep(COUNTERS_TAKEN);
    let counters = subject.counters()?;
    for (name, value) in counters
        .iter()
        .filter(|(name, value)| name.contains("_losses_total") && **value > 0.0)
    {
        eprintln!("{}: {name} {value}", storm.name);
    }
    let losses = |labels| total(&counters, "anchorwatch_sensor_losses_total", labels);
    // Those are told: what a load's shell maps on its way into the container, by a parent that was executed where nobody
    // listens.
    Ok(losses("") - losses("ancestor_unknown"))
}

/// One on each processor: whatever the sensor takes is taken from them.
fn works(bed: &Bed, storm: &Storm) -> Vec<Work> {
    let count = bed.amount(storm.count);
    let processors = std::thread::available_parallelism().map_or(1, usize::from) as u64;
    let work = |index| Work {
        kind: storm.kind,
        count,
        offset: index * (count + WARM_UP),
        rate: None,
        warm_up: WARM_UP,
    };
    (0..processors).map(work).collect()
}
