//! What one revision of a workload does that another one did not, and the other way round: a release note of behaviour.
//!
//! That a revision does something is known once a pod of it showed it. That it does no longer do something is known only
//! after it was watched for as long as that something used to stay away before.

#[cfg(test)]
mod tests;

use super::{Baseline, Entry, FeedBaseline, HourSet, Marks};
use crate::{
    behaviour::Feed,
    id::{ContainerName, TemplateHash},
    time::Hour,
};

/// Fewest hours after which something counts as gone: a day, since little is done at every hour of it.
const LEAST: u32 = 24;
/// Most hours that are waited for: a week. What is done more seldom than that is no regular part of a revision.
const MOST: u32 = 7 * 24;

/// How two revisions differ.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference<'a> {
    /// How long the earlier one was watched.
    pub from: Watch,
    /// How long the later one was watched.
    pub to: Watch,
    /// Feed by feed of each container, also where nothing differs.
    pub feeds: Vec<FeedDifference<'a>>,
}

/// How long a revision was watched.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Watch {
    /// Hours in which a pod of it was observed, of the last 42 days.
    pub hours: u32,
    /// The first of them.
    pub first: Hour,
    /// The last of them.
    pub last: Hour,
}

/// How two revisions differ in what a feed saw of a container.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedDifference<'a> {
    /// The container.
    pub container: &'a ContainerName,
    /// The feed.
    pub feed: Feed,
    /// Hours of the earlier one in which sensors lost something.
    pub lossy_from: u32,
    /// Hours of the later one in which sensors lost something.
    pub lossy_to: u32,
    /// What the later one does and the earlier one did not, in the order of behaviours.
    pub newly: Vec<Newly<'a>>,
    /// What the earlier one did and the later one does no longer.
    pub gone: Vec<&'a Entry>,
    /// What the later one has not done yet, and was not watched long enough to say that it is gone.
    pub awaited: Vec<Awaited<'a>>,
    /// How much both do.
    pub kept: usize,
}

/// What a revision does that the one before it did not.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Newly<'a> {
    /// It.
    pub entry: &'a Entry,
    /// True where the workload did it before all the same: an older revision, or before revisions were told apart.
    pub before: bool,
}

/// What a revision may still do.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Awaited<'a> {
    /// It.
    pub entry: &'a Entry,
    /// Hours that the revision has to be watched for beyond those that it was, before it is gone.
    pub hours: u32,
}

/// Why two revisions can't be compared.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// Both have one template: what is known of one is known of the other.
    #[error("both revisions run the same template ({0}): they can't differ")]
    SameTemplate(TemplateHash),
    /// No pod of it was observed, or that was too long ago.
    #[error("no pod of the revision with template {0} was observed, or that was too many revisions ago")]
    Unwatched(TemplateHash),
}

/// Compares two revisions by what their pods showed.
///
/// # Errors
/// Where both are of one template, or one was never watched.
pub fn difference<'a>(
    baseline: &'a Baseline,
    from: &TemplateHash,
    to: &TemplateHash,
) -> Result<Difference<'a>, Refusal> {
    if from == to {
        return Err(Refusal::SameTemplate(to.clone()));
    }
    let watched = |hash: &TemplateHash| {
        let held = baseline
            .revisions
            .get(hash)
            .and_then(|hours| Some((*hours, watch(hours)?)));
        held.ok_or_else(|| Refusal::Unwatched(hash.clone()))
    };
    let (earlier, later) = (watched(from)?, watched(to)?);
    let pair = Pair {
        from: (from, earlier.0),
        to: (to, later.0),
    };
    Ok(Difference {
        from: earlier.1,
        to: later.1,
        feeds: baseline
            .feeds()
            .map(|(container, feed, held)| pair.of_feed(container, feed, held))
            .collect(),
    })
}

fn watch(hours: &HourSet) -> Option<Watch> {
    let (first, last) = (hours.oldest()?, hours.newest()?);
    Some(Watch {
        hours: hours.count_without(&HourSet::NONE, first, last),
        first,
        last,
    })
}

/// Two revisions, and when they were watched.
struct Pair<'b> {
    from: (&'b TemplateHash, HourSet),
    to: (&'b TemplateHash, HourSet),
}

impl Pair<'_> {
    fn of_feed<'a>(&self, container: &'a ContainerName, feed: Feed, held: &'a FeedBaseline) -> FeedDifference<'a> {
        let all = |hours: &HourSet, without: &HourSet| hours.count_without(without, Hour(i64::MIN), Hour(i64::MAX));
        let watched_from = all(&self.from.1, &HourSet::NONE);
        let sound_to = all(&self.to.1, &held.lossy);
        let mut difference = FeedDifference {
            container,
            feed,
            lossy_from: watched_from - all(&self.from.1, &held.lossy),
            lossy_to: all(&self.to.1, &HourSet::NONE) - sound_to,
            newly: Vec::new(),
            gone: Vec::new(),
            awaited: Vec::new(),
            kept: 0,
        };
        let mut entries: Vec<_> = held.entries.values().collect();
        entries.sort_unstable_by(|a, b| a.behaviour.cmp(&b.behaviour));
        for entry in entries {
            let shown = &entry.lesson.revisions;
            match (shown.contains(self.from.0), shown.contains(self.to.0)) {
                (false, false) => {}
                (true, true) => difference.kept += 1,
                (false, true) => difference.newly.push(Newly {
                    entry,
                    before: shown.len() > 1 || self.to.1.oldest().is_some_and(|first| entry.first_seen.hour() < first),
                }),
                (true, false) => match patience(entry.days, watched_from).checked_sub(sound_to) {
                    None | Some(0) => difference.gone.push(entry),
                    Some(hours) => difference.awaited.push(Awaited { entry, hours }),
                },
            }
        }
        difference
    }
}

/// Hours after which what was seen on these days, of a revision that was watched for so many hours, should have been seen
/// again: the longest that it stayed away or, where it was seen on a single day, as long as it was watched for.
fn patience(days: Marks, watched: u32) -> u32 {
    let marked = (0..u64::BITS).filter(|day| days.bits >> day & 1 == 1);
    let longest = marked
        .clone()
        .zip(marked.skip(1))
        .map(|(newer, older)| older - newer)
        .max();
    longest.map_or(watched, |days| days * 24).clamp(LEAST, MOST)
}
