//! Whether the sensor's memory stays where it is while one container shows a million different behaviours.

use anyhow::Result;

use crate::Bed;
use crate::ground::Container;
use crate::load::Loads;
use crate::subject::{Mode, Subject, total};
use crate::work::{Kind, Work};
use anchorwatch_figures::Figure;

const STEPS: u64 = 10;
const A_STEP: u64 = 100_000;

pub fn measure(bed: &Bed) -> Result<Vec<Figure>> {
    let container = Container::create()?;
    // Without a filter in the kernel, so that all of it arrives.
    let subject = Subject::start(&bed.sensor, &container, Mode::Naive)?;
    let count = bed.amount(A_STEP);
    let mut figures = vec![Figure::shown(
        "memory at the start",
        &[subject.resident_memory()?],
        "MiB",
    )];
    for step in 0..STEPS {
        let work = Work {
            kind: Kind::SendNew,
            count,
            offset: step * count,
            rate: None,
            warm_up: 0,
        };
        Loads::prepare(&container, &[work])?.run()?;
        let name = format!("memory after {} different behaviours", (step + 1) * count);
        figures.push(Figure::at_most(&name, &[subject.resident_memory()?], "MiB", 64.0));
    }
    figures.push(Figure::at_most(
        "memory, the most at any time",
        &[subject.peak_memory()?],
        "MiB",
        64.0,
    ));
    let remembered = total(&subject.counters()?, "anchorwatch_sensor_remembered_behaviours", "");
    figures.push(Figure::shown(
        "behaviours remembered of them",
        &[remembered],
        "behaviours",
    ));
    Ok(figures)
}
