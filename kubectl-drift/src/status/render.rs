//! How Anchorwatch is, for people.

use std::fmt::Write as _;

use anchorwatch_crds::v1alpha1::FeedName;

use super::health::{Health, PolicyView, Sensor};
use crate::{table::table, text::safe};

/// Most names that a line lists.
const NAMED: usize = 10;

pub(super) fn text(health: &Health, wide: bool) -> String {
    let mut text = String::new();
    let mut line = |content: &str| writeln!(text, "{content}").expect("writing to a String can't fail");
    line(if health.healthy {
        "Anchorwatch is well."
    } else {
        "Anchorwatch is not well:"
    });
    for wrong in &health.wrong {
        line(&format!("  ! {}", safe(wrong)));
    }
    for note in &health.notes {
        line(&format!("  - {}", safe(note)));
    }
    line("");
    let operator = health.operator.as_deref().map_or_else(|| "-".to_owned(), safe);
    line(&format!("operator   {operator}"));
    let states = health
        .workloads
        .iter()
        .map(|(state, count)| format!("{count} {}", state.to_lowercase()));
    line(&format!("workloads  {}", states.collect::<Vec<_>>().join(", ")));
    if !health.with_losses.is_empty() {
        line(&format!("losses     {}", some(&health.with_losses)));
    }
    if !health.without_policy.is_empty() {
        line(&format!("no policy  {}", some(&health.without_policy)));
    }
    line("");
    text.push_str(&sensors(&health.sensors));
    if wide {
        text.push('\n');
        text.push_str(&hooks(&health.sensors));
    }
    text.push('\n');
    text.push_str(&policies(&health.policies));
    text
}

/// The first of some names, and how many more there are.
fn some(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| safe(name)).collect();
    match names.len().saturating_sub(NAMED) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn sensors(sensors: &[Sensor]) -> String {
    let headings = [
        "NODE",
        "LAST REPORT",
        "BEHIND",
        "PROCESS",
        "NETWORK",
        "MODULE",
        "LOST",
        "OUTBOXES",
    ];
    let rows: Vec<Vec<String>> = sensors
        .iter()
        .map(|sensor| {
            let feed = |feed: FeedName| sensor.feeds.get(&feed).copied().unwrap_or_default().to_owned();
            let lost = sensor
                .losses
                .iter()
                .map(|loss| format!("{} {}", loss.count, safe(&loss.reason)));
            let lost: Vec<String> = lost.collect();
            vec![
                safe(&sensor.node),
                sensor
                    .age_seconds
                    .map_or_else(|| "-".to_owned(), |age| format!("{age}s ago")),
                format!("{}s", sensor.behind_seconds),
                feed(FeedName::Process),
                feed(FeedName::Network),
                feed(FeedName::Module),
                if lost.is_empty() {
                    "-".to_owned()
                } else {
                    lost.join(", ")
                },
                sensor.epochs.to_string(),
            ]
        })
        .collect();
    table(&headings, &rows)
}

fn hooks(sensors: &[Sensor]) -> String {
    let rows = sensors.iter().flat_map(|sensor| {
        sensor.hooks.iter().map(|hook| {
            vec![
                safe(&sensor.node),
                safe(&hook.name),
                format!("{:?}", hook.feed).to_lowercase(),
                safe(&hook.state),
                safe(&hook.reason),
            ]
        })
    });
    table(&["NODE", "HOOK", "FEED", "STATE", "WHY"], &rows.collect::<Vec<_>>())
}

fn policies(policies: &[PolicyView]) -> String {
    let rows: Vec<Vec<String>> = policies
        .iter()
        .map(|policy| {
            let accepted = if policy.accepted { "yes" } else { "no" };
            vec![
                safe(&policy.name),
                format!("{:?}", policy.mode),
                policy.workloads.to_string(),
                accepted.to_owned(),
            ]
        })
        .collect();
    table(&["POLICY", "MODE", "WORKLOADS", "ACCEPTED"], &rows)
}
