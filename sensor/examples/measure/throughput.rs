//! How many events a second reach user space before the first is lost, with no filter in the way; and whether what is
//! lost beyond that is counted to the last one.

use anyhow::Result;
use std::thread::sleep;
use std::time::Duration;

use crate::Bed;
use crate::ground::Container;
use crate::load::Loads;
use crate::subject::{Mode, Subject, total};
use crate::work::{Kind, Work};
use anchorwatch_figures::Figure;

/// Offered to all processors together; the last is more than can be taken.
const RATES: [u32; 5] = [50_000, 105_000, 150_000, 200_000, 1_000_000];
const LENGTH: Duration = Duration::from_secs(2);
/// The sensor takes over the kernel's counters every 10 s.
const COUNTERS_TAKEN: Duration = Duration::from_secs(12);

pub fn measure(bed: &Bed) -> Result<Vec<Figure>> {
    let (mut best, mut uncounted) = (Vec::new(), Vec::new());
    for round in 0..bed.rounds {
        let mut lossless = 0.0;
        for rate in RATES {
            let step = step(bed, rate)?;
            eprintln!("throughput: round {} of {}, {step:?}", round + 1, bed.rounds);
            uncounted.push((step.offered - step.delivered - step.lost).abs());
            if step.lost > 0.0 {
                break;
            }
            lossless = step.offered / step.seconds;
        }
        best.push(lossless);
    }
    Ok(vec![
        Figure::at_least("events before the first loss", &best, "events/s", 100_000.0),
        Figure::at_most("neither delivered nor counted as lost", &uncounted, "events", 0.0),
    ])
}

#[derive(Debug)]
struct Step {
    offered: f64,
    delivered: f64,
    lost: f64,
    seconds: f64,
}

fn step(bed: &Bed, rate: u32) -> Result<Step> {
    let container = Container::create()?;
    let subject = Subject::start(&bed.sensor, &container, Mode::Naive)?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let each = rate / u32::try_from(processors)?;
    let work = Work {
        kind: Kind::MmapSame,
        count: bed.amount(u64::from(each) * LENGTH.as_secs()),
        offset: 0,
        rate: Some(each),
        warm_up: 0,
    };
    let offered = (work.count * processors as u64) as f64;
    let loads = Loads::prepare(&container, &vec![work; processors])?;
    // What the loads themselves map until they are ready is not offered.
    sleep(COUNTERS_TAKEN);
    let before = subject.counters()?;
    let seconds = loads.run()?.as_secs_f64();
    sleep(COUNTERS_TAKEN);
    let after = subject.counters()?;
    let grown = |name, label| total(&after, name, label) - total(&before, name, label);
    Ok(Step {
        offered,
        delivered: grown("anchorwatch_sensor_events_total", "attributed"),
        lost: grown("anchorwatch_sensor_losses_total", ""),
        seconds,
    })
}
