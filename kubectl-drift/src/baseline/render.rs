//! A baseline for people.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::view::{EntryView, FeedView, LABELS, View};
use crate::{
    table::table,
    text::{age, safe},
};

/// The whole page; of the entries, as many as are asked for, all where that is 0.
pub(super) fn text(view: &View, limit: usize, wide: bool, now: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |content: &str| writeln!(text, "{content}").expect("writing to a String can't fail");
    line(&format!(
        "{}: {:?}, observed in {} hours",
        safe(&view.workload),
        view.state,
        view.hours_observed
    ));
    if !view.ready.is_empty() {
        line(&format!("  {}", safe(&view.ready)));
    }
    if let Some(since) = &view.gone_since {
        let ago = age(Some(since.0), now);
        line(&format!(
            "  ! the workload is gone for {ago}: its baseline goes after the window, or with its alerts"
        ));
    }
    for lack in &view.degraded {
        line(&format!("  ! {}: {}", safe(&lack.reason), safe(&lack.message)));
    }
    line("");
    text.push_str(&feeds(&view.feeds));
    if view.entries.is_empty() {
        text.push_str("\nNothing was seen yet.\n");
        return text;
    }
    let shown = match limit {
        0 => view.entries.len(),
        limit => limit.min(view.entries.len()),
    };
    text.push('\n');
    text.push_str(&entries(&view.entries[..shown], wide, now));
    let left = view.entries.len() - shown;
    if left > 0 {
        writeln!(text, "… and {left} that are less rare: --limit 0 lists them all").expect("writing can't fail");
    }
    text
}

fn feeds(feeds: &[FeedView]) -> String {
    let mut headings = vec!["CONTAINER", "FEED", "STATE", "HOURS", "NEW/WEEK"];
    let labels = LABELS.map(str::to_uppercase);
    headings.extend(labels.iter().map(String::as_str));
    headings.extend(["DORMANT", "NO ROOM", "LOST"]);
    let rows: Vec<Vec<String>> = feeds
        .iter()
        .map(|feed| {
            let mut row = vec![
                safe(&feed.container),
                format!("{:?}", feed.feed).to_lowercase(),
                format!("{:?}", feed.state),
                feed.hours_observed.to_string(),
                expected(feed),
            ];
            row.extend(LABELS.map(|label| feed.entries.get(label).copied().unwrap_or(0).to_string()));
            row.extend([feed.dormant.to_string(), feed.overflowed.to_string(), lost(feed)]);
            row
        })
        .collect();
    table(&headings, &rows)
}

fn expected(feed: &FeedView) -> String {
    match (feed.expected_new_per_week, feed.at_most_new_per_week) {
        (None, _) => "-".to_owned(),
        (Some(expected), None) => format!("{expected:.1}"),
        (Some(expected), Some(most)) => format!("{expected:.1} ({most})"),
    }
}

fn lost(feed: &FeedView) -> String {
    if feed.losses.is_empty() {
        return "-".to_owned();
    }
    let each = feed
        .losses
        .iter()
        .map(|loss| format!("{} {}", loss.count, safe(&loss.reason)));
    each.collect::<Vec<_>>().join(", ")
}

fn entries(entries: &[EntryView], wide: bool, now: Timestamp) -> String {
    let mut headings = vec!["DAYS", "COUNT", "LAST SEEN", "STATE", "CONTAINER"];
    if wide {
        headings.extend(["FIRST SEEN", "PODS", "NODE", "REVISIONS"]);
    }
    headings.push("BEHAVIOUR");
    let rows: Vec<Vec<String>> = entries
        .iter()
        .map(|entry| {
            let mut row = vec![
                entry.days.to_string(),
                entry.count.to_string(),
                age(Some(entry.last_seen.0), now),
                entry
                    .rule
                    .map_or_else(|| entry.state.to_owned(), |rule| format!("{} ({rule})", entry.state)),
                safe(&entry.container),
            ];
            if wide {
                row.extend([
                    age(Some(entry.first_seen.0), now),
                    entry.pods.to_string(),
                    entry.node.as_deref().map_or_else(|| "several".to_owned(), safe),
                    safe(&entry.revisions.join(",")),
                ]);
            }
            row.push(safe(&entry.what) + notes(entry));
            row
        })
        .collect();
    table(&headings, &rows)
}

const fn notes(entry: &EntryView) -> &'static str {
    match (entry.generalised, entry.snapshot) {
        (true, _) => " (stands for many)",
        (false, true) => " (found, not seen to happen)",
        (false, false) => "",
    }
}
