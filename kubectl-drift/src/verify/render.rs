//! What was found, for people.

use std::fmt::Write as _;

use super::{Chain, Explained, Report};
use crate::{table::table, text::safe};

/// A line a chain, what is broken at length, and a last line that sums up.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    if !report.chains.is_empty() {
        let headings = ["NAMESPACE", "WORKLOAD", "RECORDS", "HEAD", "RESULT"];
        let rows: Vec<Vec<String>> = report.chains.iter().map(row).collect();
        text.push_str(&table(&headings, &rows));
    }
    if let Some(keys) = &report.keys {
        explain(&mut text, "the public keys", keys);
    }
    for chain in &report.chains {
        if let Some(explanation) = &chain.explanation {
            explain(&mut text, &safe(&chain.report.workload.to_string()), explanation);
        }
    }
    let broken = report.chains.iter().filter(|chain| chain.explanation.is_some()).count();
    let records: usize = report.chains.iter().map(|chain| chain.report.sealed).sum();
    let unsealed: usize = report.chains.iter().map(|chain| chain.report.unsealed.len()).sum();
    text.push('\n');
    let chains = report.chains.len();
    line(
        &mut text,
        &format!(
            "{chains} chains, {records} signed records, {broken} broken; heads {}",
            report.heads
        ),
    );
    if unsealed > 0 {
        line(
            &mut text,
            &format!("{unsealed} records are older than signing and prove nothing"),
        );
    }
    if let Some(first) = &report.first_key {
        line(
            &mut text,
            &format!("first key {first}: compare it with what the operator logged at its first start"),
        );
    }
    text
}

fn row(chain: &Chain) -> Vec<String> {
    let report = &chain.report;
    let workload = &report.workload;
    let result = match (&report.broken, report.pruned_through) {
        (Some(broken), _) => format!("BROKEN: {}", broken.check.name()),
        (None, _) if report.sealed == 0 => "not signed".to_owned(),
        (None, Some(through)) => format!("whole from {} on", through.saturating_add(1)),
        (None, None) => "whole".to_owned(),
    };
    let head = report.head.as_ref();
    vec![
        safe(&workload.namespace),
        safe(&format!("{}/{}", workload.kind, workload.name)),
        report.sealed.to_string(),
        head.map_or_else(|| "-".to_owned(), |head| head.hash.to_string()),
        result,
    ]
}

fn explain(text: &mut String, about: &str, explanation: &Explained) {
    let Explained { what, meaning, advice } = explanation;
    text.push('\n');
    line(text, &format!("{about}: {}", safe(what)));
    line(text, &format!("  that means   {meaning}"));
    line(text, &format!("  what to do   {advice}"));
}

fn line(text: &mut String, content: &str) {
    writeln!(text, "{content}").expect("writing to a String can't fail");
}
