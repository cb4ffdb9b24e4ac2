//! The state folder, and its files: each a database with one writer. What can't be read is moved aside, never removed.

use redb::{Builder, Database};
use std::fs::{DirBuilder, File, OpenOptions, remove_file, rename};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Pages held in memory; what the files hold is in memory already.
const CACHE_BYTES: usize = 2 << 20;
/// How many files that were moved aside for one reason are kept.
const KEPT_ASIDE: usize = 2;

/// Why a file of the state folder can't be used.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("{path} can't be used")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("another sensor uses the state folder")]
    InUse,
    #[error("the file is damaged: {0}")]
    Damaged(String),
    #[error("the file can't be read or written")]
    Storage(#[source] Box<redb::Error>),
    #[error("what is to be kept can't be written as JSON")]
    Json(#[source] serde_json::Error),
    #[error("the system has no random numbers")]
    Random(#[source] getrandom::Error),
}

impl<E: Into<redb::Error>> From<E> for StateError {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::Corrupted(what) => Self::Damaged(what),
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            redb::Error::UpgradeRequired(version) => Self::Damaged(format!("file format {version} is not known")),
            redb::Error::Io(error) if is_damage(&error) => Self::Damaged(error.to_string()),
            error @ (redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::RepairAborted) => Self::Damaged(error.to_string()),
            error => Self::Storage(Box::new(error)),
        }
    }
}

impl StateError {
    fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        |source| Self::Folder {
            path: path.to_path_buf(),
            source,
        }
    }
}

/// What redb says of a file that is none of its own or ends too early.
fn is_damage(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof)
}

/// Makes the folder where there is none. What a node runs is nobody's business but root's.
pub fn make_folder(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// A file of a state folder.
#[derive(Debug)]
pub struct StateFile {
    folder: PathBuf,
    /// Without `.redb`.
    stem: &'static str,
}

impl StateFile {
    /// In a folder that is made where there is none.
    pub fn new(folder: &Path, stem: &'static str) -> Result<Self, StateError> {
        make_folder(folder).map_err(StateError::at(folder))?;
        let folder = folder.to_path_buf();
        Ok(Self { folder, stem })
    }

    /// Opens the file, or makes it, and reads all of it. A damaged file may make the reader panic as well as fail.
    pub fn read<T>(&self, read: impl FnOnce(Database) -> Result<T, StateError>) -> Result<T, StateError> {
        let attempt = catch_unwind(AssertUnwindSafe(|| {
            let mut database = self.database()?;
            if !database.check_integrity()? {
                tracing::warn!(file = self.stem, "a file of the state folder was repaired");
            }
            read(database)
        }));
        attempt.unwrap_or_else(|_| Err(StateError::Damaged("reading it panicked".to_owned())))
    }

    /// Opens the file, or makes it.
    pub fn database(&self) -> Result<Database, StateError> {
        let path = self.path();
        let mut private = OpenOptions::new();
        let private = private.read(true).write(true).create(true).truncate(false).mode(0o600);
        private.open(&path).map_err(StateError::at(&path))?;
        Ok(Builder::new().set_cache_size(CACHE_BYTES).create(path)?)
    }

    /// Puts the names of the folder's files on the disk as well.
    pub fn sync_folder(&self) -> Result<(), StateError> {
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(StateError::at(&self.folder))
    }

    /// Renames the file to the first free name, and removes the oldest of those that were moved before.
    pub fn move_aside(&self, why: &str) -> Result<PathBuf, StateError> {
        let name = |number: usize| self.folder.join(format!("{}.{why}.{number}.redb", self.stem));
        let moved = || {
            remove_file(name(KEPT_ASIDE)).or_else(absent_is_fine)?;
            for number in (1..KEPT_ASIDE).rev() {
                rename(name(number), name(number + 1)).or_else(absent_is_fine)?;
            }
            rename(self.path(), name(1))
        };
        moved().map_err(StateError::at(&self.folder))?;
        Ok(name(1))
    }

    fn path(&self) -> PathBuf {
        self.folder.join(format!("{}.redb", self.stem))
    }
}

fn absent_is_fine(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == ErrorKind::NotFound {
        Ok(())
    } else {
        Err(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("lib/anchorwatch");
        let file = StateFile::new(&state, "x").unwrap();
        drop(file.database().unwrap());
        assert_eq!((mode(&state), mode(&file.path())), (0o700, 0o600));
    }

    #[test]
    fn a_reader_that_panics_found_a_damaged_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = StateFile::new(folder.path(), "x").unwrap();
        let read: Result<(), StateError> = file.read(|_| panic!("nonsense"));
        assert!(matches!(read, Err(StateError::Damaged(_))), "{read:?}");
    }
}
