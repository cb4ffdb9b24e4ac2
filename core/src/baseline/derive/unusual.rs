//! Command lines of a known process that it was not learned with.

use std::collections::BTreeSet;

use super::{BehaviourReport, Derived, Entry, FeedBaseline, Scoring, Split, Whose};
use crate::{
    behaviour::{Attributes, Behaviour, ProcessBehaviour, ProcessParts},
    policy::Policy,
    score::Occasion,
};

/// Takes the command lines out of the report of a learned process that it was not learned with.
///
/// What was only ever found running may have changed its line since it was executed: the first execution that is seen
/// says what it is, and is learned from.
pub(super) fn split(split: &mut Split<'_>, learned: &Entry) -> BTreeSet<String> {
    let is_known = |line: &String| learned.attributes.commands.contains(line);
    if learned.snapshot || split.base.attributes.commands.iter().all(is_known) {
        return BTreeSet::new();
    }
    let base = split.base.to_mut();
    let (known, unlearned) = std::mem::take(&mut base.attributes.commands)
        .into_iter()
        .partition(is_known);
    base.attributes.commands = known;
    unlearned
}

/// What a process's command lines are judged by.
pub(super) struct Judging<'a> {
    pub whose: Whose<'a>,
    pub feed: &'a FeedBaseline,
    pub policy: &'a Policy,
    pub scoring: &'a mut Scoring,
}

impl Judging<'_> {
    /// Those that are unusual, and those that were raised before, each as a report of its own.
    pub(super) fn raised(
        self,
        process: &ProcessBehaviour,
        seen: &BehaviourReport,
        unlearned: BTreeSet<String>,
    ) -> Vec<Derived> {
        let Self {
            whose,
            feed,
            policy,
            scoring,
        } = self;
        let lines = unlearned.into_iter().map(|line| {
            let report = report(process, seen, line.clone());
            let before = feed.entries.contains_key(&report.behaviour.id());
            (report, line, before)
        });
        let lines: Vec<_> = lines.collect();
        if lines.iter().all(|(_, _, before)| *before) {
            return lines.into_iter().map(|(report, ..)| report.into()).collect();
        }
        let commands = scoring.commands(whose.container, feed, policy, whose.at);
        let judged = lines.into_iter().filter_map(|(report, line, before)| {
            if before {
                return Some(report.into());
            }
            if commands.knows(&seen.behaviour, &line) {
                return None;
            }
            let occasion = Occasion {
                pod: whose.pod,
                lineage: &seen.lineage,
                at: whose.at,
            };
            let usual = feed.is_candidate(seen.behaviour.id(), &line);
            let strangeness = commands.raised(&seen.behaviour, &line, policy.tolerance, occasion, usual)?;
            Some(Derived {
                report,
                strangeness: Some(strangeness),
            })
        });
        judged.collect()
    }
}

/// The report of one command line. How often it was run is not told: once, at least.
fn report(process: &ProcessBehaviour, seen: &BehaviourReport, line: String) -> BehaviourReport {
    let parts = ProcessParts {
        command: Some(line),
        ..ProcessParts::from(process.clone())
    };
    BehaviourReport {
        behaviour: Behaviour::Process(parts.into()),
        attributes: Attributes {
            commands: BTreeSet::new(),
            ..seen.attributes.clone()
        },
        count: 1,
        ..seen.clone()
    }
}
