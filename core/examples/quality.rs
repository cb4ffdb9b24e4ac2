//! How well unusual commands are told from normal ones: `cargo xtask bench quality` runs this.
//!
//! `quality [--benign FILE] [--malicious FILE]...`: each file holds one command a line; the project's own small corpus
//! serves where none is named. Five times, seeded, the benign commands are split: seven tenths are learned, the rest and
//! the malicious ones are judged, the latter also padded with learned words or characters at either end.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program, not the pure library"
)]
#![allow(clippy::cast_precision_loss, reason = "counts of lines")]

use std::process::ExitCode;

use anchorwatch_core::{
    features::{Command, Features},
    normalise,
    score::{Index, Pool, Scorer, Scratch},
};

const SEEDS: [u64; 5] = [1, 2, 3, 4, 5];
/// Two-sided 95 % quantile of Student's t distribution with four degrees of freedom.
const T_95: f64 = 2.776;

fn main() -> ExitCode {
    match run(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("error: {message}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: Vec<String>) -> Result<(), String> {
    let mut benign = lines(include_str!("../corpus/benign.txt"));
    let mut malicious = Vec::new();
    let mut json = false;
    let mut arguments = arguments.into_iter();
    while let Some(flag) = arguments.next() {
        let mut file = || arguments.next().ok_or(format!("{flag} needs a file"));
        match flag.as_str() {
            "--benign" => benign = read(&file()?)?,
            "--malicious" => {
                let path = file()?;
                malicious.push((path.rsplit('/').next().unwrap_or(&path).to_owned(), read(&path)?));
            }
            "--json" => json = true,
            other => return Err(format!("{other:?} is no flag: --benign FILE, --malicious FILE, --json")),
        }
    }
    if malicious.is_empty() {
        malicious.push(("own corpus".to_owned(), lines(include_str!("../corpus/malicious.txt"))));
    }
    let mut table = Table::default();
    for seed in SEEDS {
        round(seed, &benign, &malicious, &mut table);
    }
    table.print(json);
    Ok(())
}

fn read(path: &str) -> Result<Vec<String>, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{path} can't be read: {error}"))?;
    Ok(lines(&String::from_utf8_lossy(&bytes)))
}

fn lines(text: &str) -> Vec<String> {
    let kept = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("# "));
    kept.map(str::to_owned).collect()
}

fn features(line: &str) -> Features {
    let argv = normalise::command_line(&["bash", "-c", line].map(str::to_owned));
    Features::of(&Command {
        executable: "/usr/bin/bash",
        parent: "/usr/bin/python3",
        argv: &argv,
    })
}

fn round(seed: u64, benign: &[String], malicious: &[(String, Vec<String>)], table: &mut Table) {
    let mut chance = Chance(seed);
    let mut order: Vec<&String> = benign.iter().collect();
    for at in (1..order.len()).rev() {
        order.swap(at, chance.below(at + 1));
    }
    let (learned, held_back) = order.split_at(order.len() * 7 / 10);
    let mut index = Index::default();
    for line in learned {
        index.insert(&features(line));
    }
    let scorer = Scorer::calibrate(index);
    let (mut scratch, pool) = (Scratch::default(), Pool::reference());
    let mut judge = |line: &str| {
        let score = scorer.score(&features(line), &pool, &mut scratch);
        (score.novelty, score.p)
    };
    let normal: Vec<(f64, f64)> = held_back.iter().map(|line| judge(line)).collect();
    let raised = |level: f64| normal.iter().filter(|(_, p)| *p <= level).count() as f64 / normal.len() as f64;
    table.add("held-back normal commands", "raised at 1 %", raised(0.01));
    table.add("held-back normal commands", "raised at 5 %", raised(0.05));
    for (name, lines) in malicious {
        let plain: Vec<(f64, f64)> = lines.iter().map(|line| judge(line)).collect();
        table.compare(name, &normal, &plain);
        let padded: Vec<(f64, f64)> = lines
            .iter()
            .map(|line| judge(&pad(line, learned, &mut chance)))
            .collect();
        table.compare(&format!("{name}, padded"), &normal, &padded);
    }
}

/// A command with 16 to 128 learned words, or characters of learned commands, before or behind it.
fn pad(line: &str, learned: &[&String], chance: &mut Chance) -> String {
    let wanted = 16 + chance.below(113);
    let mut padding = String::new();
    let by_words = chance.below(2) == 0;
    for _ in 0..wanted {
        let from = learned[chance.below(learned.len())];
        if by_words {
            let words: Vec<&str> = from.split_whitespace().collect();
            padding.push_str(words[chance.below(words.len())]);
            padding.push(' ');
        } else {
            padding.push_str(from);
            padding.push_str("; ");
            if padding.len() >= wanted {
                padding = padding.chars().take(wanted).collect();
                break;
            }
        }
    }
    if chance.below(2) == 0 {
        format!("{padding}; {line}")
    } else {
        format!("{line}; {padding}")
    }
}

/// Numbers that look drawn by lot, the same for the same seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % limit as u64).unwrap_or(0)
    }
}

/// What was measured, by set and figure, in the order in which it came.
#[derive(Default)]
struct Table(Vec<(String, &'static str, Vec<f64>)>);

impl Table {
    fn add(&mut self, set: &str, figure: &'static str, value: f64) {
        match self.0.iter_mut().find(|row| row.0 == set && row.1 == figure) {
            Some(row) => row.2.push(value),
            None => self.0.push((set.to_owned(), figure, vec![value])),
        }
    }

    fn compare(&mut self, set: &str, normal: &[(f64, f64)], strange: &[(f64, f64)]) {
        let column = |scores: &[(f64, f64)]| {
            let mut scores: Vec<f64> = scores.iter().map(|(novelty, _)| *novelty).collect();
            scores.sort_by(f64::total_cmp);
            scores
        };
        let (normal, novel) = (column(normal), column(strange));
        self.add(set, "AUROC", auroc(&normal, &novel));
        for (figure, share) in [("TPR at 1 %", 0.01), ("TPR at 5 %", 0.05)] {
            self.add(set, figure, found(&normal, &novel, share));
        }
        let raised = strange.iter().filter(|(_, p)| *p <= 0.01).count() as f64 / strange.len() as f64;
        self.add(set, "raised at p 1 %", raised);
    }

    fn print(&self, json: bool) {
        for (set, figure, values) in &self.0 {
            let rounds = values.len() as f64;
            let mean = values.iter().sum::<f64>() / rounds;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (rounds - 1.0);
            let half = T_95 * (variance / rounds).sqrt();
            if json {
                println!(
                    "{{\"name\":\"{set}: {figure}\",\"value\":{mean:.4},\"unit\":\"ratio\",\"rounds\":{rounds},\"spread\":{half:.4}}}"
                );
            } else {
                println!("{set:<34} {figure:<16} {mean:.3} ± {half:.3}");
            }
        }
    }
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
