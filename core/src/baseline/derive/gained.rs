//! Capabilities that a known process gained and never did before.

use super::{BehaviourReport, Entry, Split};
use crate::behaviour::{Behaviour, CapabilitySet, ProcessBehaviour, ProcessParts};

/// Takes the capabilities out of the report of a learned process, and derives what of them is news.
///
/// What was only ever found running does not say what its execution gave: the first execution that is seen does, and is
/// learned from.
pub(super) fn split(
    split: &mut Split<'_>,
    process: &ProcessBehaviour,
    seen: &BehaviourReport,
    learned: &Entry,
    raises: bool,
) {
    let news = seen.attributes.gained.without(learned.attributes.gained);
    if news.is_empty() || learned.snapshot {
        return;
    }
    split.base.to_mut().attributes.gained = CapabilitySet::NONE;
    if raises {
        let parts = ProcessParts {
            gained: news,
            ..ProcessParts::from(process.clone())
        };
        let news = BehaviourReport {
            behaviour: Behaviour::Process(parts.into()),
            ..seen.clone()
        };
        split.derived.push(news.into());
    }
}
