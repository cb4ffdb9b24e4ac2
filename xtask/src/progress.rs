//! Progress that a person can follow: a spinner with the time on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// Shows `message` while `work` runs, and how long it took.
pub fn step<T>(message: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let started = Instant::now();
    let terminal = std::io::stderr().is_terminal();
    let spinner = terminal.then(|| spinner(message));
    if !terminal {
        eprintln!("  … {message}");
    }
    let result = work();
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    let seconds = started.elapsed().as_secs_f32();
    match (&result, terminal) {
        (Ok(_), true) => eprintln!("  ✓ {message} ({seconds:.1} s)"),
        // On a log the line above is there already; only what took long is worth a second one.
        (Ok(_), false) if seconds >= 5.0 => eprintln!("  ✓ {message} ({seconds:.1} s)"),
        (Ok(_), false) => {}
        (Err(_), _) => eprintln!("  ✗ {message} ({seconds:.1} s)"),
    }
    result
}

fn spinner(message: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("  {spinner} {msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let spinner = ProgressBar::new_spinner()
        .with_style(style)
        .with_message(message.to_owned());
    spinner.enable_steady_tick(Duration::from_millis(120));
    spinner
}
