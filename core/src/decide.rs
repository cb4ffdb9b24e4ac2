//! The verdict on one behaviour: what is known of it, how complete the baseline is and what the policy says.

use crate::{
    baseline::{Entry, EntryState, Maturity},
    behaviour::{Behaviour, Origin},
    policy::Policy,
    rules::{self, Rule},
};

/// What a behaviour is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Learned before.
    Known,
    /// New, and learned by being seen.
    Learned,
    /// It neither teaches nor alarms, and does not count: while the baseline still learns, from where it came cannot be
    /// told or it is somebody's visit; or it is approved, and that, or shown by a pod that nobody knows.
    Unplaced,
    /// Outside of what is normal, and not learned.
    Drift {
        /// The rule that says so: the gravest that fires.
        rule: Rule,
    },
}

/// Judges a behaviour that was seen now.
///
/// `entry` is what the baseline holds of it; `verified` is false where the API server did not know the pod that showed
/// it: such a pod never teaches. A rule that needs no baseline fires whatever was learned. What is quarantined stays
/// so, with one exception: what only unverified pods had shown is learned from a verified one, while learning lasts.
///
/// A behaviour of unknown origin has the key of the entrypoint's and may be a visitor's: it is known where the
/// entrypoint's is, and drift where it is not, but it teaches nothing.
pub fn decide(
    entry: Option<&Entry>,
    maturity: Maturity,
    policy: &Policy,
    behaviour: &Behaviour,
    verified: bool,
) -> Verdict {
    let learning = match maturity {
        Maturity::Learning => true,
        Maturity::Provisional | Maturity::Enforcing => false,
    };
    let teaches = verified && learning;
    let always = rules::without_baseline(behaviour, policy);
    let approved = always.is_none() && rules::is_approved(behaviour, policy);
    let placed = match behaviour.origin() {
        Origin::Entrypoint | Origin::Probe => verified || !approved,
        Origin::Exec | Origin::Unknown => !learning && !approved,
    };
    // Whatever the baseline holds of it: what is counted must not depend on who came first.
    if always.is_none() && !placed {
        return Verdict::Unplaced;
    }
    match entry.map(|entry| (entry.state, entry.unverified)) {
        None => match always {
            Some(rule) => Verdict::Drift { rule },
            // What is approved is learned at any time by being seen.
            None if approved || teaches => Verdict::Learned,
            None => Verdict::Drift {
                rule: rules::of_novelty(behaviour),
            },
        },
        Some((EntryState::Learned, _)) => always.map_or(Verdict::Known, |rule| Verdict::Drift { rule }),
        // What was accepted was accepted as what that rule says it is, and as nothing graver.
        Some((EntryState::Accepted { rule: accepted }, _)) => match always {
            Some(rule) if rule > accepted => Verdict::Drift { rule },
            Some(_) | None => Verdict::Known,
        },
        Some((EntryState::Quarantined { rule }, unverified)) => match always {
            Some(fires) => Verdict::Drift { rule: rule.max(fires) },
            None if unverified && teaches && rule.needs_baseline() => Verdict::Learned,
            None => Verdict::Drift { rule },
        },
    }
}
