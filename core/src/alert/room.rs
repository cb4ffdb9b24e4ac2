//! Room for alerts: a workload and a namespace hold so many that nobody decided about, and what has none is counted.
//!
//! Which alerts have room is a function of those that there are, never of who came first to ask: the graver go before the
//! less grave; of equals what is there before what would be made, since sensors say when they first saw something, and one
//! that lies would push out what others told; then the older before the younger. But an eighth of the room is each severity's
//! own, so that no flood of one shuts out another. What is High or above always has room, and so has what people decided
//! about, and what a rollout explains: it is suppressed, never deleted.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use serde::Serialize;

use super::{Alert, AlertInput, AlertState};
use crate::{severity::Severity, time::Timestamp};

/// The part of the room that is each severity's own: one in so many. There are three severities below High.
const OWN: usize = 8;

/// An alert as far as it takes room.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Place {
    /// Its name, which no other has in its namespace.
    pub name: String,
    /// How grave it is: below High.
    pub severity: Severity,
    /// Whether it asks for nobody: what is only observed takes no room from what does.
    pub quiet: bool,
    /// Whether it is there, and not only planned.
    pub exists: bool,
    /// When its first finding was first seen.
    pub first_seen: Timestamp,
}

impl Place {
    /// The room that an alert takes that is there; none for one that always has room. `decided` is whether people decided about
    /// any of its findings.
    pub fn of(name: &str, severity: Severity, state: AlertState, decided: bool, first_seen: Timestamp) -> Option<Self> {
        let quiet = match state {
            AlertState::Observed => true,
            AlertState::Correlating | AlertState::Open | AlertState::PendingReview | AlertState::Escalated => false,
            AlertState::Suppressed
            | AlertState::Accepted
            | AlertState::Dismissed
            | AlertState::Denied
            | AlertState::Resolved => return None,
        };
        (severity < Severity::High && !decided).then(|| Self {
            name: name.to_owned(),
            severity,
            quiet,
            exists: true,
            first_seen,
        })
    }

    fn taken_by(alert: &Alert, input: &AlertInput<'_>) -> Option<Self> {
        if alert.partial {
            return None;
        }
        let place = Self::of(
            &alert.name,
            alert.severity,
            alert.state,
            !alert.is_untouched(),
            alert.first_seen,
        )?;
        Some(Self {
            exists: input.alerts.iter().any(|there| there.name == alert.name),
            ..place
        })
    }
}

/// What else there is in a workload's namespace.
#[derive(Clone, Copy, Debug, Default)]
pub struct Crowd<'a> {
    /// The room that other workloads' alerts take.
    pub others: &'a [Place],
    /// What found no room, where alerts are planned for the namespace itself.
    pub left_out: Option<LeftOutAlerts>,
}

/// What found no room.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct LeftOutAlerts {
    /// Number of findings that have no alert.
    pub findings: u64,
    /// When the first of them was first seen.
    pub first_seen: Timestamp,
    /// When the last of them was last seen.
    pub last_seen: Timestamp,
}

impl LeftOutAlerts {
    fn of(alert: &Alert) -> Self {
        Self {
            findings: u64::try_from(alert.findings.len()).unwrap_or(u64::MAX),
            first_seen: alert.first_seen,
            last_seen: alert.last_seen,
        }
    }

    /// What either counts.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            findings: self.findings.saturating_add(other.findings),
            first_seen: self.first_seen.min(other.first_seen),
            last_seen: self.last_seen.max(other.last_seen),
        }
    }
}

/// What finds no room.
#[derive(Default)]
pub(super) struct Without {
    /// Of the workload's own alerts.
    pub(super) own: Vec<Alert>,
    /// Names of other workloads' alerts, beside those that have room here.
    pub(super) others: Vec<String>,
}

/// Takes out of a workload's alerts those that find no room in it or in its namespace.
pub(super) fn leave_out(alerts: &mut Vec<Alert>, input: &AlertInput<'_>) -> Without {
    let own: Vec<Place> = alerts
        .iter()
        .filter_map(|alert| Place::taken_by(alert, input))
        .collect();
    if own.is_empty() {
        return Without::default();
    }
    let room = input.policy.alerts;
    let in_workload = have_room(own.iter(), room.per_workload);
    let crowd = own.iter().filter(|place| in_workload.contains(place.name.as_str()));
    let in_namespace = have_room(crowd.chain(input.crowd.others), room.per_namespace);
    let without: BTreeSet<&str> = own
        .iter()
        .map(|place| place.name.as_str())
        .filter(|name| !in_namespace.contains(name))
        .collect();
    let others = input.crowd.others.iter().map(|place| place.name.as_str());
    let others = others.filter(|name| !in_namespace.contains(name)).map(str::to_owned);
    Without {
        others: others.collect(),
        own: alerts
            .extract_if(.., |alert| without.contains(alert.name.as_str()))
            .collect(),
    }
}

