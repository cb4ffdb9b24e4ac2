//! Deployment evidence: which revisions were rolled out, and which findings they explain.

mod breadth;
mod evidence;
mod fit;
mod matching;
mod record;
mod standing;
#[cfg(test)]
mod tests;

pub use evidence::{CurrentRevision, Evidence, Pod};
pub use matching::{BREADTH_WAIT, EVIDENCE_WAIT, Judgement, RolloutMatch, RolloutVerdict, judge};
pub use record::{NewRecord, Record, RecordPlan, RecordedContainer, RevisionFacts, TemplateContainer, plan_record};
pub use standing::{StillExplained, still_explained};
