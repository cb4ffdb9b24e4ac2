//! A release note for people.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::view::{Feed, Item, Revision, View};
use crate::{
    table::table,
    text::{age, safe},
};

pub(super) fn text(view: &View, now: Timestamp) -> String {
    let mut text = String::new();
    let mut line = |content: &str| writeln!(text, "{content}").expect("writing to a String can't fail");
    let (from, to) = (&view.from, &view.to);
    line(&format!(
        "{}: from revision {} to {}{}",
        safe(&view.workload),
        from.revision,
        to.revision,
        change(to, from)
    ));
    for revision in [from, to] {
        line(&format!(
            "  revision {} ({}) was watched for {} h, from {} ago on",
            revision.revision,
            safe(&revision.template_hash),
            revision.hours_watched,
            age(Some(revision.started_at.0), now)
        ));
    }
    let rows: Vec<_> = view.feeds.iter().flat_map(|feed| rows(feed, now)).collect();
    let kept: usize = view.feeds.iter().map(|feed| feed.kept).sum();
    line("");
    if rows.is_empty() {
        line(&format!("Nothing differs: both do the same {kept} things."));
    } else {
        text.push_str(&table(
            &["", "FEED", "CONTAINER", "STATE", "LAST SEEN", "BEHAVIOUR"],
            &rows,
        ));
        writeln!(text, "\nBoth do {kept} further things.").expect("writing can't fail");
    }
    text.push_str(&reservations(view));
    text
}

/// What the later revision changed, where it follows on the earlier one.
fn change(to: &Revision, from: &Revision) -> String {
    let Some(action) = to.action.filter(|_| to.revision == from.revision + 1) else {
        return String::new();
    };
    let fields = to.changes.iter().map(|change| match &change.container {
        Some(container) => format!("{:?} of {}", change.field, safe(container)),
        None => format!("{:?}", change.field),
    });
    let fields: Vec<String> = fields.collect();
    match fields.as_slice() {
        [] => format!(" ({action:?})"),
        fields => format!(" ({action:?}: {})", fields.join(", ")),
    }
}

fn rows(feed: &Feed, now: Timestamp) -> Vec<Vec<String>> {
    let row = |sign: &str, item: &Item, note: String| {
        vec![
            sign.to_owned(),
            format!("{:?}", feed.feed).to_lowercase(),
            safe(&feed.container),
            item.state.to_owned(),
            age(Some(item.last_seen.0), now),
            safe(&item.what) + &note,
        ]
    };
    let newly = feed.newly.iter().map(|item| {
        let (sign, note) = if item.before {
            ("=", " (done before)")
        } else {
            ("+", "")
        };
        row(sign, item, note.to_owned())
    });
    let gone = feed.gone.iter().map(|item| row("-", item, String::new()));
    let awaited = feed.awaited.iter().map(|item| {
        let hours = item.hours.unwrap_or_default();
        row("?", item, format!(" (known in {hours} h of watching)"))
    });
    newly.chain(gone).chain(awaited).collect()
}

/// What the comparison can't tell.
fn reservations(view: &View) -> String {
    let mut text = String::new();
    let mut say = |content: String| writeln!(text, "! {content}").expect("writing to a String can't fail");
    if let Some(hours) = view.longest_wait() {
        say(format!(
            "revision {} has not been watched long enough to say that all of it is gone that was not seen: that takes {hours} h \
             more",
            view.to.revision
        ));
    }
    if view.from.hours_watched < 24 {
        say(format!(
            "revision {} was watched for {} h only: what looks new may have been missed there",
            view.from.revision, view.from.hours_watched
        ));
    }
    for feed in &view.feeds {
        let lossy = [
            (view.from.revision, feed.lossy_hours_from),
            (view.to.revision, feed.lossy_hours_to),
        ];
        for (revision, hours) in lossy.into_iter().filter(|(_, hours)| *hours > 0) {
            say(format!(
                "sensors lost something of the {} feed of {} in {hours} h of revision {revision}",
                format!("{:?}", feed.feed).to_lowercase(),
                safe(&feed.container)
            ));
        }
    }
    text
}
