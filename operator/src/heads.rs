//! The newest record of each workload's chain, as far as this operator wrote or checked it. A cache may lag behind what was
//! written, and the API server may be made to forget it: this does not.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use anchorwatch_core::{
    chain::{Head, RecordHash, heads_digest},
    id::WorkloadKey,
};

/// The heads by workload.
#[derive(Debug, Default)]
pub struct Heads(Mutex<BTreeMap<WorkloadKey, Head>>);

impl Heads {
    /// A workload's head, the later of the remembered and this one.
    pub fn latest(&self, workload: &WorkloadKey, seen: Option<Head>) -> Option<Head> {
        let remembered = self.lock().get(workload).cloned();
        // Where both are of one number, what was written goes before what is shown now.
        [seen, remembered]
            .into_iter()
            .flatten()
            .max_by_key(|head| head.sequence)
    }

    /// Remembers a head that is later than the one before.
    pub fn remember(&self, workload: &WorkloadKey, head: &Head) {
        let mut heads = self.lock();
        let later = heads.get(workload).is_none_or(|known| known.sequence < head.sequence);
        if later {
            heads.insert(workload.clone(), head.clone());
        }
    }

    /// Forgets a workload whose records were pruned altogether.
    pub fn forget(&self, workload: &WorkloadKey) {
        self.lock().remove(workload);
    }

    /// All of them.
    pub fn all(&self) -> BTreeMap<WorkloadKey, Head> {
        self.lock().clone()
    }

    /// One hash over all of them.
    pub fn digest(&self) -> RecordHash {
        heads_digest(self.lock().iter())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<WorkloadKey, Head>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(sequence: u64, byte: u8) -> Head {
        Head {
            record: format!("r{sequence}"),
            sequence,
            hash: RecordHash::new([byte; 32]),
        }
    }

    #[test]
    fn a_head_never_goes_back_and_what_was_written_goes_before_what_is_shown() {
        let heads = Heads::default();
        let workload = WorkloadKey::new("shop", "Deployment", "agent");
        assert_eq!(heads.latest(&workload, Some(head(2, 2))), Some(head(2, 2)));
        heads.remember(&workload, &head(3, 3));
        heads.remember(&workload, &head(1, 1));
        assert_eq!(heads.latest(&workload, None), Some(head(3, 3)));
        assert_eq!(heads.latest(&workload, Some(head(3, 9))), Some(head(3, 3)));
        assert_eq!(heads.latest(&workload, Some(head(4, 4))), Some(head(4, 4)));
        heads.forget(&workload);
        assert_eq!(heads.latest(&workload, None), None);
    }
}
