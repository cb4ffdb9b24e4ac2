//! Opening the outbox's file, and making a new one where it is damaged.

use anchorwatch_core::id::BehaviourId;
use redb::{Builder, Database, ReadTransaction, TableError};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::{
    BATCH, BEHAVIOURS, CONTAINERS, Change, FORMAT, History, META, Opened, Outbox, ReadableDatabase, ReadableTable, Row,
    STATE, State,
};
use crate::attribute::pod::ContainerKey;

const FILE: &str = "outbox.redb";
/// Pages held in memory; the rows are held as [`crate::seen::Seen`] already.
const CACHE_BYTES: usize = 2 << 20;
/// How many damaged files are kept.
const KEPT_DAMAGED: usize = 2;

/// Why the outbox can't be used.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    #[error("{path} can't be used")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("another sensor uses the outbox")]
    InUse,
    #[error("the outbox is damaged: {0}")]
    Damaged(String),
    #[error("the outbox can't be read or written")]
    Storage(#[source] Box<redb::Error>),
    #[error("the system has no random numbers")]
    Random(#[source] getrandom::Error),
}

impl<E: Into<redb::Error>> From<E> for OutboxError {
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

/// What redb says of a file that is none of its own or ends too early.
fn is_damage(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof)
}

pub(super) fn open(folder: &Path, node_uid: &str) -> Result<Opened, OutboxError> {
    let failed = |source| OutboxError::Folder {
        path: folder.to_path_buf(),
        source,
    };
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(failed)?;
    let path = folder.join(FILE);
    match attempt(&path) {
        Ok(Some(opened)) if opened.state.node_uid == node_uid => Ok(opened),
        Ok(Some(opened)) => {
            drop(opened);
            let moved = move_aside(folder, &path, "other-node").map_err(failed)?;
            create(folder, &path, node_uid, History::OtherNode(moved))
        }
        // Made and not yet written to when the sensor ended.
        Ok(None) => create(folder, &path, node_uid, History::Created),
        Err(OutboxError::Damaged(reason)) => {
            tracing::error!(%reason, "the outbox is damaged and begins anew");
            let moved = move_aside(folder, &path, "damaged").map_err(failed)?;
            create(folder, &path, node_uid, History::Damaged(moved))
        }
        Err(error) => Err(error),
    }
}

fn create(folder: &Path, path: &Path, node_uid: &str, history: History) -> Result<Opened, OutboxError> {
    let state = State::new(node_uid.to_owned())?;
    let outbox = Outbox {
        database: database(path)?,
    };
    outbox.apply(&Change {
        state: Some(state.clone()),
        ..Change::default()
    })?;
    // The file's name has to be on the disk as well.
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| OutboxError::Folder {
        path: folder.to_path_buf(),
        source,
    })?;
    Ok(Opened {
        outbox,
        history,
        state,
        batch: None,
        rows: Vec::new(),
    })
}

fn database(path: &Path) -> Result<Database, OutboxError> {
    Ok(Builder::new().set_cache_size(CACHE_BYTES).create(path)?)
}

/// Reads everything; `None` from a file that holds nothing yet. A damaged file may make the reader panic as well as
/// fail.
fn attempt(path: &Path) -> Result<Option<Opened>, OutboxError> {
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        let mut database = database(path)?;
        if !database.check_integrity()? {
            tracing::warn!("the outbox was repaired");
        }
        read(Outbox { database })
    }));
    attempt.unwrap_or_else(|_| Err(OutboxError::Damaged("reading it panicked".to_owned())))
}

fn read(outbox: Outbox) -> Result<Option<Opened>, OutboxError> {
    let transaction = outbox.database.begin_read()?;
    let Some((state, batch)) = read_meta(&transaction)? else {
        return Ok(None);
    };
    if state.format != FORMAT {
        return Err(OutboxError::Damaged(format!("format {} is not known", state.format)));
    }
    let mut rows = Vec::new();
    for row in transaction.open_table(CONTAINERS)?.iter()? {
        let (key, value) = row?;
        rows.push((container_key(key.value())?, Row::Container(decoded(value.value())?)));
    }
    for row in transaction.open_table(BEHAVIOURS)?.iter()? {
        let (key, value) = row?;
        let (container, id) = key.value();
        let row: crate::seen::BehaviourRow = decoded(value.value())?;
        let stated: Option<BehaviourId> = id.try_into().ok().map(BehaviourId::from_bytes);
        if stated != Some(row.behaviour.id()) {
            return Err(OutboxError::Damaged("a behaviour's key is not its own".to_owned()));
        }
        rows.push((container_key(container)?, Row::Behaviour(row)));
    }
    drop(transaction);
    Ok(Some(Opened {
        outbox,
        history: History::Reopened,
        state,
        batch,
        rows,
    }))
}

/// The state, and the batch if there is one.
type Meta = (State, Option<Vec<u8>>);

fn read_meta(transaction: &ReadTransaction) -> Result<Option<Meta>, OutboxError> {
    let meta = match transaction.open_table(META) {
        Ok(meta) => meta,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let Some(state) = meta.get(STATE)? else {
        return Ok(None);
    };
    let batch = meta.get(BATCH)?.map(|batch| batch.value().to_vec());
    Ok(Some((decoded(state.value())?, batch)))
}

fn container_key(text: &str) -> Result<ContainerKey, OutboxError> {
    match text.split_once('/') {
        Some((pod_uid, container)) => Ok(ContainerKey::new(pod_uid, container)),
        None => Err(OutboxError::Damaged("a container's key has no name".to_owned())),
    }
}

fn decoded<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, OutboxError> {
    serde_json::from_slice(bytes).map_err(|error| OutboxError::Damaged(error.to_string()))
}

/// Renames the file to the first free name, and removes the oldest of those that were moved before.
fn move_aside(folder: &Path, path: &Path, why: &str) -> std::io::Result<PathBuf> {
    let name = |number: usize| folder.join(format!("outbox.{why}.{number}.redb"));
    fs::remove_file(name(KEPT_DAMAGED)).or_else(absent_is_fine)?;
    for number in (1..KEPT_DAMAGED).rev() {
        fs::rename(name(number), name(number + 1)).or_else(absent_is_fine)?;
    }
    fs::rename(path, name(1))?;
    Ok(name(1))
}

fn absent_is_fine(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == ErrorKind::NotFound {
        Ok(())
    } else {
        Err(error)
    }
}
