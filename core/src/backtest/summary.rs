//! What all judgements together amount to.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{judgement::Ruling, watch::Judged};
use crate::{id::BehaviourId, rules::Rule, time::Timestamp};

/// Different alerts that are told apart; beyond, each drifting line counts as one.
const MAX_ALERTS: usize = 100_000;

/// What a back-test amounts to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// Replayed lines, judged or not.
    pub lines: u64,
    /// Of them, by what they are.
    pub known: u64,
    /// New, and learned by being seen.
    pub learned: u64,
    /// Outside of what is normal.
    pub drift: u64,
    /// Neither: what teaches nothing and alarms nobody.
    pub unplaced: u64,
    /// Not judged, since there was no room for their containers.
    pub unjudged: u64,
    /// Days that the replayed lines span, at least one.
    pub days: f64,
    /// Different deviations: one that repeats is one alert.
    pub alerts: u64,
    /// Alerts a day.
    pub alerts_per_day: f64,
    /// Alerts by the rules that raised them.
    pub by_rule: BTreeMap<&'static str, u64>,
    /// Alerts by their severity.
    pub by_severity: BTreeMap<&'static str, u64>,
    /// Alerts by the week; to compare with what was expected.
    pub alerts_per_week: f64,
    /// Alerts that the baselines expected in a week when they began to judge: new behaviours, and unusual commands that
    /// chance raises, in all containers of which it could be measured; `None` where that is none.
    pub expected_alerts_per_week: Option<f64>,
    /// Unusual commands of known processes that were raised, by the week; to compare with what was expected.
    pub unusual_per_week: f64,
    /// Unusual commands that chance was expected to raise in a week, in all containers of which it could be measured how
    /// often their commands are new; `None` where that is none.
    pub expected_unusual_per_week: Option<f64>,
    /// What each container's baseline says of itself.
    pub containers: Vec<ContainerState>,
    /// Observations that found no room: what they showed was not learned, or not told apart from other deviations.
    pub overflowed: u64,
}

/// What a container's baseline says of itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContainerState {
    /// The workload, as `namespace/Kind/name`.
    pub workload: String,
    /// The container.
    pub container: String,
    /// Whole hours from the first observation to the first that a mature baseline judged; `None` where none did.
    pub hours_to_maturity: Option<u64>,
    /// Whole hours from the first observation to the first at which what was measured of its novelty would have sufficed,
    /// whatever the policy goes by; `None` where it never did.
    pub hours_to_measured_maturity: Option<u64>,
    /// Different commands that were learned.
    pub commands: usize,
    /// Commands of a known process are raised where they are at most as probable.
    pub alpha: f64,
    /// Whether what was learned suffices to tell anything as improbable; if not, unusual commands are raised at Info.
    pub scorable: bool,
    /// Unusual commands that chance is expected to raise in a week; `None` where too little time was recorded to tell.
    pub expected_unusual_per_week: Option<f64>,
    /// Different unusual commands that were raised, by the week.
    pub unusual_per_week: f64,
    /// Deviations that the baseline expected in a week when it began to judge; `None` where too little time was recorded to
    /// tell.
    pub expected_alerts_per_week: Option<f64>,
    /// Different deviations, by the week.
    pub alerts_per_week: f64,
}

/// The sums so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    by_verdict: BTreeMap<Ruling, u64>,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    seen: BTreeSet<BehaviourId>,
    alerts: u64,
    by_rule: BTreeMap<&'static str, u64>,
    by_severity: BTreeMap<&'static str, u64>,
    overflowed: u64,
}

impl Tally {
    pub(super) fn new(overflowed: u64) -> Self {
        Self {
            overflowed,
            ..Self::default()
        }
    }

    /// Counts a line that was not judged.
    pub(super) fn pass_over(&mut self, time: Timestamp) {
        self.overflowed += 1;
        self.count_as(Ruling::Unjudged, time);
    }

    fn count_as(&mut self, ruling: Ruling, time: Timestamp) {
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = Some(self.last.map_or(time, |last| last.max(time)));
        *self.by_verdict.entry(ruling).or_default() += 1;
    }

    pub(super) fn count(&mut self, time: Timestamp, judged: &Judged) {
        self.count_as(judged.judgement.verdict, time);
        if judged.judgement.rules.is_empty() {
            return;
        }
        if self.seen.len() < MAX_ALERTS && !self.seen.insert(judged.identity) {
            return;
        }
        self.alerts += 1;
        for rule in &judged.judgement.rules {
            *self.by_rule.entry(rule).or_default() += 1;
        }
        if let Some(severity) = judged.judgement.severity {
            *self.by_severity.entry(severity.as_str()).or_default() += 1;
        }
    }

    /// Days that the replayed lines span, at least one.
    #[allow(clippy::cast_precision_loss)] // seconds
    pub(super) fn days(&self) -> f64 {
        let span = self.first.zip(self.last);
        let seconds = span.map_or(0, |(first, last)| last.since(first).as_secs());
        (seconds as f64 / 86_400.0).max(1.0)
    }

    /// `overflowed`: what found no room in the baselines themselves.
    #[allow(clippy::cast_precision_loss)] // counts
    pub(super) fn finish(&self, containers: Vec<ContainerState>, overflowed: u64) -> Summary {
        let of = |ruling| self.by_verdict.get(&ruling).copied().unwrap_or(0);
        let days = self.days();
        let sum = |of: fn(&ContainerState) -> Option<f64>| {
            let expected = containers.iter().filter_map(of);
            expected.reduce(|sum, one| sum + one)
        };
        Summary {
            lines: self.by_verdict.values().sum(),
            known: of(Ruling::Known),
            learned: of(Ruling::Learned),
            drift: of(Ruling::Drift),
            unplaced: of(Ruling::Unplaced),
            unjudged: of(Ruling::Unjudged),
            days,
            alerts: self.alerts,
            alerts_per_day: self.alerts as f64 / days,
            by_rule: self.by_rule.clone(),
            by_severity: self.by_severity.clone(),
            unusual_per_week: self.by_rule.get(Rule::UnusualCommand.id()).copied().unwrap_or(0) as f64 / days * 7.0,
            expected_unusual_per_week: sum(|state| state.expected_unusual_per_week),
            alerts_per_week: self.alerts as f64 / days * 7.0,
            expected_alerts_per_week: sum(|state| state.expected_alerts_per_week),
            containers,
            overflowed: self.overflowed.saturating_add(overflowed),
        }
    }
}
