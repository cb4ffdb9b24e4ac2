//! Ends the cluster and puts the host back, from the journal alone: it works after a crash halfway and twice in a row.

use std::fs;

use anyhow::{Result, bail};

use super::change::Change;
use super::journal::Journal;
use super::state::{self, State};
use crate::progress;

/// Undoes everything; returns whether there was anything to undo.
pub fn down(state: &State) -> Result<bool> {
    if !state.exists() {
        return Ok(false);
    }
    let changes = Journal::at(state.journal()).latest_first()?;
    let same_boot = fs::read_to_string(state.path("boot")).is_ok_and(|boot| boot == current_boot());
    let done = progress::step("ending the local cluster and putting the host back", || {
        undo(
            changes
                .iter()
                .filter(|change| same_boot || !change.ends_with_the_boot()),
        )
    })?;
    for line in done {
        println!("  {line}");
    }
    state::forget(state)?;
    println!("  {} removed", state.root().display());
    Ok(true)
}

/// One change that cannot be undone does not keep the others from it; the journal stays, so that it can be tried again.
fn undo<'a>(changes: impl Iterator<Item = &'a Change>) -> Result<Vec<String>> {
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for change in changes {
        match change.undo() {
            Ok(line) => done.extend(line),
            Err(error) => failed.push(format!("{error:#}")),
        }
    }
    if failed.is_empty() {
        return Ok(done);
    }
    bail!(
        "could not put everything back; run `cargo xtask cluster down` again:\n{}",
        failed.join("\n")
    )
}

/// Changes in the kernel are gone after a restart of the machine, and must not be undone in the next one.
pub fn current_boot() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}
