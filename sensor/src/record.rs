//! Recording: what is seen as JSON Lines, redacted, for `kubectl drift backtest`.

mod drive;
mod line;
mod rotated;

use anchorwatch_core::observation::Observation;
use std::io::{self, Write};
use std::path::Path;

pub use drive::{RecordError, Summary, record};
pub use line::line;
pub use rotated::{Limits, Rotated};

/// Where lines go.
#[derive(Debug)]
pub enum Sink {
    Folder(Rotated),
    Stdout(io::Stdout),
}

/// Writes observations and counts them.
#[derive(Debug)]
pub struct Recorder {
    sink: Sink,
    written: u64,
}

impl Recorder {
    /// Into files of a folder, or to standard output where none is given.
    pub fn open(folder: Option<&Path>, limits: Limits) -> io::Result<Self> {
        let sink = match folder {
            Some(folder) => Sink::Folder(Rotated::open(folder, limits)?),
            None => Sink::Stdout(io::stdout()),
        };
        Ok(Self { sink, written: 0 })
    }

    pub fn write(&mut self, observation: &Observation) -> io::Result<()> {
        let line = line(observation)?;
        match &mut self.sink {
            Sink::Folder(files) => files.write(line.as_bytes())?,
            Sink::Stdout(out) => out.write_all(line.as_bytes())?,
        }
        self.written += 1;
        Ok(())
    }

    /// What is in memory alone goes to where it belongs; to be called before waiting for more.
    pub fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Folder(files) => files.flush(),
            Sink::Stdout(out) => out.flush(),
        }
    }

    /// How many lines were written.
    pub const fn written(&self) -> u64 {
        self.written
    }
}
