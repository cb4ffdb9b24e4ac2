//! What was learned within bounds, and is raised beyond them: of one node alone, although the workload ran on others as
//! well, or in the start of a container alone.
//!
//! Whoever owns a node can tell anything of its pods, and teaches what pods there may do, not those of other nodes. What
//! only ever starts a container (a migration, a script that installs something) is news where it is done later. Either is
//! known as ever within its bounds while it is raised beyond them, and dismissing the finding leaves it as it was learned.

use super::{BehaviourReport, Entry, EntryState, Past, Phase};
use crate::{
    decide::Verdict,
    id::NodeName,
    rules::Rule,
    seen::Seen,
    time::{Duration, Timestamp},
};

/// How long after a behaviour was first seen it is open whether it is of the start alone: a baseline that learned for
/// minutes knows nothing of the hours after.
const SETTLED: Duration = Duration::from_hours(1);

/// Where and when a behaviour was shown, as far as bounds go by it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Occasion<'a> {
    /// The node that reported it.
    pub(super) node: &'a NodeName,
    /// What was reported.
    pub(super) seen: &'a BehaviourReport,
    /// When it was last seen.
    pub(super) at: Timestamp,
}

impl Entry {
    /// Whether it was learned, and is raised only beyond what it was learned within.
    pub const fn is_bounded(&self) -> bool {
        match self.lesson.past {
            Past::Bounded => self.is_quarantined(),
            Past::Plain | Past::Denied | Past::Absorbed | Past::Inherited => false,
        }
    }

    /// Whether it was learned and still is: everywhere and always, within bounds, or beyond them since a person said so.
    pub const fn is_known_within_bounds(&self) -> bool {
        let beyond = match self.state {
            EntryState::Accepted { rule } => rule.is_of_bounds(),
            EntryState::Learned | EntryState::Quarantined { .. } => false,
        };
        beyond || self.is_learned() || self.is_bounded()
    }

    /// Whether it was only seen in the first minute of a container.
    pub const fn is_of_start(&self) -> bool {
        match self.lesson.phase {
            Phase::Startup => true,
            Phase::Unknown | Phase::Steady => false,
        }
    }

    /// When the first of it was seen that was raised. What was learned long before is a finding from then on.
    pub fn raised_since(&self) -> Timestamp {
        let shown = self.shown_by.values().map(|sighting| sighting.first_seen).min();
        shown.filter(|_| self.is_bounded()).unwrap_or(self.first_seen)
    }

    /// Whether only another node told of it although there were more that could have.
    pub(super) fn is_known_elsewhere_alone(&self, node: &NodeName) -> bool {
        matches!(&self.lesson.node, Seen::One(own) if own != node)
    }

    /// Takes note of a further sighting that teaches: from where it came, and whether it was in the start. What nobody saw
    /// happen tells nothing of the latter.
    pub(super) fn widen_bounds(&mut self, seen: &BehaviourReport, node: Seen<NodeName>) {
        if self.is_bounded() {
            return;
        }
        self.lesson.node = std::mem::take(&mut self.lesson.node).join(node);
        let phase = match (seen.snapshot, seen.startup) {
            (true, _) => Phase::Unknown,
            (false, true) => Phase::Startup,
            (false, false) => Phase::Steady,
        };
        self.lesson.phase = self.lesson.phase.max(phase);
    }

    /// Takes the bounds away: it is known wherever and whenever it is done.
    pub(super) fn lift_bounds(&mut self) {
        self.lesson.node = Seen::Several;
        self.lesson.phase = Phase::Steady;
    }
}

/// The rule that raises what was learned, where it is shown beyond what it was learned within.
fn beyond(entry: &Entry, occasion: Occasion<'_>) -> Option<Rule> {
    let Occasion { node, seen, at } = occasion;
    let is_steady = !seen.startup && !seen.snapshot && at >= entry.first_seen.plus(SETTLED);
    if entry.is_known_elsewhere_alone(node) {
        Some(Rule::KnownOnOneNode)
    } else if entry.is_of_start() && is_steady {
        Some(Rule::StartupInSteady)
    } else {
        None
    }
}

/// A verdict of a baseline that judges, with the bounds of what it learned.
pub(super) fn within(entry: Option<&Entry>, verdict: Verdict, occasion: Occasion<'_>) -> Verdict {
    let Some(entry) = entry else { return verdict };
    match verdict {
        Verdict::Known if entry.is_learned() => {
            beyond(entry, occasion).map_or(Verdict::Known, |rule| Verdict::Drift { rule })
        }
        // It counts for its finding only where it is one.
        Verdict::Drift { rule } if entry.is_bounded() && entry.rule() == Some(rule) => {
            beyond(entry, occasion).map_or(Verdict::Unplaced, |more| Verdict::Drift { rule: rule.max(more) })
        }
        Verdict::Known | Verdict::Learned | Verdict::Unplaced | Verdict::Drift { .. } => verdict,
    }
}
