//! Which records have been kept for long enough.

use crate::{
    chain::{Checkpoint, RecordHash},
    time::{Duration, Timestamp},
};

/// Revisions that are kept whatever their age: the one that runs, and the one that it is compared with.
const KEPT_REVISIONS: usize = 2;

/// A record as a link of its chain.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ChainedRecord {
    /// Name of the object.
    pub name: String,
    /// Its number in the chain.
    pub sequence: u64,
    /// Its hash.
    pub hash: RecordHash,
    /// When the API server took it in.
    pub created: Timestamp,
    /// Whether it is the record of a revision.
    pub is_revision: bool,
    /// Up to which number it says that records were pruned.
    pub prunes_through: Option<u64>,
}

/// What becomes of a chain's oldest records.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Pruning {
    /// Nothing; the next is due after this.
    Nothing {
        /// None where no time alone makes one due.
        due: Option<Duration>,
    },
    /// A checkpoint has to say that they go, before they do.
    Announce(Checkpoint),
    /// They were announced: these records may go, oldest first.
    Delete(Vec<String>),
}

/// Plans it for the sealed records of a workload. Records go only from the beginning of the chain, once each of them is
/// older than `retention`, and never the two newest revisions nor what came after them. Without the record of a revision
/// among them nothing goes, so that checkpoints do not follow each other for ever.
pub fn plan_pruning(records: &[ChainedRecord], retention: Duration, now: Timestamp) -> Pruning {
    let mut chain: Vec<&ChainedRecord> = records.iter().collect();
    chain.sort_by_key(|record| record.sequence);
    let announced = chain.iter().filter_map(|record| record.prunes_through).max();
    let left: Vec<String> = chain
        .iter()
        .filter(|record| announced.is_some_and(|through| record.sequence <= through))
        .map(|record| record.name.clone())
        .collect();
    if !left.is_empty() {
        return Pruning::Delete(left);
    }
    let mut revisions = chain.iter().rev().filter(|record| record.is_revision);
    let Some(oldest_kept) = revisions.nth(KEPT_REVISIONS - 1) else {
        return Pruning::Nothing { due: None };
    };
    let prunable = || chain.iter().take_while(|record| record.sequence < oldest_kept.sequence);
    let old = prunable().take_while(|record| record.created.plus(retention) <= now);
    let aged: Vec<&&ChainedRecord> = old.collect();
    match aged.last() {
        Some(last) if aged.iter().any(|record| record.is_revision) => Pruning::Announce(Checkpoint {
            through: last.sequence,
            hash: last.hash,
        }),
        Some(_) | None => Pruning::Nothing {
            due: prunable()
                .nth(aged.len())
                .map(|next| next.created.plus(retention).since(now)),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::at;

    const RETENTION: Duration = Duration::from_secs(1_000);

    fn record(sequence: u64, created: i64) -> ChainedRecord {
        ChainedRecord {
            name: format!("r{sequence}"),
            sequence,
            hash: RecordHash::new([u8::try_from(sequence).unwrap(); 32]),
            created: at(created),
            is_revision: true,
            prunes_through: None,
        }
    }

    fn checkpoint(sequence: u64, created: i64, through: u64) -> ChainedRecord {
        ChainedRecord {
            is_revision: false,
            prunes_through: Some(through),
            ..record(sequence, created)
        }
    }

    fn through(sequence: u64) -> Pruning {
        Pruning::Announce(Checkpoint {
            through: sequence,
            hash: RecordHash::new([u8::try_from(sequence).unwrap(); 32]),
        })
    }

    #[test]
    fn what_is_older_than_its_retention_goes_and_two_revisions_stay() {
        let chain: Vec<_> = (1..=5).map(|sequence| record(sequence, 0)).collect();
        assert_eq!(plan_pruning(&chain, RETENTION, at(1_000)), through(3));
        let due = Some(Duration::from_secs(1));
        assert_eq!(plan_pruning(&chain, RETENTION, at(999)), Pruning::Nothing { due });
        let due = None;
        assert_eq!(
            plan_pruning(&chain[..2], RETENTION, at(9_000)),
            Pruning::Nothing { due }
        );
    }

    #[test]
    fn a_younger_record_keeps_all_after_it() {
        let chain = [record(1, 0), record(2, 500), record(3, 0), record(4, 0), record(5, 0)];
        assert_eq!(plan_pruning(&chain, RETENTION, at(1_000)), through(1));
    }

    #[test]
    fn what_was_announced_goes_and_nothing_else_does_meanwhile() {
        let chain = [
            record(1, 0),
            record(2, 0),
            record(3, 0),
            record(4, 0),
            checkpoint(5, 1_000, 2),
        ];
        let gone = Pruning::Delete(vec!["r1".to_owned(), "r2".to_owned()]);
        assert_eq!(plan_pruning(&chain, RETENTION, at(9_000)), gone);
        // An operator that died between the two deletions goes on.
        let gone = Pruning::Delete(vec!["r2".to_owned()]);
        assert_eq!(plan_pruning(&chain[1..], RETENTION, at(9_000)), gone);
        assert_eq!(
            plan_pruning(&chain[2..], RETENTION, at(9_000)),
            Pruning::Nothing { due: None }
        );
    }

    #[test]
    fn checkpoints_go_with_what_they_announced_and_do_not_follow_each_other_for_ever() {
        let chain = [
            record(3, 0),
            record(4, 0),
            checkpoint(5, 0, 2),
            record(6, 0),
            record(7, 0),
        ];
        assert_eq!(plan_pruning(&chain, RETENTION, at(9_000)), through(5));
        let chain = [record(6, 0), record(7, 0), checkpoint(8, 0, 5)];
        assert_eq!(
            plan_pruning(&chain, RETENTION, at(9_000)),
            Pruning::Nothing { due: None }
        );
    }
}
