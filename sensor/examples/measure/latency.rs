//! From the kernel to the outbox: how long what a container shows for the first time takes to be on the disk.

use anyhow::{Context, Result};
use std::thread::sleep;
use std::time::Duration;

use crate::Bed;
use crate::ground::Container;
use crate::load::Loads;
use crate::subject::{Counters, Mode, Subject};
use crate::work::{Kind, Work};
use anchorwatch_figures::Figure;

const BUCKETS: &str = "anchorwatch_sensor_outbox_latency_seconds_bucket{le=\"";
/// New programs a second, and for how many of them in a round.
const RATE: u32 = 20;
const COUNT: u64 = 200;
/// Until the last of them is on the disk.
const WRITTEN: Duration = Duration::from_secs(1);

pub fn measure(bed: &Bed) -> Result<Vec<Figure>> {
    let container = Container::create()?;
    let (mut half, mut nearly_all) = (Vec::new(), Vec::new());
    for round in 0..bed.rounds {
        let subject = Subject::start(&bed.sensor, &container, Mode::Usual)?;
        let before = subject.counters()?;
        let work = Work {
            kind: Kind::ProgramNew,
            count: bed.amount(COUNT),
            offset: 0,
            rate: Some(RATE),
            warm_up: 0,
        };
        Loads::prepare(&container, &[work])?.run()?;
        sleep(WRITTEN);
        let after = subject.counters()?;
        half.push(bound(&before, &after, 0.5)?);
        nearly_all.push(bound(&before, &after, 0.99)?);
        eprintln!("latency: round {} of {}", round + 1, bed.rounds);
    }
    Ok(vec![
        Figure::shown("kernel to outbox, p50 below", &half, "ms"),
        Figure::at_most("kernel to outbox, p99 below", &nearly_all, "ms", 10.0),
    ])
}

/// The bound of the first bucket, in milliseconds, that holds this share of what was observed in between.
fn bound(before: &Counters, after: &Counters, share: f64) -> Result<f64> {
    let counted = |name: &String| after[name] - before.get(name).unwrap_or(&0.0);
    let mut buckets: Vec<(f64, f64)> = after
        .keys()
        .filter_map(|name| {
            let bound = name.strip_prefix(BUCKETS)?.strip_suffix("\"}")?;
            Some((bound.replace("+Inf", "inf").parse().ok()?, counted(name)))
        })
        .collect();
    buckets.sort_unstable_by(|(left, _), (right, _)| left.total_cmp(right));
    let all = buckets.last().map(|(_, count)| *count).filter(|count| *count > 0.0);
    let all = all.context("the sensor observed nothing new")?;
    let found = buckets.iter().find(|(_, count)| *count >= share * all);
    Ok(found.context("no bucket")?.0 * 1000.0)
}
