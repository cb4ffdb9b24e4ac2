//! What was measured in each round, as means with what they may be off by.

mod interval;

use anchorwatch_core::score::{Pool, Scorer, Scratch};
use anchorwatch_figures::Figure;

use crate::{features, sets::Set};

/// Two-sided 95 % quantile of Student's t distribution with four degrees of freedom.
const T_95: f64 = 2.776;

/// What has to be reached for commands of a kind, plain and padded: AUROC, and the share that is found at 1 % false alarms.
const TARGETS: [(&str, &str, f64, f64); 3] = [
    ("reverse shells", "", 0.96, 0.6),
    ("reverse shells", ", padded", 0.97, 0.65),
    ("living off the land", "", 0.945, 0.48),
];

/// How a command was judged.
#[derive(Clone, Copy)]
pub struct Judged {
    pub novelty: f64,
    pub p: f64,
}

impl Judged {
    /// Judges a command.
    pub fn of(scorer: &Scorer, line: &str, pool: &Pool<'_>, scratch: &mut Scratch) -> Self {
        let score = scorer.score(&features(line), pool, scratch);
        Self {
            novelty: score.novelty,
            p: score.p,
        }
    }
}

/// What was measured, by set and figure, in the order in which it came.
#[derive(Default)]
pub struct Table(Vec<Row>);

struct Row {
    name: String,
    measured: Vec<f64>,
    target: Option<f64>,
}

impl Table {
    /// What of the normal commands that were not learned would be raised, and whether that is what chance allows with so
    /// many calibrating ones.
    pub fn held_back(&mut self, normal: &[Judged], calibrating: usize) {
        let name = "held-back normal commands";
        for (figure, level) in LEVELS {
            self.add(format!("{name}: {figure}"), raised(normal, level), None);
        }
        let within = share_within(normal, calibrating);
        self.add(format!("{name}: within the 99 % interval at 1 %"), within, Some(1.0));
    }

    /// The same of any commands, for a protocol of calibration.
    pub fn protocol(&mut self, name: &str, how: &str, judged: &[Judged], calibrating: usize) {
        for (figure, level) in LEVELS {
            self.add(format!("{name}: {figure}, {how}"), raised(judged, level), None);
        }
        if name.contains("normal") {
            let within = share_within(judged, calibrating);
            self.add(format!("{name}: within the 99 % interval at 1 %, {how}"), within, None);
        }
    }

    /// How commands of a set are told from normal ones; `how` they were changed is a part of their name.
    pub fn compare(&mut self, set: &Set, how: &str, normal: &[Judged], strange: &[Judged]) {
        let column = |judged: &[Judged]| {
            let mut scores: Vec<f64> = judged.iter().map(|judged| judged.novelty).collect();
            scores.sort_by(f64::total_cmp);
            scores
        };
        let (normal, novel) = (column(normal), column(strange));
        let target = TARGETS.iter().find(|target| (target.0, target.1) == (&*set.kind, how));
        let name = format!("{}{how} ({})", set.name, strange.len());
        let area = auroc(&normal, &novel);
        self.add(format!("{name}: AUROC"), area, target.map(|target| target.2));
        let least = target.map(|target| target.3);
        self.add(format!("{name}: TPR at 1 %"), found(&normal, &novel, 0.01), least);
        self.add(format!("{name}: TPR at 5 %"), found(&normal, &novel, 0.05), None);
        self.add(format!("{name}: raised at p 1 %"), raised(strange, 0.01), None);
    }

    fn add(&mut self, name: String, value: f64, target: Option<f64>) {
        match self.0.iter_mut().find(|row| row.name == name) {
            Some(row) => row.measured.push(value),
            None => self.0.push(Row {
                name,
                measured: vec![value],
                target,
            }),
        }
    }

    /// For people, or as JSON Lines of figures whose spread is half of the 95 % interval of the mean.
    pub fn print(&self, json: bool) {
        for row in &self.0 {
            let rounds = row.measured.len() as f64;
            let mean = row.measured.iter().sum::<f64>() / rounds;
            let variance = row.measured.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (rounds - 1.0);
            let half = T_95 * (variance / rounds).sqrt();
            if json {
                let figure = Figure {
                    name: format!("quality: {}", row.name),
                    value: four_decimals(mean),
                    unit: "",
                    budget: row.target,
                    holds: row.target.is_none_or(|target| mean >= target),
                    rounds: row.measured.len(),
                    spread: four_decimals(half),
                };
                figure.print();
            } else {
                let target = row
                    .target
                    .map_or_else(String::new, |target| format!("  (at least {target})"));
                println!("{:<62} {mean:.3} ± {half:.3}{target}", row.name);
            }
        }
    }
}

/// Levels that commands are raised at, and what their figures are called.
const LEVELS: [(&str, f64); 2] = [("raised at p 1 %", 0.01), ("raised at p 5 %", 0.05)];

/// 1 where as many are raised at 1 % as chance allows with so many calibrating commands, else 0.
fn share_within(judged: &[Judged], calibrating: usize) -> f64 {
    let count = judged.iter().filter(|judged| judged.p <= 0.01).count();
    let allowed = interval::of(judged.len(), calibrating, 0.01);
    f64::from(u8::from(allowed.contains(&count)))
}

fn four_decimals(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

fn raised(judged: &[Judged], level: f64) -> f64 {
    judged.iter().filter(|judged| judged.p <= level).count() as f64 / judged.len() as f64
}

/// Probability that a strange command scores above a normal one, half for equal scores. Both are in ascending order.
fn auroc(normal: &[f64], strange: &[f64]) -> f64 {
    let wins: f64 = strange
        .iter()
        .map(|score| {
            let below = normal.partition_point(|held| held < score);
            let equal = normal.partition_point(|held| held <= score) - below;
            below as f64 + equal as f64 / 2.0
        })
        .sum();
    wins / (normal.len() as f64 * strange.len() as f64)
}

/// Share of the strange commands above the score that a given share of the normal ones exceeds.
fn found(normal: &[f64], strange: &[f64], share: f64) -> f64 {
    let at = ((normal.len() as f64) * (1.0 - share)).ceil();
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let threshold = normal[(at as usize).min(normal.len() - 1)];
    strange.iter().filter(|score| **score > threshold).count() as f64 / strange.len() as f64
}
