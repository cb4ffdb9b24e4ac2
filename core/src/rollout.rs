//! Deployment evidence: which revisions were rolled out, and which findings they explain.

mod evidence;
mod matching;
mod record;

pub use evidence::{CurrentRevision, Evidence, Pod};
pub use matching::{BREADTH_WAIT, EVIDENCE_WAIT, Judgement, RolloutMatch, RolloutVerdict, Suspect, judge};
pub use record::{NewRecord, Record, RecordPlan, RecordedContainer, RevisionFacts, TemplateContainer, plan_record};
