//! What becomes of one entry: whether it finds room, what it becomes, and what is added to it.

use std::collections::BTreeMap;

use super::super::{
    BehaviourReport, Entry, EntryState, Marks,
    cap::{self, Class, Used},
};
use crate::{behaviour::Attributes, decide::Verdict};

/// Adds what a report knows of a behaviour beside its key, if that finds room. Returns whether it did. A pod that nobody
/// knows adds nothing to what others taught.
pub(super) fn grow(entry: &mut Entry, seen: &BehaviourReport, verified: bool, used: &Used) -> bool {
    let teaches = verified || entry.is_quarantined();
    if !teaches || !entry.attributes.grows_by(&seen.attributes) {
        return true;
    }
    let attributes = entry.attributes.clone().join(seen.attributes.clone());
    let attributes = match entry.state {
        EntryState::Learned | EntryState::Accepted { .. } => attributes,
        EntryState::Quarantined { .. } => attributes.raised(),
    };
    let before = std::mem::replace(&mut entry.attributes, attributes);
    let class = Class::of(entry.state, entry.unverified);
    let fits = cap::has_room_for(used, class, entry);
    if !fits {
        entry.attributes = before;
    }
    fits
}

/// Whether there is room for an entry as the verdict has it.
pub(super) enum Room {
    Found,
    None,
}

/// Looks for room where an entry begins, and where it moves on from among the unverified. An entry that moves otherwise
/// had room before: what was learned and is raised now must not be lost.
pub(super) fn find_room(
    used: &Used,
    entry: &Entry,
    before: Option<EntryState>,
    verdict: Verdict,
    verified: bool,
) -> Room {
    let state = match verdict {
        Verdict::Known | Verdict::Learned | Verdict::Unplaced => EntryState::Learned,
        Verdict::Drift { rule } => EntryState::Quarantined { rule },
    };
    let wanted = Class::of(state, entry.unverified && !verified);
    let moves = match before.map(|before| Class::of(before, entry.unverified)) {
        None => true,
        Some(Class::Unverified) => wanted != Class::Unverified,
        Some(Class::Learned | Class::Beside | Class::Novel | Class::Grave) => false,
    };
    if moves && !cap::has_room_for(used, wanted, entry) {
        return Room::None;
    }
    Room::Found
}

/// The state of an entry that must stay quarantined.
pub(super) const fn graver(held: EntryState, verdict: Verdict) -> EntryState {
    match verdict {
        Verdict::Drift { rule } => EntryState::Quarantined { rule },
        Verdict::Known | Verdict::Learned | Verdict::Unplaced => held,
    }
}

/// Makes an entry a learned one. What unverified pods left in it, if any did, does not count for what is learned.
pub(super) fn begin_to_teach(entry: &mut Entry) {
    entry.state = EntryState::Learned;
    entry.attributes = Attributes::default();
    entry.days = Marks::NONE;
    entry.pods = 0;
    entry.shown_by = BTreeMap::new();
    entry.provisional = false;
}
