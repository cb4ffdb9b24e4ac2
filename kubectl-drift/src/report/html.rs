//! A report as one page: no script, no font, no picture from elsewhere. Every text of it goes through [`Escaped`], since
//! whoever runs in a container chooses the names of his files.

mod chart;
mod escape;
mod graph;
mod section;

use std::fmt::Write as _;

use super::{
    model::{Report, Workload},
    recommend::Verdict,
};
use escape::Escaped;

const STYLE: &str = include_str!("html/style.css");
/// Nothing is loaded and nothing runs, whatever might slip through.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

pub(super) fn page(report: &Report) -> String {
    let scope = report
        .namespace
        .as_deref()
        .map_or("every namespace".to_owned(), |name| format!("namespace {name}"));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" \
         content=\"{POLICY}\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>Drift report: {scope}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<header>\n<h1>Drift report</h1>\n<p>{scope}, {since} to {now} (UTC)</p>\n\
         </header>\n<main>\n",
        scope = Escaped(&scope),
        since = report.since.strftime("%F %R"),
        now = report.generated_at.strftime("%F %R"),
    );
    page.push_str(&summary(&report.workloads));
    for (index, workload) in report.workloads.iter().enumerate() {
        page.push_str(&section::of(index, workload));
    }
    page.push_str(
        "</main>\n<footer>Findings can be decided by <code>kubectl drift accept|dismiss|deny|escalate</code>; rules are \
         explained by <code>kubectl drift explain RULE</code>.</footer>\n</body>\n</html>\n",
    );
    page
}

fn summary(workloads: &[Workload]) -> String {
    if workloads.is_empty() {
        return "<p class=\"empty\">Nothing was observed here yet.</p>\n".to_owned();
    }
    let mut text = String::from("<section aria-label=\"Summary\">\n<ul class=\"tiles\">\n");
    let mut put = |content: &str| text.push_str(content);
    for verdict in [Verdict::Review, Verdict::Alert, Verdict::Wait, Verdict::Alerting] {
        let count = workloads
            .iter()
            .filter(|workload| workload.recommendation.verdict == verdict)
            .count();
        put(&format!(
            "<li class=\"{class}\"><b>{count}</b> {words}</li>\n",
            class = section::class(verdict),
            words = verdict.words()
        ));
    }
    put(
        "</ul>\n<div class=\"scroll\"><table>\n<thead><tr><th>Workload</th><th>Recommendation</th><th>Baseline</th>\
         <th class=\"n\">Hours</th><th class=\"n\">Expected a week</th><th class=\"n\">Raised a week</th>\
         <th class=\"n\">Findings</th><th class=\"n\">Undecided</th>\
         </tr></thead>\n<tbody>\n",
    );
    for (index, workload) in workloads.iter().enumerate() {
        let undecided = workload
            .findings
            .iter()
            .filter(|finding| finding.is_undecided())
            .count();
        put(&format!(
            "<tr><th scope=\"row\"><a href=\"#w{index}\">{namespace}/{name}</a></th><td><span class=\"badge {class}\">{words}\
             </span></td><td>{state:?}</td><td class=\"n\">{hours}</td><td class=\"n\">{expected}</td>\
             <td class=\"n\">{raised}</td><td class=\"n\">{findings}</td><td class=\"n\">{undecided}</td></tr>\n",
            namespace = Escaped(&workload.namespace),
            name = Escaped(&workload.name),
            class = section::class(workload.recommendation.verdict),
            words = workload.recommendation.verdict.words(),
            state = workload.state,
            hours = workload.hours_observed,
            expected = rate(workload.rate.expected_per_week),
            raised = rate(workload.rate.raised_per_week),
            findings = workload.findings.len(),
        ));
    }
    put("</tbody>\n</table></div>\n</section>\n");
    text
}

fn rate(number: Option<f64>) -> String {
    number.map_or_else(|| "–".to_owned(), |number| format!("{number:.1}"))
}

/// Appends a line.
fn line(text: &mut String, content: &str) {
    writeln!(text, "{content}").expect("writing to a String can't fail");
}
