//! What decisions change in a baseline. Each step changes nothing when it is taken again.

use std::collections::BTreeMap;

use super::{
    Baseline, Entry, EntryState, FeedBaseline, Past, Sighting,
    cap::{self, Class, Used},
    size,
};
use crate::{
    behaviour::Behaviour,
    id::{BehaviourId, ContainerName, PodUid},
    rules::Rule,
    time::Timestamp,
};

impl Baseline {
    /// What it holds of a behaviour of a container.
    pub fn entry(&self, container: &ContainerName, id: BehaviourId) -> Option<&Entry> {
        let held = self.containers.get(container)?;
        held.feeds.values().find_map(|feed| feed.entries.get(&id))
    }

    fn feed_of(&mut self, container: &ContainerName, behaviour: &Behaviour) -> Option<&mut FeedBaseline> {
        self.containers.get_mut(container)?.feeds.get_mut(&behaviour.feed())
    }

    /// Whether a behaviour can be taken in as accepted; why not, in words.
    pub fn room_to_accept(
        &self,
        container: &ContainerName,
        id: BehaviourId,
        behaviour: &Behaviour,
    ) -> Result<(), &'static str> {
        if !self.has_feed(container, behaviour.feed()) {
            return Err("the baseline no longer knows the container");
        }
        // An entry is as large whatever its state; one that is not there has at the least its key.
        let size = self
            .entry(container, id)
            .map_or_else(|| size::of_key(behaviour), size::of);
        let fits = cap::has_room(&Used::by(self), Class::Learned, behaviour.feed(), size);
        fits.then_some(())
            .ok_or("the baseline has no room left for what is known")
    }

    /// Takes an entry as accepted by a person, in the place of what it holds of that behaviour. It counts as seen on the
    /// day of the decision, so that it stays for a window even where it was raised long ago. Returns whether it did.
    pub fn accept(&mut self, container: &ContainerName, entry: Entry, rule: Rule, now: Timestamp) -> bool {
        let id = entry.behaviour.id();
        if self.room_to_accept(container, id, &entry.behaviour).is_err() {
            return false;
        }
        let Some(feed) = self.feed_of(container, &entry.behaviour) else {
            return false;
        };
        let mut days = entry.days;
        days.mark(now.day().0);
        let accepted = Entry {
            state: EntryState::Accepted { rule },
            shown_by: BTreeMap::new(),
            unverified: false,
            days,
            ..entry
        };
        feed.entries.insert(id, accepted);
        true
    }

    /// Raises again what was accepted. Returns whether it did.
    pub fn withdraw(
        &mut self,
        container: &ContainerName,
        behaviour: &Behaviour,
        rule: Rule,
        shown_by: &BTreeMap<PodUid, Sighting>,
    ) -> bool {
        let feed = self.feed_of(container, behaviour);
        let held = feed.and_then(|feed| feed.entries.get_mut(&behaviour.id()));
        let Some(entry) = held.filter(|entry| entry.is_accepted()) else {
            return false;
        };
        entry.state = EntryState::Quarantined { rule };
        entry.shown_by.clone_from(shown_by);
        true
    }

    /// Learns what was raised, if there is room. Returns whether it did.
    pub fn absorb(&mut self, container: &ContainerName, behaviour: &Behaviour) -> bool {
        let id = behaviour.id();
        if self.room_to_accept(container, id, behaviour).is_err() {
            return false;
        }
        let feed = self.feed_of(container, behaviour);
        let held = feed.and_then(|feed| feed.entries.get_mut(&id));
        let Some(entry) = held.filter(|entry| entry.is_quarantined()) else {
            return false;
        };
        entry.state = EntryState::Learned;
        entry.shown_by = BTreeMap::new();
        entry.provisional = false;
        entry.lesson.past = Past::Absorbed;
        entry.lift_bounds();
        true
    }

    /// Lets go of what was raised, so that it is new again when it is seen again. What was learned before a denial raised
    /// it stays: it is learned again once nothing denies it. What was raised beyond its bounds is as it was learned: within
    /// them. Returns whether it did.
    pub fn release(&mut self, container: &ContainerName, behaviour: &Behaviour) -> bool {
        let id = behaviour.id();
        let Some(feed) = self.feed_of(container, behaviour) else {
            return false;
        };
        let Some(entry) = feed.entries.get_mut(&id).filter(|entry| entry.is_quarantined()) else {
            return false;
        };
        match entry.lesson.past {
            Past::Denied => return false,
            Past::Bounded => learn_again(entry),
            Past::Plain | Past::Absorbed | Past::Inherited => {
                feed.entries.remove(&id);
            }
        }
        true
    }
}

impl FeedBaseline {
    /// Learns again what had been learned before a denial raised it and is denied no more. Returns how many.
    pub(super) fn restore(&mut self, is_denied: impl Fn(&Behaviour) -> bool) -> usize {
        let mut restored = 0;
        for entry in self.entries.values_mut() {
            if entry.is_denied_since() && !is_denied(&entry.behaviour) {
                learn_again(entry);
                restored += 1;
            }
        }
        restored
    }
}

/// Makes an entry what it was before it was raised.
fn learn_again(entry: &mut Entry) {
    entry.state = EntryState::Learned;
    entry.shown_by = BTreeMap::new();
    entry.unverified = false;
    entry.provisional = false;
    entry.lesson.past = Past::Plain;
}
