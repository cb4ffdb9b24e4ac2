//! What another feed raised beside a finding: a new connection of a program that is new itself, or that just loaded a new
//! library.

use super::AlertInput;
use crate::{baseline::Entry, behaviour::Feed, id::ContainerName, rules::Rule};

/// Another feed that raised something in the same lineage and pod within the correlation window: modules first, then
/// flows.
pub(super) fn second_feed(input: &AlertInput<'_>, container: &ContainerName, entry: &Entry) -> Option<Feed> {
    let own = entry.behaviour.feed();
    let feeds = &input.baseline.containers.get(container)?.feeds;
    let goes_along = |other: &Entry| {
        // A monthly job that talks to what it always talked to is no graver for that.
        other.rule().is_some_and(|rule| rule != Rule::ReturnedBehaviour)
            && other.first_seen.distance(entry.first_seen) <= input.policy.correlation_window
            && is_of_one_lineage(entry, other)
            && other.shown_by.keys().any(|pod| entry.shown_by.contains_key(pod))
    };
    [Feed::Module, Feed::Network, Feed::Process]
        .into_iter()
        .filter(|feed| *feed != own)
        .find(|feed| {
            feeds
                .get(feed)
                .is_some_and(|held| held.entries.values().any(goes_along))
        })
}

/// Whether one lineage goes on where the other ends, or both end in the same program. What has no lineage, as a burst of
/// the whole container, is of every one.
fn is_of_one_lineage(a: &Entry, b: &Entry) -> bool {
    let same_program = !a.behaviour.executable().is_empty() && a.behaviour.executable() == b.behaviour.executable();
    same_program || a.lineage.starts_with(&b.lineage) || b.lineage.starts_with(&a.lineage)
}
