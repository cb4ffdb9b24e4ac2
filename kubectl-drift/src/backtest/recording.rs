//! A recording: one observation a line, read one at a time.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use anchorwatch_core::observation::Observation;
use anyhow::Context;

/// Longest line in bytes: a kernel passes at most 128 KiB of one argument, and JSON may write each byte as six.
const LONGEST: u64 = 1_024 * 1_024;

/// One line.
#[derive(Debug)]
pub enum Line {
    /// An observation.
    Observation(Box<Observation>),
    /// Something else, and why.
    Bad(String),
}

/// A recording that is being read. Empty lines are passed over, and counted as lines.
pub struct Recording {
    name: String,
    source: Box<dyn BufRead>,
    number: u64,
    buffer: Vec<u8>,
}

impl Recording {
    /// Opens a file; `-` is standard input.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        if path.as_os_str() == "-" {
            return Ok(Self::new("standard input", Box::new(BufReader::new(io::stdin()))));
        }
        let file = File::open(path).with_context(|| format!("{} can't be opened", path.display()))?;
        Ok(Self::new(
            &path.display().to_string(),
            Box::new(BufReader::with_capacity(1 << 16, file)),
        ))
    }

    pub(super) fn new(name: &str, source: Box<dyn BufRead>) -> Self {
        Self {
            name: name.to_owned(),
            source,
            number: 0,
            buffer: Vec::new(),
        }
    }

    /// What people call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads a line into the buffer. Returns false at the end, and whether the line was too long.
    fn fill(&mut self) -> io::Result<Option<bool>> {
        self.buffer.clear();
        let read = (&mut self.source).take(LONGEST).read_until(b'\n', &mut self.buffer)?;
        if read == 0 {
            return Ok(None);
        }
        if read as u64 == LONGEST && self.buffer.last() != Some(&b'\n') {
            self.skip_line()?;
            return Ok(Some(true));
        }
        Ok(Some(false))
    }

    fn skip_line(&mut self) -> io::Result<()> {
        loop {
            let held = self.source.fill_buf()?;
            let end = held.iter().position(|byte| *byte == b'\n');
            let (used, done) = end.map_or((held.len(), held.is_empty()), |at| (at + 1, true));
            self.source.consume(used);
            if done {
                return Ok(());
            }
        }
    }

    fn parse(&self) -> Line {
        match serde_json::from_slice(&self.buffer) {
            Ok(observation) => Line::Observation(Box::new(observation)),
            // Where in the line is told; that it is line 1 of itself is not.
            Err(error) => Line::Bad(error.to_string().replace("at line 1 column", "at column")),
        }
    }
}

impl Iterator for Recording {
    type Item = io::Result<(u64, Line)>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let too_long = match self.fill() {
                Ok(None) => return None,
                Ok(Some(too_long)) => too_long,
                Err(error) => return Some(Err(error)),
            };
            self.number += 1;
            if too_long {
                return Some(Ok((self.number, Line::Bad(format!("longer than {LONGEST} bytes")))));
            }
            if !self.buffer.iter().all(u8::is_ascii_whitespace) {
                return Some(Ok((self.number, self.parse())));
            }
        }
    }
}
