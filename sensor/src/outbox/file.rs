//! Opening the outbox's file, and making a new one where it is damaged.

use anchorwatch_core::id::BehaviourId;
use redb::{Database, ReadTransaction, TableError};
use std::path::Path;

use super::{
    BATCH, BEHAVIOURS, CONTAINERS, Change, FORMAT, History, META, Opened, Outbox, ReadableDatabase, ReadableTable, Row,
    STATE, State,
};
use crate::attribute::pod::ContainerKey;
use crate::seen::BehaviourRow;
use crate::state::{StateError, StateFile};

const FILE: &str = "outbox";

pub(super) fn open(folder: &Path, node_uid: &str) -> Result<Opened, StateError> {
    let file = StateFile::new(folder, FILE)?;
    match file.read(read) {
        Ok(Some(opened)) if opened.state.node_uid == node_uid => Ok(opened),
        Ok(Some(opened)) => {
            drop(opened);
            let moved = file.move_aside("other-node")?;
            create(&file, node_uid, History::OtherNode(moved))
        }
        // Made and not yet written to when the sensor ended.
        Ok(None) => create(&file, node_uid, History::Created),
        Err(StateError::Damaged(reason)) => {
            tracing::error!(%reason, "the outbox is damaged and begins anew");
            let moved = file.move_aside("damaged")?;
            create(&file, node_uid, History::Damaged(moved))
        }
        Err(error) => Err(error),
    }
}

fn create(file: &StateFile, node_uid: &str, history: History) -> Result<Opened, StateError> {
    let state = State::new(node_uid.to_owned())?;
    let outbox = Outbox {
        database: file.database()?,
    };
    outbox.apply(&Change {
        state: Some(state.clone()),
        ..Change::default()
    })?;
    file.sync_folder()?;
    Ok(Opened {
        outbox,
        history,
        state,
        batch: None,
        rows: Vec::new(),
    })
}

/// `None` from a file that holds nothing yet.
fn read(database: Database) -> Result<Option<Opened>, StateError> {
    let outbox = Outbox { database };
    let transaction = outbox.database.begin_read()?;
    let Some((state, batch)) = read_meta(&transaction)? else {
        return Ok(None);
    };
    if state.format != FORMAT {
        return Err(StateError::Damaged(format!("format {} is not known", state.format)));
    }
    let mut rows = Vec::new();
    for row in transaction.open_table(CONTAINERS)?.iter()? {
        let (key, value) = row?;
        rows.push((container_key(key.value())?, Row::Container(decoded(value.value())?)));
    }
    for row in transaction.open_table(BEHAVIOURS)?.iter()? {
        let (key, value) = row?;
        let (container, id) = key.value();
        let row = BehaviourRow::read(value.value()).map_err(|error| StateError::Damaged(error.to_string()))?;
        let stated: Option<BehaviourId> = id.try_into().ok().map(BehaviourId::from_bytes);
        if stated != Some(row.behaviour.id()) {
            return Err(StateError::Damaged("a behaviour's key is not its own".to_owned()));
        }
        rows.push((container_key(container)?, Row::Behaviour(Box::new(row))));
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

fn read_meta(transaction: &ReadTransaction) -> Result<Option<Meta>, StateError> {
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

fn container_key(text: &str) -> Result<ContainerKey, StateError> {
    match text.split_once('/') {
        Some((pod_uid, container)) => Ok(ContainerKey::new(pod_uid, container)),
        None => Err(StateError::Damaged("a container's key has no name".to_owned())),
    }
}

fn decoded<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, StateError> {
    serde_json::from_slice(bytes).map_err(|error| StateError::Damaged(error.to_string()))
}
