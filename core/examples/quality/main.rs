//! How well unusual commands are told from normal ones: `cargo xtask bench quality` runs this.
//!
//! `quality [--benign FILE] [--malicious FILE]... [--json]`: each file holds one command a line; a line `## KIND` begins
//! commands of another kind, and each kind is measured by itself. The project's own small corpus serves where no file is
//! named. Five times, seeded, the benign commands are split: seven tenths are learned, the rest and the malicious ones
//! are judged, the latter also padded with learned words or characters at either end.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a program, not the pure library"
)]
#![allow(clippy::cast_precision_loss, reason = "counts of lines")]

mod chance;
mod drift;
mod protocols;
mod sets;
mod table;

use std::process::ExitCode;

use anchorwatch_core::{
    features::{Command, Features},
    normalise,
    score::{Pool, Scratch},
};

use chance::Chance;
use protocols::Protocols;
use sets::Set;
use table::{Judged, Table};

const SEEDS: [u64; 5] = [1, 2, 3, 4, 5];

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
    let mut benign = sets::lines(include_str!("../../corpus/benign.txt"));
    let mut malicious = Vec::new();
    let mut json = false;
    let mut arguments = arguments.into_iter();
    while let Some(flag) = arguments.next() {
        let mut file = || arguments.next().ok_or(format!("{flag} needs a file"));
        match flag.as_str() {
            "--benign" => benign = sets::lines(&sets::read(&file()?)?),
            "--malicious" => {
                let path = file()?;
                let name = path.rsplit('/').next().unwrap_or(&path).to_owned();
                malicious.extend(sets::by_kind(&name, &sets::read(&path)?));
            }
            "--json" => json = true,
            other => return Err(format!("{other:?} is no flag: --benign FILE, --malicious FILE, --json")),
        }
    }
    if malicious.is_empty() {
        malicious = sets::by_kind("own corpus", include_str!("../../corpus/malicious.txt"));
    }
    let mut table = Table::default();
    for seed in SEEDS {
        round(seed, &benign, &malicious, &mut table);
    }
    table.print(json);
    Ok(())
}

fn features(line: &str) -> Features {
    let argv = normalise::command_line(["bash", "-c", line].map(str::to_owned).to_vec());
    Features::of(&Command {
        executable: "/usr/bin/bash",
        parent: "/usr/bin/python3",
        argv: &argv,
    })
}

fn round(seed: u64, benign: &[String], malicious: &[Set], table: &mut Table) {
    let mut chance = Chance(seed);
    let mut order: Vec<&String> = benign.iter().collect();
    for at in (1..order.len()).rev() {
        order.swap(at, chance.below(at + 1));
    }
    let (learned, held_back) = order.split_at(order.len() * 7 / 10);
    let protocols = Protocols::learn(learned);
    let scorer = &protocols.leaving_one_out;
    let (mut scratch, pool) = (Scratch::default(), Pool::reference());
    let mut judge = |line: &str| Judged::of(scorer, line, &pool, &mut scratch);
    let normal: Vec<Judged> = held_back.iter().map(|line| judge(line)).collect();
    table.held_back(&normal, scorer.calibration().len());
    for set in malicious {
        let plain: Vec<Judged> = set.lines.iter().map(|line| judge(line)).collect();
        table.compare(set, "", &normal, &plain);
        let padded = set.lines.iter().map(|line| judge(&pad(line, learned, &mut chance)));
        table.compare(set, ", padded", &normal, &padded.collect::<Vec<_>>());
    }
    protocols.compare("held-back normal commands", held_back, table);
    for set in malicious {
        let lines: Vec<&String> = set.lines.iter().collect();
        protocols.compare(&set.name, &lines, table);
    }
    // As a workload changes: its programs come one after the other, and stay.
    let order = drift::order(benign, &mut chance);
    let (learned, later) = order.split_at(order.len() * 7 / 10);
    Protocols::learn(learned).compare("normal commands of a workload that changes", later, table);
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
