//! What the outbox keeps of a container and of a behaviour.

use anchorwatch_core::behaviour::{Attributes, Behaviour};
use anchorwatch_core::id::BehaviourId;
use anchorwatch_core::time::{Day, Hour, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Sighting;
use super::commands::Waiting;
use crate::attribute::command::CommandKey;
use crate::attribute::pod::{Container, ContainerKey};

/// Hours that a report of a container can hold. Older ones are dropped: they are the least of what a node that was cut
/// off for days has to tell.
pub const MAX_HOURS: usize = 64;

/// A container, and in which hours it was observed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerRow {
    pub namespace: String,
    pub pod: String,
    pub pod_uid: String,
    pub container: String,
    /// The latest one, with the runtime's name.
    pub container_id: String,
    /// Not yet reported.
    pub hours: BTreeSet<Hour>,
    /// The one that was observed last, by the clock as it was then.
    pub last_hour: Option<Hour>,
}

/// A behaviour of a container, and how often it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BehaviourRow {
    pub behaviour: Behaviour,
    /// What else was seen of it, without command lines.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// Command lines that no batch has told of yet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub waiting: BTreeMap<CommandKey, Waiting>,
    /// Command lines that batches have told of, as far as they are remembered, and of which day that was last.
    #[serde(skip)]
    pub told: BTreeMap<CommandKey, Day>,
    /// Of the first sighting.
    pub lineage: Vec<Arc<str>>,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub unreported: Option<Unreported>,
    /// The hour of the last sighting that a batch has told of, by the clock as it was then; none if no batch has told of
    /// the behaviour.
    pub reported_hour: Option<Hour>,
    /// True while it was only found when the sensor started, and never seen to happen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub snapshot: bool,
    /// True while it was only seen to happen in the first minute of a container.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub startup: bool,
}

/// Sightings that no batch has taken yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unreported {
    pub count: u64,
    pub first: Timestamp,
    pub last: Timestamp,
}

/// A row of either table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    Container(ContainerRow),
    Behaviour(Box<BehaviourRow>),
}

/// What is to happen to a row; its value as it is stored, or nothing to remove it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowChange {
    Container(ContainerKey, Option<Vec<u8>>),
    Behaviour(ContainerKey, BehaviourId, Option<Vec<u8>>),
}

impl ContainerRow {
    pub fn new(container: &Container, hour: Hour) -> Self {
        Self {
            namespace: container.pod.namespace.clone(),
            pod: container.pod.name.clone(),
            pod_uid: container.pod.uid.clone(),
            container: container.name.clone(),
            container_id: container.id.clone(),
            hours: BTreeSet::from([hour]),
            last_hour: Some(hour),
        }
    }

    /// Whether it is the node itself, which no pod's end ends.
    pub const fn is_node(&self) -> bool {
        self.pod_uid.is_empty()
    }

    /// Whether the hour is news.
    ///
    /// A clock that was ahead and is set back comes to some hours a second time: whoever counts them counts each once.
    /// Those that are still to come and were not told of yet are left to come.
    pub fn observe_hour(&mut self, hour: Hour) -> bool {
        if self.last_hour == Some(hour) {
            return false;
        }
        self.last_hour = Some(hour);
        self.hours.retain(|observed| *observed < hour);
        self.hours.insert(hour);
        if self.hours.len() > MAX_HOURS {
            self.hours.pop_first();
        }
        true
    }
}

impl BehaviourRow {
    /// Of the first sighting; its command line is apart.
    pub fn new(sighting: &Sighting<'_>) -> Self {
        let Sighting {
            behaviour,
            attributes,
            command: _,
            lineage,
            at,
            repeats,
            standing,
            startup,
        } = *sighting;
        let mut row = Self {
            behaviour: behaviour.clone(),
            attributes: attributes.clone().bounded(),
            waiting: BTreeMap::new(),
            told: BTreeMap::new(),
            lineage: lineage.to_vec(),
            first_seen: at,
            last_seen: at,
            unreported: None,
            reported_hour: None,
            snapshot: standing,
            startup,
        };
        row.count_times(at, repeats.saturating_add(1));
        row
    }

    /// Seen so many times more.
    pub fn count_times(&mut self, at: Timestamp, times: u64) {
        self.last_seen = self.last_seen.max(at);
        let unreported = self.unreported.get_or_insert(Unreported {
            count: 0,
            first: at,
            last: at,
        });
        unreported.count = unreported.count.saturating_add(times);
        unreported.first = unreported.first.min(at);
        unreported.last = unreported.last.max(at);
    }
}

