//! What a page says of one workload.

use super::{Escaped, chart, graph, line, rate};
use crate::report::{
    coverage::Coverage,
    findings::{FindingLine, Noise},
    model::Workload,
    recommend::Verdict,
};

/// The class that a recommendation is coloured by.
pub(super) const fn class(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Alerting => "calm",
        Verdict::Wait => "wait",
        Verdict::Alert => "ready",
        Verdict::Review => "review",
    }
}

pub(super) fn of(index: usize, workload: &Workload) -> String {
    let verdict = workload.recommendation.verdict;
    let mut text = format!(
        "<section id=\"w{index}\" class=\"workload\">\n<h2>{name} <small>{namespace}</small></h2>\n<p class=\"verdict \
         {class}\"><span class=\"badge {class}\">{words}</span> {reason}</p>\n",
        name = Escaped(&workload.name),
        namespace = Escaped(&workload.namespace),
        class = class(verdict),
        words = verdict.words(),
        reason = Escaped(&workload.recommendation.reason),
    );
    text.push_str(&facts(workload));
    if !workload.findings.is_empty() {
        line(&mut text, "<h3>What was raised</h3>");
        text.push_str(&findings(&workload.findings));
        line(&mut text, "<h3>Noise by rule</h3>");
        text.push_str(&noise(&workload.noise));
    }
    if !workload.commands.is_empty() {
        line(&mut text, "<h3>What to run</h3>");
        let commands: Vec<String> = workload
            .commands
            .iter()
            .map(|command| Escaped(command).to_string())
            .collect();
        line(&mut text, &format!("<pre>{}</pre>", commands.join("\n")));
    }
    line(&mut text, "<h3>Day by day</h3>");
    text.push_str(&chart::days(&workload.days));
    if !workload.findings.is_empty() {
        text.push_str(&chart::findings(&workload.findings, &workload.days));
    }
    line(&mut text, "<h3>What was watched</h3>");
    text.push_str(&coverage(&workload.coverage));
    for lineage in &workload.lineages {
        line(
            &mut text,
            &format!("<h3>What starts what in {}</h3>", Escaped(&lineage.container)),
        );
        text.push_str(&graph::of(lineage));
    }
    line(&mut text, "</section>");
    text
}

fn facts(workload: &Workload) -> String {
    let policy = match &workload.policy {
        Some(policy) => format!("{} ({:?})", Escaped(&policy.name), policy.mode),
        None => "none".to_owned(),
    };
    format!(
        "<dl>\n<div><dt>Baseline</dt><dd>{state:?}</dd></div>\n<div><dt>Observed</dt><dd>{hours} h</dd></div>\n<div><dt>New a \
         week</dt><dd>{new}</dd></div>\n<div><dt>Learned</dt><dd>{learned}</dd></div>\n<div><dt>Accepted</dt><dd>{accepted}\
         </dd></div>\n<div><dt>Raised</dt><dd>{raised}</dd></div>\n<div><dt>Policy</dt><dd>{policy}</dd></div>\n</dl>\n<p \
         class=\"note\">{ready}</p>\n",
        state = workload.state,
        hours = workload.hours_observed,
        new = rate(workload.expected_new_per_week),
        learned = workload.learned,
        accepted = workload.accepted,
        raised = workload.quarantined,
        ready = Escaped(&workload.ready),
    )
}

fn findings(findings: &[FindingLine]) -> String {
    let mut text = String::from(
        "<div class=\"scroll\"><table>\n<thead><tr><th>Severity</th><th>State</th><th>Finding</th><th>Rule</th>\
         <th class=\"n\">Count</th><th class=\"n\">Pods</th><th>First seen</th><th>Last seen</th><th>Alert</th></tr></thead>\n\
         <tbody>\n",
    );
    for finding in findings {
        let decided = finding.decided_by.as_ref().map(|who| format!(" by {}", Escaped(who)));
        line(
            &mut text,
            &format!(
                "<tr><td><span class=\"badge {severity}\">{severity:?}</span></td><td>{state:?}{decided}</td><td \
                 class=\"text\">{summary}</td><td>{rule}</td><td class=\"n\">{count}</td><td class=\"n\">{pods}</td>\
                 <td>{first}</td><td>{last}</td><td>{alert}</td></tr>",
                severity = Severity(finding.severity),
                state = finding.state,
                decided = decided.unwrap_or_default(),
                summary = Escaped(&finding.summary),
                rule = Escaped(&finding.rule),
                count = finding.count,
                pods = finding.pods,
                first = finding.first_seen.strftime("%F %R"),
                last = finding.last_seen.strftime("%F %R"),
                alert = Escaped(&finding.alert),
            ),
        );
    }
    line(&mut text, "</tbody>\n</table></div>");
    text
}

/// A severity, whose Display is its class.
struct Severity(anchorwatch_crds::v1alpha1::Severity);

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(severity(self.0))
    }
}

impl std::fmt::Debug for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// The class that a severity is coloured by.
pub(super) const fn severity(severity: anchorwatch_crds::v1alpha1::Severity) -> &'static str {
    use anchorwatch_crds::v1alpha1::Severity as S;
    match severity {
        S::Info | S::Low => "low",
        S::Medium => "medium",
        S::High | S::Critical => "high",
    }
}

fn noise(noise: &[Noise]) -> String {
    let mut text = String::from(
        "<div class=\"scroll\"><table>\n<thead><tr><th>Rule</th><th>Gravest</th><th class=\"n\">Findings</th>\
         <th class=\"n\">Times seen</th><th class=\"n\">Undecided</th></tr></thead>\n<tbody>\n",
    );
    for one in noise {
        line(
            &mut text,
            &format!(
                "<tr><th scope=\"row\">{}</th><td><span class=\"badge {severity}\">{severity:?}</span></td>\
                 <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                Escaped(&one.rule),
                one.findings,
                one.count,
                one.undecided,
                severity = Severity(one.severity),
            ),
        );
    }
    line(&mut text, "</tbody>\n</table></div>");
    text
}

fn coverage(coverage: &[Coverage]) -> String {
    if coverage.is_empty() {
        return "<p class=\"empty\">Nothing was watched.</p>\n".to_owned();
    }
    let mut text = String::from(
        "<div class=\"scroll\"><table>\n<thead><tr><th>Container</th><th>Feed</th><th>State</th><th class=\"n\">Observed</th>\
         <th class=\"n\">With losses</th><th>Lost since the baseline began</th></tr></thead>\n<tbody>\n",
    );
    for feed in coverage {
        let losses = feed
            .losses
            .iter()
            .map(|loss| format!("{} {}", loss.count, Escaped(&loss.reason)));
        let losses: Vec<String> = losses.collect();
        line(
            &mut text,
            &format!(
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{:?}</td><td class=\"n\">{} of {} h</td><td class=\"n\">{} h</td>\
                 <td>{}</td></tr>",
                Escaped(&feed.container),
                format!("{:?}", feed.feed).to_lowercase(),
                feed.state,
                feed.observed_hours,
                feed.hours,
                feed.lossy_hours,
                if losses.is_empty() {
                    "nothing".to_owned()
                } else {
                    losses.join(", ")
                },
            ),
        );
    }
    line(&mut text, "</tbody>\n</table></div>");
    text
}
