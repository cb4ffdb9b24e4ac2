//! Deployment evidence: which revisions were rolled out, and which findings they explain.

mod action;
mod breadth;
mod evidence;
mod fit;
mod heirs;
mod images;
mod intent;
mod judgement;
mod likeness;
mod matching;
mod mismatch;
mod plan;
mod prune;
mod record;
mod sidecar;
mod standing;
mod template;
#[cfg(test)]
mod tests;
mod trust;

pub use action::RolloutAction;
pub(crate) use breadth::is_complete_and_broad;
pub use evidence::{CurrentRevision, Evidence, Pod, started};
pub use images::{NodeImages, repository};
pub use intent::{Announcement, Comparison, Expected, Intent, IntentState, compare, intent_state};
pub use judgement::{Judgement, RolloutMatch, RolloutVerdict};
pub use matching::{BREADTH_WAIT, EVIDENCE_WAIT, judge};
pub(crate) use mismatch::{DigestMismatch, mismatches};
pub use plan::{RecordPlan, RevisionFacts, is_unrecorded, plan_digests, plan_record, witness};
pub use prune::{ChainedRecord, Pruning, plan_pruning};
pub use record::{Actor, GitRevision, NewRecord, Record, RecordKind, RecordedContainer};
pub use standing::{StillExplained, still_explained};
pub use template::{Template, TemplateChange, TemplateContainer, TemplateField};