/// How a row is stored: as JSON, and behind it what was told, which is thousands of keys that change with each batch.
impl BehaviourRow {
    /// As it is stored.
    pub fn stored(&self) -> Vec<u8> {
        let mut stored = json(self);
        stored.reserve_exact(self.told.len() * TOLD_BYTES);
        for (key, day) in &self.told {
            stored.extend_from_slice(&key.bytes());
            stored.extend_from_slice(&day.0.to_le_bytes());
        }
        stored
    }

    /// From what was stored.
    pub fn read(stored: &[u8]) -> serde_json::Result<Self> {
        let mut rows = serde_json::Deserializer::from_slice(stored).into_iter::<Self>();
        let row = rows
            .next()
            .unwrap_or_else(|| Err(serde::de::Error::custom("nothing is stored")))?;
        let (told, []) = stored[rows.byte_offset()..].as_chunks::<TOLD_BYTES>() else {
            return Err(serde::de::Error::custom("what was told is cut off"));
        };
        Ok(Self {
            told: told.iter().map(told_at).collect(),
            ..row
        })
    }
}

/// A command line's key, and the day on which it was told of.
const TOLD_BYTES: usize = CommandKey::BYTES + size_of::<i64>();

fn told_at(stored: &[u8; TOLD_BYTES]) -> (CommandKey, Day) {
    let (mut key, mut day) = ([0; CommandKey::BYTES], [0; size_of::<i64>()]);
    key.copy_from_slice(&stored[..CommandKey::BYTES]);
    day.copy_from_slice(&stored[CommandKey::BYTES..]);
    (CommandKey::from_bytes(key), Day(i64::from_le_bytes(day)))
}

impl RowChange {
    pub fn put_container(key: ContainerKey, row: &ContainerRow) -> Self {
        Self::Container(key, Some(json(row)))
    }

    pub fn put_behaviour(key: ContainerKey, id: BehaviourId, row: &BehaviourRow) -> Self {
        Self::Behaviour(key, id, Some(row.stored()))
    }

    pub const fn remove_container(key: ContainerKey) -> Self {
        Self::Container(key, None)
    }

    pub const fn remove_behaviour(key: ContainerKey, id: BehaviourId) -> Self {
        Self::Behaviour(key, id, None)
    }
}

fn json(row: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(row).expect("rows are plain data with text keys")
}

#[cfg(test)]
mod tests {
    use super::*;
    use anchorwatch_core::behaviour::ProcessParts;

    fn row(lines: &[&str]) -> BehaviourRow {
        let behaviour = Behaviour::Process(ProcessParts::default().into());
        let told = lines
            .iter()
            .zip(20_000..)
            .map(|(line, day)| (CommandKey::of(line), Day(day)));
        let sighting = crate::attribute::testkit::sighting(&behaviour, Timestamp::from_secs(1));
        BehaviourRow {
            told: told.collect(),
            ..BehaviourRow::new(&sighting)
        }
    }

    #[test]
    fn a_row_reads_as_it_was_stored_with_all_that_was_told() {
        for lines in [&[][..], &["{}"], &["a", "b", "c"]] {
            let row = row(lines);
            assert_eq!(BehaviourRow::read(&row.stored()).unwrap(), row);
        }
    }

    #[test]
    fn a_row_that_is_cut_anywhere_is_damaged_or_tells_some_lines_again() {
        let row = row(&["a", "b"]);
        let stored = row.stored();
        for end in 0..stored.len() {
            if let Ok(read) = BehaviourRow::read(&stored[..end]) {
                assert_eq!((stored.len() - end) % TOLD_BYTES, 0);
                assert!(read.told.iter().all(|told| row.told.get(told.0) == Some(told.1)));
            }
        }
    }

    #[test]
    fn a_row_of_a_former_build_has_its_told_lines_told_again() {
        let mut json: serde_json::Value = serde_json::from_slice(&row(&[]).stored()).unwrap();
        json["told"] = serde_json::json!({"00112233445566778899aabbccddeeff": 20_000});
        let read = BehaviourRow::read(json.to_string().as_bytes()).unwrap();
        assert_eq!(read, row(&[]));
    }
}
