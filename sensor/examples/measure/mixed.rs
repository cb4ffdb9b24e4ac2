//! Everyday work: 1,100 events a second of all feeds, nearly all of them known. What the sensor takes of a processor,
//! its programs in the kernel included, and of memory.

use anyhow::Result;

use crate::Bed;
use crate::ground::Container;
use crate::load::Loads;
use crate::statistics::Statistics;
use crate::subject::{Mode, Subject};
use crate::work::{Kind, Work};
use anchorwatch_figures::Figure;

const RATE: u32 = 1_100;
/// Of one round, in seconds.
const LENGTH: u64 = 20;

pub fn measure(bed: &Bed) -> Result<Vec<Figure>> {
    let _statistics = Statistics::on()?;
    let container = Container::create()?;
    let (mut usual, mut programs, mut memory, mut naive) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 0..bed.rounds {
        let subject = Subject::start(&bed.sensor, &container, Mode::Usual)?;
        let cost = cost(bed, &container, &subject)?;
        usual.push(cost.process + cost.programs);
        programs.push(cost.programs);
        memory.push(subject.peak_memory()?);
        drop(subject);
        let subject = Subject::start(&bed.sensor, &container, Mode::Naive)?;
        let cost = self::cost(bed, &container, &subject)?;
        naive.push(cost.process + cost.programs);
        eprintln!("mixed: round {} of {}", round + 1, bed.rounds);
    }
    Ok(vec![
        Figure::at_most("1,100 mixed events/s", &usual, "cores", 0.01),
        Figure::shown("1,100 mixed events/s, of it in the kernel", &programs, "cores"),
        Figure::shown("1,100 mixed events/s, naive", &naive, "cores"),
        Figure::at_most("1,100 mixed events/s, peak memory", &memory, "MiB", 64.0),
    ])
}

/// Shares of one processor.
#[derive(Debug)]
struct Cost {
    process: f64,
    programs: f64,
}

fn cost(bed: &Bed, container: &Container, subject: &Subject) -> Result<Cost> {
    let work = Work {
        kind: Kind::Mixed,
        count: bed.amount(LENGTH * u64::from(RATE)),
        offset: 0,
        rate: Some(RATE),
        warm_up: u64::from(RATE),
    };
    let loads = Loads::prepare(container, &[work])?;
    let before = (subject.processor_time()?, subject.program_time()?);
    let took = loads.run()?.as_secs_f64();
    Ok(Cost {
        process: subject.processor_time()?.saturating_sub(before.0).as_secs_f64() / took,
        programs: subject.program_time()?.saturating_sub(before.1).as_secs_f64() / took,
    })
}
