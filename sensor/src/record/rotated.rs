//! Files of a folder: a new one where the last is full, and no more of them than was asked for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::state::make_folder;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most bytes of a file; a line is never cut, so one that is longer has a file of its own.
    pub bytes: u64,
    /// Most files; the oldest go first.
    pub files: u32,
}

/// The files.
#[derive(Debug)]
pub struct Rotated {
    folder: PathBuf,
    limits: Limits,
    number: u64,
    file: BufWriter<File>,
    bytes: u64,
}

const PREFIX: &str = "observations-";
const SUFFIX: &str = ".jsonl";

impl Rotated {
    /// Makes the folder where there is none, and begins a new file behind those that are there.
    pub fn open(folder: &Path, limits: Limits) -> io::Result<Self> {
        make_folder(folder)?;
        let number = numbers(folder)?.last().map_or(1, |last| last + 1);
        let rotated = Self {
            folder: folder.to_path_buf(),
            limits,
            number,
            file: create(folder, number)?,
            bytes: 0,
        };
        rotated.remove_oldest()?;
        Ok(rotated)
    }

    pub fn write(&mut self, line: &[u8]) -> io::Result<()> {
        let length = line.len() as u64;
        if self.bytes > 0 && self.bytes + length > self.limits.bytes {
            self.file.flush()?;
            self.number += 1;
            self.file = create(&self.folder, self.number)?;
            self.bytes = 0;
            self.remove_oldest()?;
        }
        self.bytes += length;
        self.file.write_all(line)
    }

    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }

    fn remove_oldest(&self) -> io::Result<()> {
        let numbers = numbers(&self.folder)?;
        let kept = (self.limits.files as usize).max(1);
        for number in numbers.iter().take(numbers.len().saturating_sub(kept)) {
            fs::remove_file(path(&self.folder, *number))?;
        }
        Ok(())
    }
}

fn path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{PREFIX}{number:06}{SUFFIX}"))
}

/// Readable by its owner alone: what programs are called with is nobody else's business, even without secrets.
fn create(folder: &Path, number: u64) -> io::Result<BufWriter<File>> {
    let options = OpenOptions::new().write(true).create_new(true).mode(0o600).clone();
    Ok(BufWriter::new(options.open(path(folder, number))?))
}

/// The numbers of the files that are there, in their order.
fn numbers(folder: &Path) -> io::Result<Vec<u64>> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let number: Option<u64> = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { bytes: 10, files: 2 };

    fn held(folder: &Path) -> Vec<String> {
        let numbers = numbers(folder).unwrap();
        numbers
            .iter()
            .map(|number| fs::read_to_string(path(folder, *number)).unwrap())
            .collect()
    }

    #[test]
    fn a_full_file_is_followed_by_a_new_one_and_the_oldest_goes() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Rotated::open(folder.path(), LIMITS).unwrap();
        for line in ["aaaa\n", "bbbb\n", "cccc\n", "a line that is longer\n", "dddd\n"] {
            files.write(line.as_bytes()).unwrap();
        }
        files.flush().unwrap();
        assert_eq!(held(folder.path()), ["a line that is longer\n", "dddd\n"]);
    }

    #[test]
    fn a_new_recording_goes_on_behind_the_last_one_and_leaves_other_files_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("observations-x.jsonl"), "mine").unwrap();
        for line in ["a\n", "b\n", "c\n"] {
            let mut files = Rotated::open(folder.path(), LIMITS).unwrap();
            files.write(line.as_bytes()).unwrap();
            files.flush().unwrap();
        }
        assert_eq!(held(folder.path()), ["b\n", "c\n"]);
        assert!(folder.path().join("observations-x.jsonl").exists());
    }
}
