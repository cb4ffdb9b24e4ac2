//! Where a node's outbox stands: which batches can still come.

use crate::id::BatchId;

/// What a node's report says of its outbox.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outbox {
    /// The node has no report.
    Gone,
    /// It has one.
    Reported {
        /// The epoch of the batch that it holds.
        epoch: String,
        /// Epoch and number of the last batch that was acknowledged.
        acknowledged: Option<(String, u64)>,
    },
}

impl Outbox {
    /// Whether a batch may still be sent, or sent again.
    pub fn may_send(&self, batch: &BatchId) -> bool {
        match self {
            Self::Gone => false,
            Self::Reported { epoch, acknowledged } => match acknowledged {
                Some((done, seq)) if *done == batch.epoch => batch.seq > *seq,
                Some(_) | None => batch.epoch == *epoch,
            },
        }
    }
}
