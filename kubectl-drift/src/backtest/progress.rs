//! How far a back-test is, shown on a terminal and nowhere else.

use indicatif::{ProgressBar, ProgressStyle};

/// Lines between two looks at the clock.
const STEP: u64 = 1_000;

/// Counts lines in front of a person's eyes.
pub struct Progress(ProgressBar);

impl Progress {
    /// `done` says what happens to the lines: learned, judged.
    pub fn new(done: &'static str) -> Self {
        // It draws to standard error, and only where that is a terminal.
        let bar = ProgressBar::new_spinner().with_message(done);
        let style = ProgressStyle::with_template("{spinner} {human_pos} lines {msg}, {per_sec}");
        Self(style.map_or(bar.clone(), |style| bar.with_style(style)))
    }

    /// So many lines are done.
    pub fn at(&mut self, line: u64) {
        if line.is_multiple_of(STEP) {
            self.0.set_position(line);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
