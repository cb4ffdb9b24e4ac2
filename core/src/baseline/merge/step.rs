//! What becomes of one entry: whether it finds room, what it becomes, and what is added to it.

use std::collections::BTreeMap;

use super::super::{
    BehaviourReport, Entry, EntryState, Lesson, Marks, Maturity, Past,
    cap::{self, Class, Used},
};
use crate::{decide::Verdict, rare::Rare, rules::Rule, time::Timestamp};

/// Adds what a report knows of a behaviour beside its key, if that finds room. Returns whether it did. A pod that nobody
/// knows adds nothing to what others taught, nor does what is shown beyond the bounds of what was learned.
pub(super) fn grow(entry: &mut Entry, seen: &BehaviourReport, verified: bool, used: &Used) -> bool {
    let teaches = verified || entry.is_quarantined();
    if !teaches || entry.is_bounded() || !entry.attributes.grows_by(&seen.attributes) {
        return true;
    }
    let (held, more) = (entry.attributes.clone().into_inner(), seen.attributes.clone());
    let attributes = match entry.state {
        EntryState::Learned | EntryState::Accepted { .. } => held.taking_in(more),
        EntryState::Quarantined { .. } => held.taking_in_raised(more),
    };
    let before = std::mem::replace(&mut entry.attributes, attributes.into());
    let class = Class::of_entry(entry);
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
    let moves = match before.map(|_| Class::of_entry(entry)) {
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
    entry.attributes = Rare::default();
    entry.days = Marks::NONE;
    entry.pods = 0;
    entry.shown_by = BTreeMap::new();
    entry.provisional = false;
}

/// Raises an entry that was `before` so. What was learned keeps what it was learned as where it is raised beyond its bounds
/// alone, or for a denial that may be taken back.
pub(super) fn raise(entry: &mut Entry, before: Option<EntryState>, rule: Rule, maturity: Maturity) {
    let was_learned = before == Some(EntryState::Learned) || entry.is_bounded();
    entry.provisional = match before {
        Some(EntryState::Quarantined { .. }) => entry.provisional,
        Some(EntryState::Learned | EntryState::Accepted { .. }) | None => maturity == Maturity::Provisional,
    };
    entry.state = EntryState::Quarantined { rule };
    if was_learned && rule.is_of_bounds() {
        entry.lesson.past = Past::Bounded;
        return;
    }
    if was_learned && rule == Rule::DeniedBehaviour {
        entry.lesson.past = Past::Denied;
    } else if entry.lesson.past == Past::Bounded {
        entry.lesson.past = Past::Plain;
    }
    entry.attributes = std::mem::take(&mut entry.attributes).into_inner().raised().into();
}

/// What was taken over from another workload is its own once it is seen in it, by a pod that is known: it counts from then
/// on, as if it had been learned now. What is known of it beside its key stays.
pub(super) fn confirm(entry: &mut Entry, verified: bool, first_seen: Timestamp) {
    if verified && entry.lesson.past == Past::Inherited {
        entry.lesson = Lesson::default();
        entry.count = 0;
        entry.first_seen = first_seen;
        entry.last_seen = first_seen;
        entry.days = Marks::NONE;
        entry.pods = 0;
        entry.snapshot = true;
    }
}
