//! What was changed on the host, written down and on the disk before each change is made, so that `down` knows it
//! also after a crash halfway.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::change::Change;

/// The file, one change a line.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
}

impl Journal {
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Writes a change down; only then may it be made.
    pub fn record(&self, change: &Change) -> Result<()> {
        let mut line = serde_json::to_string(change)?;
        line.push('\n');
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .with_context(|| format!("cannot open {}", self.path.display()))?;
        file.write_all(line.as_bytes())
            .and_then(|()| file.sync_all())
            .context("cannot write the journal")?;
        // The name of a new file is on the disk only when its folder is.
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        fs::File::open(folder)
            .and_then(|folder| folder.sync_all())
            .context("cannot write the journal's folder")
    }

    /// All changes in the order in which they must be undone: the latest first.
    pub fn latest_first(&self) -> Result<Vec<Change>> {
        match fs::read_to_string(&self.path) {
            Ok(text) => parse_latest_first(&text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", self.path.display())),
        }
    }
}

fn parse_latest_first(text: &str) -> Result<Vec<Change>> {
    // A crash can cut the last line short; its change was not made then.
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |line: &str| serde_json::from_str(line).with_context(|| format!("the journal holds {line:?}"));
    let mut changes: Vec<Change> = whole.lines().map(parse).collect::<Result<_>>()?;
    changes.reverse();
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Change {
        Change::Address {
            address: format!("198.18.0.{last}/32"),
            device: "lo".into(),
        }
    }

    #[test]
    fn changes_come_back_latest_first() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::at(folder.path().join("journal"));
        assert_eq!(journal.latest_first().unwrap(), []);
        journal.record(&address(1)).unwrap();
        journal.record(&address(2)).unwrap();
        assert_eq!(journal.latest_first().unwrap(), [address(2), address(1)]);
    }

    #[test]
    fn a_line_that_a_crash_cut_short_is_a_change_that_was_never_made() {
        let mut text = serde_json::to_string(&address(1)).unwrap();
        text.push_str("\n{\"change\":\"addr");
        assert_eq!(parse_latest_first(&text).unwrap(), [address(1)]);
    }

    #[test]
    fn a_broken_line_in_the_middle_is_an_error_and_not_silently_forgotten() {
        assert!(parse_latest_first("{\"change\":\"nonsense\"}\n").is_err());
    }
}