/// The names of those that have room, of those that ask for somebody and of those that do not.
fn have_room<'a>(places: impl Iterator<Item = &'a Place>, most: u32) -> BTreeSet<&'a str> {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let (quiet, asking): (Vec<&Place>, Vec<&Place>) = places.partition(|place| place.quiet);
    [quiet, asking]
        .into_iter()
        .flat_map(|class| first_of(class, most))
        .map(|place| place.name.as_str())
        .collect()
}

fn first_of(mut places: Vec<&Place>, most: usize) -> impl Iterator<Item = &Place> {
    places.sort_by_key(|place| (Reverse(place.severity), !place.exists, place.first_seen, &place.name));
    let mut before: BTreeMap<Severity, usize> = BTreeMap::new();
    let (own, rest): (Vec<&Place>, Vec<&Place>) = places.into_iter().partition(|place| {
        let before = before.entry(place.severity).or_default();
        *before += 1;
        *before <= most / OWN
    });
    own.into_iter().chain(rest).take(most)
}

/// What was left out, together.
pub(super) fn sum(left_out: &[Alert]) -> Option<LeftOutAlerts> {
    left_out.iter().map(LeftOutAlerts::of).reduce(LeftOutAlerts::and)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str, severity: Severity, quiet: bool, second: i64) -> Place {
        Place {
            name: name.to_owned(),
            severity,
            quiet,
            exists: true,
            first_seen: Timestamp::from_secs(second),
        }
    }

    fn many(prefix: &str, severity: Severity, number: usize) -> Vec<Place> {
        let numbers = 0..number;
        numbers
            .map(|index| {
                place(
                    &format!("{prefix}{index:04}"),
                    severity,
                    false,
                    i64::try_from(index).unwrap(),
                )
            })
            .collect()
    }

    #[test]
    fn the_graver_have_room_first_and_of_equals_the_older() {
        let places = [
            place("younger", Severity::Medium, false, 9),
            place("older", Severity::Medium, false, 8),
            place("lower", Severity::Low, false, 1),
            place("observed", Severity::Info, true, 1),
        ];
        let have = |most| have_room(places.iter(), most).into_iter().collect::<Vec<_>>();
        assert_eq!(have(1), ["observed", "older"]);
        assert_eq!(have(2), ["observed", "older", "younger"]);
        assert_eq!(have(3), ["lower", "observed", "older", "younger"]);
        assert_eq!(have(0), [""; 0]);
    }

    #[test]
    fn of_equals_what_is_there_keeps_its_room_whatever_time_is_claimed_for_what_would_be_made() {
        let planned = |mut place: Place| {
            place.exists = false;
            place
        };
        let places = [
            place("there", Severity::Medium, false, 9),
            planned(place("claimed", Severity::Medium, false, 0)),
            planned(place("graver", Severity::High, false, 99)),
        ];
        let have = |most| have_room(places.iter(), most).into_iter().collect::<Vec<_>>();
        assert_eq!(have(1), ["graver"]);
        assert_eq!(have(2), ["graver", "there"]);
    }

    #[test]
    fn a_flood_of_one_severity_leaves_the_others_an_eighth_of_the_room_each() {
        for (flood, trickle) in [
            (Severity::Medium, Severity::Low),
            (Severity::Low, Severity::Info),
            (Severity::Info, Severity::Medium),
        ] {
            let places = [many("flood", flood, 1_000), many("trickle", trickle, 2)].concat();
            let have = have_room(places.iter(), 16);
            assert_eq!(have.len(), 16);
            let trickles = have.iter().filter(|name| name.starts_with("trickle")).count();
            assert_eq!(trickles, 2, "{trickle:?} beside {flood:?}");
        }
    }

    #[test]
    fn what_is_high_decided_explained_or_closed_takes_no_room() {
        let of = |severity, state, decided| Place::of("a", severity, state, decided, Timestamp::from_secs(0));
        for state in AlertState::ALL {
            assert_eq!(of(Severity::High, state, false), None);
            assert_eq!(of(Severity::Low, state, true), None);
            let takes = of(Severity::Low, state, false).is_some();
            assert_eq!(
                takes,
                !state.is_closed() && state != AlertState::Suppressed,
                "{state:?}"
            );
        }
    }
}
