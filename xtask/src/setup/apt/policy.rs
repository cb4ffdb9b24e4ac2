//! No service is started by an install: Debian's maintainer scripts ask `/usr/sbin/policy-rc.d`, where 101 means no.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use crate::{paths, run};

const SCRIPT: &str = "/usr/sbin/policy-rc.d";
const CONTENT: &str = "#!/bin/sh\n# Written by cargo xtask while it installs packages; removed afterwards.\nexit 101\n";

/// Denies service starts until it is dropped.
#[derive(Debug)]
pub struct Denied {
    ours: bool,
}

impl Drop for Denied {
    fn drop(&mut self) {
        if self.ours
            && let Err(error) = recover()
        {
            eprintln!("  ! {error:#}; remove {SCRIPT} by hand");
        }
    }
}

/// Puts our own script in place; one that is there already stays and must deny starts itself.
pub fn deny_service_starts() -> Result<Denied> {
    if Path::new(SCRIPT).exists() {
        let status = run::command(SCRIPT).args(["containerd", "start"]).status();
        let denies = status.is_ok_and(|status| status.code() == Some(101));
        ensure!(
            denies,
            "{SCRIPT} exists and lets packages start services: install the packages by hand"
        );
        return Ok(Denied { ours: false });
    }
    // First the note, then the change: whoever comes after a crash knows whose script it is.
    run::write_atomically(&note()?, CONTENT)?;
    fs::write(SCRIPT, CONTENT).with_context(|| format!("cannot write {SCRIPT}"))?;
    fs::set_permissions(SCRIPT, fs::Permissions::from_mode(0o755))?;
    Ok(Denied { ours: true })
}

/// Whether an install is under way or was cut short.
pub fn left_behind() -> Result<bool> {
    Ok(note()?.exists())
}

/// Removes our script, also one that a crash left behind. To be called by whoever holds apt's lock.
pub fn recover() -> Result<()> {
    let note = note()?;
    if !note.exists() {
        return Ok(());
    }
    // Half of our script may be there; anything else is somebody else's.
    if let Ok(text) = fs::read_to_string(SCRIPT)
        && CONTENT.starts_with(&text)
    {
        fs::remove_file(SCRIPT).with_context(|| format!("cannot remove {SCRIPT}"))?;
    }
    fs::remove_file(&note).with_context(|| format!("cannot remove {}", note.display()))
}

fn note() -> Result<PathBuf> {
    Ok(paths::cache()?.join("policy-rc.d.ours"))
}
