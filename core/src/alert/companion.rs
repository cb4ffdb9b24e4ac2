//! What another feed raised beside a finding: a new connection of a program that is new itself, or that just loaded a new
//! library.

use super::AlertInput;
use crate::{
    baseline::{Entry, MAX_LINEAGE},
    behaviour::Feed,
    id::ContainerName,
    rules::Rule,
};

/// Another feed that raised something in the same process tree and pod within the correlation window: modules first, then
/// flows.
pub(super) fn second_feed(input: &AlertInput<'_>, container: &ContainerName, entry: &Entry) -> Option<Feed> {
    let own = entry.behaviour.feed();
    let feeds = &input.baseline.containers.get(container)?.feeds;
    let goes_along = |other: &Entry| {
        // A monthly job that talks to what it always talked to is no graver for that, nor is a leader on another node.
        other
            .rule()
            .is_some_and(|rule| rule != Rule::ReturnedBehaviour && !rule.is_of_bounds())
            && other.first_seen.distance(entry.raised_since()) <= input.policy.correlation_window
            && is_of_one_tree(entry, other)
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

/// Executables that the lineages of all trees of a container begin with: its first process alone.
const OF_EVERY_TREE: usize = 1;

/// Whether two findings are of one process tree: one lineage goes on where the other ends, or both pass through one of
/// the processes that the container's first one started. That first one is the ancestor of everything: under a
/// supervisor, what one service does says nothing of another. What has no lineage, as a burst of the whole container, is
/// of every tree.
fn is_of_one_tree(a: &Entry, b: &Entry) -> bool {
    let (a, b) = (a.lineage.as_slice(), b.lineage.as_slice());
    let shared = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    shared == a.len().min(b.len()) || shared > OF_EVERY_TREE || passes_through(a, b) || passes_through(b, a)
}

/// Whether a lineage that was cut in its middle passes through the process that another one ends in.
fn passes_through(cut: &[String], other: &[String]) -> bool {
    let end = other.get(other.len().saturating_sub(2)..).unwrap_or_default();
    cut.len() == MAX_LINEAGE && end.len() == 2 && cut.windows(2).any(|two| two == end)
}
