//! A load in turns, each way once a round, and what each way took.
//!
//! Processor time, the sensor's own included, and not the time on the clock: a load keeps every processor busy, so that
//! it is slower by as much, and what the machine does beside it is left out. What is ours is also counted by itself: what
//! programs and sensor take, less what the same hooks take without any work. A load differs from the next by more than
//! its budget; that figure does not.

use anyhow::Result;
use std::time::Duration;

use crate::Bed;
use crate::ground::Container;
use crate::statistics::Statistics;
use crate::subject::{Mode, Subject};

/// What one run of a load took, in processor seconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// By the load and the sensor; what programs took is in it.
    pub all: f64,
    /// By programs and sensor alone; programs are counted only while the kernel's statistics are on.
    pub ours: f64,
}

/// What was spent before something is measured.
#[derive(Debug)]
pub struct Meter<'run> {
    container: &'run Container,
    subject: Option<&'run Subject>,
    before: [Duration; 3],
}

impl<'run> Meter<'run> {
    /// Waits first until the sensor has nothing to do: what it learns once of the load's processes is no part of it.
    pub fn start(container: &'run Container, subject: Option<&'run Subject>) -> Result<Self> {
        subject.map_or(Ok(()), Subject::settle)?;
        let before = read(container, subject)?;
        Ok(Self {
            container,
            subject,
            before,
        })
    }

    /// What was spent since.
    pub fn stop(&self) -> Result<Spent> {
        let after = read(self.container, self.subject)?;
        let [load, sensor, programs] =
            std::array::from_fn(|index| after[index].saturating_sub(self.before[index]).as_secs_f64());
        Ok(Spent {
            all: load + sensor,
            ours: programs + sensor,
        })
    }
}

/// Of the load, of the sensor, and of its programs.
fn read(container: &Container, subject: Option<&Subject>) -> Result<[Duration; 3]> {
    let load = container.processor_time()?;
    let Some(subject) = subject else {
        return Ok([load, Duration::ZERO, Duration::ZERO]);
    };
    Ok([load, subject.processor_time()?, subject.program_time()?])
}

/// Each way once, in another order each round, so that what changes with time hits all ways alike.
pub fn turns<T: Copy + Default, const N: usize>(
    bed: &Bed,
    container: &Container,
    (round, ways): (u32, [Option<Mode>; N]),
    run: &mut impl FnMut(Option<&Subject>) -> Result<T>,
) -> Result<[T; N]> {
    let mut results = [T::default(); N];
    for turn in 0..N {
        let way = (round as usize + turn) % N;
        let subject = ways[way]
            .map(|mode| Subject::start(&bed.sensor, container, mode))
            .transpose()?;
        results[way] = run(subject.as_ref())?;
    }
    Ok(results)
}

/// What programs and sensor take above what their hooks take without any work, in processor seconds.
pub fn above_the_hooks(
    bed: &Bed,
    container: &Container,
    round: u32,
    run: &mut impl FnMut(Option<&Subject>) -> Result<Spent>,
) -> Result<f64> {
    let _statistics = Statistics::on()?;
    let [usual, hooks] = turns(bed, container, (round, [Some(Mode::Usual), Some(Mode::Hooks)]), run)?;
    Ok(usual.ours - hooks.ours)
}

/// By how many percent one way took more than another.
pub fn more(with: Spent, without: Spent) -> f64 {
    (with.all / without.all - 1.0) * 100.0
}
