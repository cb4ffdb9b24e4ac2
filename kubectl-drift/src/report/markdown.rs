//! A report as Markdown: for an issue or a merge request, and readable as it is.

use std::fmt::Write as _;

use super::model::{Report, Workload};
use crate::text::safe;

pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    let mut line = |content: &str| writeln!(text, "{content}").expect("writing to a String can't fail");
    let scope = report
        .namespace
        .as_deref()
        .map_or("every namespace".to_owned(), |name| {
            format!("namespace {}", plain(name))
        });
    line(&format!(
        "# Drift report: {scope}\n\n{} to {} (UTC)\n",
        report.since.strftime("%F %R"),
        report.generated_at.strftime("%F %R")
    ));
    if report.workloads.is_empty() {
        line("Nothing was observed here yet.");
        return text;
    }
    line("| Workload | Recommendation | Baseline | Hours | Expected a week | Raised a week | Findings | Undecided |");
    line("|---|---|---|---:|---:|---:|---:|---:|");
    for workload in &report.workloads {
        let undecided = workload
            .findings
            .iter()
            .filter(|finding| finding.is_undecided())
            .count();
        line(&format!(
            "| {}/{} | {} | {:?} | {} | {} | {} | {} | {undecided} |",
            plain(&workload.namespace),
            plain(&workload.name),
            workload.recommendation.verdict.words(),
            workload.state,
            workload.hours_observed,
            rate(workload.rate.expected_per_week),
            rate(workload.rate.raised_per_week),
            workload.findings.len(),
        ));
    }
    for workload in &report.workloads {
        text.push_str(&section(workload));
    }
    text
}

fn section(workload: &Workload) -> String {
    let mut text = String::new();
    let mut line = |content: &str| writeln!(text, "{content}").expect("writing to a String can't fail");
    line(&format!(
        "\n## {} in {}\n",
        plain(&workload.name),
        plain(&workload.namespace)
    ));
    let recommendation = &workload.recommendation;
    line(&format!(
        "**{}**: {}\n",
        recommendation.verdict.words(),
        plain(&recommendation.reason)
    ));
    let policy = match &workload.policy {
        Some(policy) => format!("{} ({:?})", plain(&policy.name), policy.mode),
        None => "none".to_owned(),
    };
    line(&format!(
        "Baseline {:?}, {} h observed, {} learned, {} accepted, {} raised; policy {policy}. {}",
        workload.state,
        workload.hours_observed,
        workload.learned,
        workload.accepted,
        workload.quarantined,
        plain(&workload.ready)
    ));
    if !workload.findings.is_empty() {
        line("\n| Severity | State | Finding | Rule | Count | Pods | Last seen |\n|---|---|---|---|---:|---:|---|");
        for finding in &workload.findings {
            line(&format!(
                "| {:?} | {:?} | {} | {} | {} | {} | {} |",
                finding.severity,
                finding.state,
                plain(&finding.summary),
                plain(&finding.rule),
                finding.count,
                finding.pods,
                finding.last_seen.strftime("%F %R"),
            ));
        }
        line("\n| Rule | Gravest | Findings | Times seen | Undecided |\n|---|---|---:|---:|---:|");
        for noise in &workload.noise {
            line(&format!(
                "| {} | {:?} | {} | {} | {} |",
                plain(&noise.rule),
                noise.severity,
                noise.findings,
                noise.count,
                noise.undecided
            ));
        }
    }
    if !workload.commands.is_empty() {
        line(&format!("\n```sh\n{}\n```", workload.commands.join("\n")));
    }
    if !workload.coverage.is_empty() {
        line("\n| Container | Feed | State | Observed | With losses |\n|---|---|---|---:|---:|");
        for feed in &workload.coverage {
            line(&format!(
                "| {} | {} | {:?} | {} of {} h | {} h |",
                plain(&feed.container),
                format!("{:?}", feed.feed).to_lowercase(),
                feed.state,
                feed.observed_hours,
                feed.hours,
                feed.lossy_hours
            ));
        }
    }
    text
}

fn rate(number: Option<f64>) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.1}"))
}

/// Text that Markdown takes as text: no link, picture, markup or cell begins or ends in it.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for c in safe(text).chars() {
        match c {
            '&' => plain.push_str("&amp;"),
            '<' => plain.push_str("&lt;"),
            '>' => plain.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '#' | '!' | '|' | '~' | '@' => {
                plain.extend(['\\', c]);
            }
            // What looks like an address is made a link of by some renderers.
            ':' => plain.push_str("&#58;"),
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_begins_no_link_picture_or_cell() {
        assert_eq!(
            plain("![x](https://evil.example/`a`) | <img src=x>\n# y"),
            "\\!\\[x\\]\\(https&#58;//evil.example/\\`a\\`\\) \\| &lt;img src=x&gt;\\\\n\\# y"
        );
    }
}
