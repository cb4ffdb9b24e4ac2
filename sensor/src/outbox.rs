//! What outlives the sensor: everything seen, and the batch that is not acknowledged yet. One file, one writer.
//!
//! Each [`Change`] is one transaction that is on the disk when [`Outbox::apply`] returns. A batch's bytes and the rows
//! that it empties are written together, so that a crash at any moment neither loses a count nor tells it twice.

mod file;

use anchorwatch_core::behaviour::Feed;
use anchorwatch_crds::v1alpha1::HookReport;
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::attribute::pod::ContainerKey;
use crate::losses::{ByFeed, OwnerLosses};
use crate::seen::{Row, RowChange};
use crate::state::StateError;

const CONTAINERS: TableDefinition<&str, &[u8]> = TableDefinition::new("containers");
const BEHAVIOURS: TableDefinition<(&str, &[u8]), &[u8]> = TableDefinition::new("behaviours");
const META: TableDefinition<&str, &[u8]> = TableDefinition::new("meta");
/// Batches that the API server never took, for a person to look at.
const REFUSED: TableDefinition<u64, &[u8]> = TableDefinition::new("refused");

const STATE: &str = "state";
const BATCH: &str = "batch";

/// Raised whenever rows or state change their meaning.
const FORMAT: u32 = 1;

/// How many refused batches are kept.
const KEPT_REFUSED: usize = 8;

/// The outbox's own life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    format: u32,
    /// Whose outbox it is.
    pub node_uid: String,
    /// 32 random hexadecimal digits.
    pub epoch: String,
    /// Number of the next batch.
    pub next_seq: i64,
    /// As the API server was told.
    pub hooks: Vec<HookTold>,
    /// Not yet reported, of nobody in particular.
    #[serde(deserialize_with = "losses")]
    pub losses: ByFeed,
    /// Not yet reported, of containers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub container_losses: Vec<OwnerLosses>,
}

/// A hook's name and state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HookTold {
    pub name: String,
    pub state: String,
    pub reason: String,
}

impl From<&HookReport> for HookTold {
    fn from(hook: &HookReport) -> Self {
        Self {
            name: hook.name.clone(),
            state: hook.state.clone(),
            reason: hook.reason.clone(),
        }
    }
}

impl State {
    /// A new epoch, which has told nothing.
    pub fn new(node_uid: String) -> Result<Self, StateError> {
        Ok(Self {
            format: FORMAT,
            node_uid,
            epoch: new_epoch()?,
            next_seq: 1,
            hooks: Vec::new(),
            losses: ByFeed::new(),
            container_losses: Vec::new(),
        })
    }
}

/// An outbox from before there was more than one feed holds reasons alone: they are the process feed's.
fn losses<'de, D: serde::Deserializer<'de>>(stored: D) -> Result<ByFeed, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        ByFeed(ByFeed),
        OfProcesses(BTreeMap<String, u64>),
    }
    Ok(match Stored::deserialize(stored)? {
        Stored::ByFeed(losses) => losses,
        Stored::OfProcesses(reasons) => ByFeed::from([(Feed::Process, reasons)]),
    })
}

/// 128 random bits as 32 hexadecimal digits.
pub fn new_epoch() -> Result<String, StateError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(StateError::Random)?;
    Ok(hex::encode(bytes))
}

/// How the outbox came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum History {
    /// There was none.
    Created,
    Reopened,
    /// It was damaged, and lies where the path says.
    Damaged(PathBuf),
    /// It was another node's, as a Node object that was made anew is.
    OtherNode(PathBuf),
}

/// What the outbox held.
#[derive(Debug)]
pub struct Opened {
    pub outbox: Outbox,
    pub history: History,
    pub state: State,
    pub batch: Option<Vec<u8>>,
    /// Containers before their behaviours.
    pub rows: Vec<(ContainerKey, Row)>,
}

/// What happens to the batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BatchChange {
    #[default]
    Keep,
    /// It is the one to be sent from now on.
    Close(Vec<u8>),
    /// It is acknowledged.
    Clear,
    /// The API server does not take it.
    Refuse(Vec<u8>),
}

/// What one transaction writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    pub rows: Vec<RowChange>,
    pub state: Option<State>,
    pub batch: BatchChange,
}

impl Change {
    /// Whether nothing is lost by writing it later: there is nothing, or an acknowledgement alone. A batch that is sent once
    /// more after a crash is acknowledged once more, and merged no second time.
    pub fn can_wait(&self) -> bool {
        let Self { rows, state, batch } = self;
        rows.is_empty() && state.is_none() && matches!(batch, BatchChange::Keep | BatchChange::Clear)
    }
}

/// The open file.
#[derive(Debug)]
pub struct Outbox {
    database: Database,
}

impl Outbox {
    /// Opens the outbox in a folder, or makes one. One that can't be read is moved aside.
    pub fn open(folder: &Path, node_uid: &str) -> Result<Opened, StateError> {
        file::open(folder, node_uid)
    }

    /// Writes a change, whole or not at all.
    pub fn apply(&self, change: &Change) -> Result<(), StateError> {
        let transaction = self.database.begin_write()?;
        {
            let mut containers = transaction.open_table(CONTAINERS)?;
            let mut behaviours = transaction.open_table(BEHAVIOURS)?;
            for row in &change.rows {
                match row {
                    RowChange::Container(key, Some(value)) => {
                        containers.insert(key.as_str(), value.as_slice())?;
                    }
                    RowChange::Container(key, None) => {
                        containers.remove(key.as_str())?;
                    }
                    RowChange::Behaviour(key, id, Some(value)) => {
                        behaviours.insert((key.as_str(), id.as_bytes().as_slice()), value.as_slice())?;
                    }
                    RowChange::Behaviour(key, id, None) => {
                        behaviours.remove((key.as_str(), id.as_bytes().as_slice()))?;
                    }
                }
            }
            let mut meta = transaction.open_table(META)?;
            if let Some(state) = &change.state {
                let json = serde_json::to_vec(state).expect("the state is plain data with text keys");
                meta.insert(STATE, json.as_slice())?;
            }
            match &change.batch {
                BatchChange::Keep => {}
                BatchChange::Close(batch) => {
                    meta.insert(BATCH, batch.as_slice())?;
                }
                BatchChange::Clear => {
                    meta.remove(BATCH)?;
                }
                BatchChange::Refuse(batch) => {
                    meta.remove(BATCH)?;
                    let mut refused = transaction.open_table(REFUSED)?;
                    let next = refused.last()?.map_or(0, |(number, _)| number.value() + 1);
                    refused.insert(next, batch.as_slice())?;
                    refused.retain(|number, _| number + KEPT_REFUSED as u64 > next)?;
                }
            }
        }
        transaction.commit()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
