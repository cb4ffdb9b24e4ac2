//! What is known, in one file with one writer: a row a workload.

use anchorwatch_core::id::WorkloadKey;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::known::Known;
use crate::state::{StateError, StateFile};

const FILE: &str = "standalone";
/// By the workload's key, as JSON. The number is raised whenever rows change their meaning.
const WORKLOADS: TableDefinition<&str, &[u8]> = TableDefinition::new("workloads.1");

/// What the file held.
#[derive(Debug)]
pub struct Opened {
    pub store: Store,
    pub known: BTreeMap<WorkloadKey, Known>,
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
    pub fn open(folder: &Path) -> Result<Opened, StateError> {
        let file = StateFile::new(folder, FILE)?;
        match file.read(read) {
            Err(StateError::Damaged(reason)) => {
                let aside = file.move_aside("damaged")?;
                Ok(Opened {
                    damaged: Some((aside, reason)),
                    ..file.read(read)?
                })
            }
            opened => opened,
        }
    }

    /// Writes what is known of workloads, and takes out those that are gone: all of it or nothing.
    pub fn save(&self, changes: &[(WorkloadKey, Option<&Known>)]) -> Result<(), StateError> {
        if changes.is_empty() {
            return Ok(());
        }
        let transaction = self.database.begin_write()?;
        {
            let mut table = transaction.open_table(WORKLOADS)?;
            for (workload, known) in changes {
                let key = workload.to_string();
                match known {
                    Some(known) => {
                        let json = serde_json::to_vec(known).map_err(StateError::Json)?;
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

fn read(database: Database) -> Result<Opened, StateError> {
    let known = rows(&database)?;
    Ok(Opened {
        store: Store { database },
        known,
        damaged: None,
    })
}

fn rows(database: &Database) -> Result<BTreeMap<WorkloadKey, Known>, StateError> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(WORKLOADS) {
        Ok(table) => table,
        // Made and not yet written to.
        Err(TableError::TableDoesNotExist(_)) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error.into()),
    };
    let damaged = |error: &dyn std::fmt::Display| StateError::Damaged(error.to_string());
    let mut rows = BTreeMap::new();
    for row in table.iter()? {
        let (key, value) = row?;
        let workload: WorkloadKey = key.value().parse().map_err(|error| damaged(&error))?;
        let known: Known = serde_json::from_slice(value.value()).map_err(|error| damaged(&error))?;
        if known
            .baseline
            .entries()
            .any(|(_, id, entry)| id != entry.behaviour.id())
        {
            return Err(damaged(&"a behaviour's key is not its own"));
        }
        rows.insert(workload, known);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::super::watch::tests::{at, enforcing, shell};
    use super::*;

    #[test]
    fn what_was_learned_and_told_reads_back_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let opened = Store::open(folder.path()).unwrap();
        assert!(opened.known.is_empty() && opened.damaged.is_none());
        let mut watch = enforcing();
        watch.see(&shell(), at(200), at(200));
        assert_eq!(watch.news(at(201)).len(), 1);
        let changed = watch.take_changed(true);
        opened.store.save(&changed).unwrap();
        let expected: BTreeMap<WorkloadKey, Known> = changed
            .into_iter()
            .map(|(workload, known)| (workload, known.unwrap().clone()))
            .collect();
        assert!(expected.values().all(|known| known.alerts.len() == 1));
        drop(opened);
        let again = Store::open(folder.path()).unwrap();
        assert_eq!((again.known, again.damaged), (expected.clone(), None));
        let gone = [(expected.keys().next().unwrap().clone(), None)];
        again.store.save(&gone).unwrap();
        drop(again.store);
        assert!(Store::open(folder.path()).unwrap().known.is_empty());
    }

    #[test]
    fn a_damaged_file_is_moved_aside_and_a_new_one_begins() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("standalone.redb");
        let row = |key: &str, value: &[u8]| {
            let database = redb::Builder::new().create(&path).unwrap();
            let transaction = database.begin_write().unwrap();
            transaction.open_table(WORKLOADS).unwrap().insert(key, value).unwrap();
            transaction.commit().unwrap();
        };
        let damages: [&dyn Fn(); 3] = [
            &|| std::fs::write(&path, b"no database").unwrap(),
            &|| row("host/Unit/demo.service", b"{"),
            &|| row("nonsense", b"{}"),
        ];
        for damage in damages {
            damage();
            let opened = Store::open(folder.path()).unwrap();
            let (moved, reason) = opened.damaged.unwrap();
            assert!(moved.exists() && !reason.is_empty());
            assert!(opened.known.is_empty());
            drop(opened.store);
            std::fs::remove_file(&path).unwrap();
        }
    }

    #[test]
    fn a_second_sensor_does_not_share_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Store::open(folder.path()).unwrap();
        assert!(matches!(Store::open(folder.path()), Err(StateError::InUse)));
    }
}
