//! A back-test as people read it: a row for each deviation, then the sums.

use std::io::{self, Write};

use anchorwatch_core::{
    backtest::{ContainerState, Judgement, Ruling, Summary},
    behaviour::Destination,
    observation::{Observation, Observed},
};

use super::Bad;
use crate::text::safe;

/// The headings.
pub fn heading(out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{:<8} {:<8} {:<28} {:>8}   WHAT", "LINE", "SEVERITY", "RULE", "P")
}

/// A line, where it drifted: what it is, what it is nearest to, and what made it strange.
pub fn row(out: &mut impl Write, line: u64, observation: &Observation, judgement: &Judgement) -> io::Result<()> {
    if judgement.verdict != Ruling::Drift {
        return Ok(());
    }
    let p = judgement.p.map_or_else(|| "-".to_owned(), |p| format!("{p:.4}"));
    let severity = judgement.severity.map_or("-", |severity| severity.as_str());
    let rules = judgement.rules.join(",");
    let what = safe(&what(observation));
    writeln!(out, "{line:<8} {severity:<8} {rules:<28} {p:>8}   {what}")?;
    let mut reasons = Vec::new();
    if !judgement.capabilities.is_empty() {
        reasons.push(format!("new: {}", judgement.capabilities.join(", ")));
    }
    if !judgement.strange.is_empty() {
        reasons.push(format!("never seen: {}", judgement.strange.join("  ")));
    }
    if let Some(nearest) = judgement.nearest.first() {
        reasons.push(format!("nearest ({:.2}): {}", nearest.similarity, nearest.command));
    }
    reasons
        .iter()
        .try_for_each(|reason| writeln!(out, "{:57}{}", "", safe(reason)))
}

/// What was seen, in a few words.
fn what(observation: &Observation) -> String {
    let or = |text: &str, otherwise: &str| {
        if text.is_empty() {
            otherwise.to_owned()
        } else {
            text.to_owned()
        }
    };
    match &observation.what {
        Observed::Process(process) => format!("{} → {}", or(&process.parent, "(outside)"), process.executable),
        Observed::Network(network) => format!(
            "{} {} {} {}/{}",
            network.executable,
            network.direction.as_str(),
            Destination::from(network),
            network.protocol.as_str(),
            network.port
        ),
        Observed::Module(module) => format!("{} loads {}", or(&module.executable, "(the kernel)"), module.path),
    }
}

/// How long the last of them took.
fn latest(hours: impl Iterator<Item = u64>) -> String {
    hours
        .max()
        .map_or(String::new(), |hours| format!(", after {hours} h at most"))
}

/// The sums.
pub fn summary(out: &mut impl Write, summary: &Summary, bad: &Bad) -> io::Result<()> {
    let Summary {
        lines,
        known,
        learned,
        drift,
        unplaced,
        unjudged,
        days,
        alerts,
        alerts_per_day,
        by_rule,
        by_severity,
        alerts_per_week,
        expected_alerts_per_week,
        unusual_per_week,
        expected_unusual_per_week,
        containers,
        overflowed,
    } = summary;
    writeln!(
        out,
        "\n{lines} lines judged over {days:.1} days: {known} known, {learned} learned, {drift} drift"
    )?;
    if *unplaced > 0 {
        writeln!(
            out,
            "{unplaced} lines neither taught nor alarmed, as what visitors do while a baseline learns"
        )?;
    }
    if *unjudged > 0 {
        writeln!(
            out,
            "! {unjudged} lines were not judged: the recording holds too many containers"
        )?;
    }
    let expected = expected_alerts_per_week.map_or_else(
        || "not measured".to_owned(),
        |expected| format!("{expected:.1} were expected"),
    );
    writeln!(
        out,
        "{alerts} alerts, {alerts_per_day:.2} a day, {alerts_per_week:.1} a week ({expected})"
    )?;
    for (name, sums) in [("by rule", by_rule), ("by severity", by_severity)] {
        let sums: Vec<String> = sums.iter().map(|(what, count)| format!("{what} {count}")).collect();
        if !sums.is_empty() {
            writeln!(out, "  {name}: {}", sums.join(", "))?;
        }
    }
    maturity(out, containers)?;
    let expected = expected_unusual_per_week.unwrap_or(0.0);
    let unknown = containers
        .iter()
        .filter(|container| container.expected_unusual_per_week.is_none())
        .count();
    write!(
        out,
        "unusual commands a week: {unusual_per_week:.1} raised, {expected:.1} expected by chance"
    )?;
    match unknown {
        0 => writeln!(out)?,
        unknown => writeln!(
            out,
            " ({unknown} containers were recorded for less than a day: not counted)"
        )?,
    }
    if *overflowed > 0 {
        writeln!(
            out,
            "! {overflowed} observations found no room: the recording holds too many different ones"
        )?;
    }
    if bad.count() > 0 {
        writeln!(out, "! {} lines were no observations and were passed over", bad.count())?;
    }
    bad.sentences()
        .try_for_each(|sentence| writeln!(out, "  {}", safe(&sentence)))
}

/// How many containers were mature, and when.
fn maturity(out: &mut impl Write, containers: &[ContainerState]) -> io::Result<()> {
    writeln!(
        out,
        "{} of {} containers judged by a mature baseline{}",
        containers
            .iter()
            .filter_map(|container| container.hours_to_maturity)
            .count(),
        containers.len(),
        latest(containers.iter().filter_map(|container| container.hours_to_maturity))
    )?;
    let measured = || {
        containers
            .iter()
            .filter_map(|container| container.hours_to_measured_maturity)
    };
    writeln!(
        out,
        "{} of {} containers were mature by what was measured{}",
        measured().count(),
        containers.len(),
        latest(measured())
    )
}
