//! What was learned, in one file with one writer: a row a workload.

use anchorwatch_core::baseline::Baseline;
use anchorwatch_core::id::WorkloadKey;
use redb::{Builder, Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

const FILE: &str = "standalone.redb";
/// Where a damaged file goes; the one that lay there before is replaced.
const DAMAGED: &str = "standalone.damaged.redb";
/// Pages held in memory; the baselines are there already.
const CACHE_BYTES: usize = 2 << 20;
/// Baselines by the workload's key, as JSON. The number is raised whenever rows change their meaning.
const BASELINES: TableDefinition<&str, &[u8]> = TableDefinition::new("baselines.1");

/// Why what was learned can't be kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("{path} can't be used")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("another sensor uses the state folder")]
    InUse,
    #[error("the file is damaged: {0}")]
    Damaged(String),
    #[error("what was learned can't be read or written")]
    Storage(#[source] Box<redb::Error>),
    #[error("what was learned can't be written as JSON")]
    Json(#[source] serde_json::Error),
}

impl<E: Into<redb::Error>> From<E> for StoreError {
    fn from(error: E) -> Self {
        match error.into() {
            redb::Error::Corrupted(what) => Self::Damaged(what),
            redb::Error::DatabaseAlreadyOpen => Self::InUse,
            redb::Error::UpgradeRequired(version) => Self::Damaged(format!("file format {version} is not known")),
            // What redb says of a file that is none of its own or ends too early.
            redb::Error::Io(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof) => {
                Self::Damaged(error.to_string())
            }
            error @ (redb::Error::TableTypeMismatch { .. }
            | redb::Error::TypeDefinitionChanged { .. }
            | redb::Error::RepairAborted) => Self::Damaged(error.to_string()),
            error => Self::Storage(Box::new(error)),
        }
    }
}

/// What the file held.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    pub baselines: BTreeMap<WorkloadKey, Baseline>,
    /// Where the file lies that could not be read, and why it could not.
    pub damaged: Option<(PathBuf, String)>,
}

/// The open file.
#[derive(Debug)]
pub struct Store {
    database: Database,
}

impl Store {
    /// Opens the file in a folder, or makes both. A file that can't be read is moved aside.
    pub fn open(folder: &Path) -> Result<Opened, StoreError> {
        let failed = |source| StoreError::Folder {
            path: folder.to_path_buf(),
            source,
        };
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.map_err(failed)?;
        let path = folder.join(FILE);
        match attempt(&path) {
            Err(StoreError::Damaged(reason)) => {
                let aside = folder.join(DAMAGED);
                fs::rename(&path, &aside).map_err(failed)?;
                let opened = attempt(&path)?;
                Ok(Opened {
                    damaged: Some((aside, reason)),
                    ..opened
                })
            }
            opened => opened,
        }
    }

    /// Writes baselines, and takes out those that are gone: all of it or nothing.
    pub fn save(&self, changes: &[(WorkloadKey, Option<&Baseline>)]) -> Result<(), StoreError> {
        if changes.is_empty() {
            return Ok(());
        }
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(BASELINES)?;
            for (workload, baseline) in changes {
                let key = workload.to_string();
                match baseline {
                    Some(baseline) => {
                        let json = serde_json::to_vec(baseline).map_err(StoreError::Json)?;
                        table.insert(key.as_str(), json.as_slice())?;
                    }
                    None => {
                        table.remove(key.as_str())?;
                    }
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

/// Reads everything. A damaged file may make the reader panic as well as fail.
fn attempt(path: &Path) -> Result<Opened, StoreError> {
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        // What a host runs is nobody's business but root's.
        let mut private = fs::OpenOptions::new();
        let private = private.read(true).write(true).create(true).truncate(false).mode(0o600);
        private.open(path).map_err(|source| StoreError::Folder {
            path: path.to_path_buf(),
            source,
        })?;
        let mut database = Builder::new().set_cache_size(CACHE_BYTES).create(path)?;
        database.check_integrity()?;
        let baselines = read(&database)?;
        Ok(Opened {
            store: Store { database },
            baselines,
            damaged: None,
        })
    }));
    attempt.unwrap_or_else(|_| Err(StoreError::Damaged("reading it panicked".to_owned())))
}

fn read(database: &Database) -> Result<BTreeMap<WorkloadKey, Baseline>, StoreError> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(BASELINES) {
        Ok(table) => table,
        // Made and not yet written to.
        Err(TableError::TableDoesNotExist(_)) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let damaged = |error: &dyn std::fmt::Display| StoreError::Damaged(error.to_string());
    let mut baselines = BTreeMap::new();
    for row in table.iter()? {
        let (key, value) = row?;
        let workload: WorkloadKey = key.value().parse().map_err(|error| damaged(&error))?;
        let baseline: Baseline = serde_json::from_slice(value.value()).map_err(|error| damaged(&error))?;
        if baseline.entries().any(|(_, id, entry)| id != entry.behaviour.id()) {
            return Err(damaged(&"a behaviour's key is not its own"));
        }
        baselines.insert(workload, baseline);
    }
    Ok(baselines)
}

#[cfg(test)]
mod tests {
    use super::super::watch::tests::{at, enforcing, shell};
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn what_was_learned_and_raised_reads_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let opened = Store::open(folder.path()).unwrap();
        assert!(opened.baselines.is_empty() && opened.damaged.is_none());
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let mut watch = enforcing();
        assert_eq!(watch.see(&shell(200), at(200)).len(), 1);
        let changed = watch.take_changed();
        opened.store.save(&changed).unwrap();
        let expected: BTreeMap<WorkloadKey, Baseline> = changed
            .into_iter()
            .map(|(workload, baseline)| (workload, baseline.unwrap().clone()))
            .collect();
        drop(opened);
        let again = Store::open(folder.path()).unwrap();
        assert_eq!((again.baselines, again.damaged), (expected.clone(), None));
        let gone = [(expected.keys().next().unwrap().clone(), None)];
        again.store.save(&gone).unwrap();
        drop(again.store);
        assert!(Store::open(folder.path()).unwrap().baselines.is_empty());
    }

    #[test]
    fn a_damaged_file_is_moved_aside_and_a_new_one_begins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        let row = |key: &str, value: &[u8]| {
            let database = Builder::new().create(&path).unwrap();
            let transaction = database.begin_write().unwrap();
            transaction.open_table(BASELINES).unwrap().insert(key, value).unwrap();
            transaction.commit().unwrap();
        };
        let damages: [&dyn Fn(); 3] = [
            &|| fs::write(&path, b"no database").unwrap(),
            &|| row("host/Unit/demo.service", b"{"),
            &|| row("nonsense", b"{}"),
        ];
        for damage in damages {
            damage();
            let opened = Store::open(folder.path()).unwrap();
            let (moved, reason) = opened.damaged.unwrap();
            assert!(moved.exists() && !reason.is_empty());
            assert!(opened.baselines.is_empty());
            drop(opened.store);
            fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_second_sensor_does_not_share_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Store::open(folder.path()).unwrap();
        assert!(matches!(Store::open(folder.path()), Err(StoreError::InUse)));
    }
}
