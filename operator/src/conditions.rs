//! Conditions, and how they change.

use anchorwatch_core::behaviour::Feed;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// A policy or approval takes part in decisions.
pub const ACCEPTED: &str = "Accepted";
/// What another workload learned was taken over, as an approval asks for.
pub const INHERITED: &str = "Inherited";
/// All that a policy refers to can be read.
pub const REFERENCES_RESOLVED: &str = "ReferencesResolved";
/// Another policy goes before this one.
pub const OVERRIDDEN: &str = "Overridden";
/// Every feed of a baseline judges.
pub const READY: &str = "Ready";
/// Entries of a baseline stand for many, because room ran short.
pub const GENERALISED: &str = "Generalised";
/// Unusual commands can be told from usual ones.
pub const COMMANDS_SCORABLE: &str = "CommandsScorable";
/// A cap of a baseline was reached.
pub const TRUNCATED: &str = "Truncated";
/// A sensor lost events.
pub const LOSS_OBSERVED: &str = "LossObserved";
/// Every hook of a sensor is attached.
pub const HOOKS_ATTACHED: &str = "HooksAttached";

/// The process feed is watched on a node.
pub const PROCESS_FEED: &str = "ProcessFeedWatched";
/// The network feed is watched on a node.
pub const NETWORK_FEED: &str = "NetworkFeedWatched";
/// The module feed is watched on a node.
pub const MODULE_FEED: &str = "ModuleFeedWatched";

/// The condition that says whether a feed is watched on a node.
pub const fn watched_on_node(feed: Feed) -> &'static str {
    match feed {
        Feed::Process => PROCESS_FEED,
        Feed::Network => NETWORK_FEED,
        Feed::Module => MODULE_FEED,
    }
}

/// A statement to be made as a condition.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Statement {
    /// The condition's type.
    pub type_: &'static str,
    /// Whether it holds.
    pub holds: bool,
    /// Why, as a constant.
    pub reason: &'static str,
    /// Why, in words.
    pub message: String,
}

/// Sets the conditions that the statements speak of and keeps the others. The time of the last transition moves only
/// where a status changed.
pub fn set(conditions: &mut Vec<Condition>, statements: Vec<Statement>, generation: Option<i64>, now: Timestamp) {
    for Statement {
        type_,
        holds,
        reason,
        message,
    } in statements
    {
        let status = if holds { "True" } else { "False" };
        let previous = conditions.iter().position(|condition| condition.type_ == type_);
        let unchanged_since = previous
            .map(|index| &conditions[index])
            .filter(|condition| condition.status == status)
            .map(|condition| condition.last_transition_time.clone());
        let condition = Condition {
            last_transition_time: unchanged_since.unwrap_or(Time(whole_seconds(now))),
            message,
            observed_generation: generation,
            reason: reason.to_owned(),
            status: status.to_owned(),
            type_: type_.to_owned(),
        };
        match previous {
            Some(index) => conditions[index] = condition,
            None => conditions.push(condition),
        }
    }
}

/// Times of conditions are written in whole seconds: what is read back must equal what was written.
fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statement(holds: bool, message: &str) -> Vec<Statement> {
        vec![Statement {
            type_: READY,
            holds,
            reason: "Test",
            message: message.to_owned(),
        }]
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_time_of_transition_moves_only_with_the_status() {
        let mut conditions = Vec::new();
        set(&mut conditions, statement(true, "a"), Some(1), at(10));
        set(&mut conditions, statement(true, "b"), Some(2), at(20));
        assert_eq!(conditions[0].last_transition_time, Time(at(10)));
        assert_eq!(conditions[0].message, "b");
        set(&mut conditions, statement(false, "c"), Some(2), at(30));
        assert_eq!(conditions[0].last_transition_time, Time(at(30)));
        assert_eq!(conditions.len(), 1);
    }

    #[test]
    fn saying_the_same_again_changes_nothing() {
        let mut conditions = Vec::new();
        set(&mut conditions, statement(true, "a"), Some(1), at(10));
        let before = conditions.clone();
        set(&mut conditions, statement(true, "a"), Some(1), at(99));
        assert_eq!(conditions, before);
    }
}
