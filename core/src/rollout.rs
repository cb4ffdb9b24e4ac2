//! Deployment evidence: which revisions were rolled out, and which findings they explain.

mod action;
mod breadth;
mod evidence;
mod fit;
mod matching;
mod plan;
mod prune;
mod record;
mod standing;
mod template;
#[cfg(test)]
mod tests;

pub use action::RolloutAction;
pub(crate) use breadth::is_complete_and_broad;
pub use evidence::{CurrentRevision, Evidence, Pod};
pub use matching::{BREADTH_WAIT, EVIDENCE_WAIT, Judgement, RolloutMatch, RolloutVerdict, judge};
pub use plan::{RecordPlan, RevisionFacts, is_unrecorded, plan_digests, plan_record};
pub use prune::{ChainedRecord, Pruning, plan_pruning};
pub use record::{Actor, GitRevision, NewRecord, Record, RecordKind, RecordedContainer};
pub use standing::{StillExplained, still_explained};
pub use template::{Template, TemplateChange, TemplateContainer, TemplateField};
