//! What a report says of its node: which feeds are watched there, and what is lost.

use std::collections::BTreeSet;

use anchorwatch_convert::feed_from_crd;
use anchorwatch_core::behaviour::Feed;
use anchorwatch_crds::v1alpha1::{HookReport, SensorReportStatus};

use super::plan::Tally;
use crate::{
    conditions::{HOOKS_ATTACHED, LOSS_OBSERVED, Statement, watched_on_node},
    losses,
};

/// What a hook that works says of itself.
const ATTACHED: &str = "attached";
/// The state of a hook that another way than the best stands in for.
const FALLBACK: &str = "fallback";

/// The hook that sees executions: of the process feed, the others tell nothing without it.
const EXECUTIONS: &str = "tp_btf/sched_process_exec";

/// The feeds that a sensor sees anything of.
pub fn watched(hooks: &[HookReport]) -> BTreeSet<Feed> {
    Feed::ALL.into_iter().filter(|feed| sees(*feed, hooks)).collect()
}

/// At least one hook of the feed is in place, and the one is that the others are of no use without.
fn sees(feed: Feed, hooks: &[HookReport]) -> bool {
    let mut of_feed = hooks.iter().filter(|hook| feed_from_crd(hook.feed) == feed);
    let is_blind = hooks.iter().any(|hook| hook.name == EXECUTIONS && !is_in_place(hook));
    of_feed.any(is_in_place) && !(feed == Feed::Process && is_blind)
}

/// What the conditions of a report say.
pub fn statements(hooks: &[HookReport], tally: &Tally) -> Vec<Statement> {
    let mut statements = vec![hooks_attached(hooks)];
    statements.extend(Feed::ALL.map(|feed| feed_watched(feed, hooks)));
    statements.push(loss_observed(tally));
    statements
}

/// Which hooks are missing, where other ones or none were before.
pub fn newly_missing(before: &SensorReportStatus, after: &SensorReportStatus) -> Option<String> {
    let missing = |status: &SensorReportStatus| {
        let mut conditions = status.conditions.iter();
        let failed = conditions.find(|condition| condition.type_ == HOOKS_ATTACHED && condition.status == "False");
        failed.map(|condition| condition.message.clone())
    };
    let now = missing(after)?;
    (missing(before).as_ref() != Some(&now)).then_some(now)
}

fn is_in_place(hook: &HookReport) -> bool {
    hook.state == ATTACHED || hook.state == FALLBACK
}

fn each<'a>(hooks: impl Iterator<Item = &'a HookReport>) -> String {
    let each = hooks.map(|hook| format!("{} is {}: {}", hook.name, hook.state, hook.reason));
    each.collect::<Vec<_>>().join("; ")
}

fn hooks_attached(hooks: &[HookReport]) -> Statement {
    let missing = each(hooks.iter().filter(|hook| !is_in_place(hook)));
    let fallbacks = each(hooks.iter().filter(|hook| hook.state == FALLBACK));
    let (holds, reason, message) = if !missing.is_empty() {
        (false, "HookMissing", missing)
    } else if fallbacks.is_empty() {
        (true, "AllAttached", format!("{} hooks are attached", hooks.len()))
    } else {
        (
            true,
            "AllAttached",
            format!("{} hooks are attached; {fallbacks}", hooks.len()),
        )
    };
    Statement {
        type_: HOOKS_ATTACHED,
        holds,
        reason,
        message,
    }
}

fn feed_watched(feed: Feed, hooks: &[HookReport]) -> Statement {
    let of_feed = || hooks.iter().filter(|hook| feed_from_crd(hook.feed) == feed);
    let missing = each(of_feed().filter(|hook| !is_in_place(hook)));
    let fallbacks = each(of_feed().filter(|hook| hook.state == FALLBACK));
    let (holds, reason, message) = match (sees(feed, hooks), missing.is_empty(), fallbacks.is_empty()) {
        (false, true, _) => (
            false,
            "NotSupported",
            "the node's sensor has no hook for it: a newer sensor may".to_owned(),
        ),
        (false, false, _) => (false, "NotAttached", missing),
        (true, false, _) => (true, "Partly", missing),
        (true, true, false) => (true, "Fallback", fallbacks),
        (true, true, true) => (true, "Watched", "everything that it is meant to see is seen".to_owned()),
    };
    Statement {
        type_: watched_on_node(feed),
        holds,
        reason,
        message,
    }
}

fn loss_observed(tally: &Tally) -> Statement {
    let lost = tally.losses.iter().filter(|(_, reasons)| !reasons.is_empty());
    let lost = losses::told(lost.map(|(feed, reasons)| (*feed, reasons.keys().map(String::as_str))));
    let message = if lost.is_empty() {
        "the last batch reported no loss".to_owned()
    } else {
        format!("the last batch reported losses: {lost}")
    };
    Statement {
        type_: LOSS_OBSERVED,
        holds: !lost.is_empty(),
        reason: if lost.is_empty() { "NoLoss" } else { "EventsLost" },
        message,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::conditions::{MODULE_FEED, NETWORK_FEED, PROCESS_FEED};
    use anchorwatch_crds::v1alpha1::FeedName;

    fn hook(name: &str, feed: FeedName, state: &str) -> HookReport {
        HookReport {
            name: name.into(),
            feed,
            state: state.into(),
            reason: if state == ATTACHED { "" } else { "why" }.into(),
        }
    }

    fn said(hooks: &[HookReport]) -> BTreeMap<&'static str, (bool, &'static str)> {
        let statements = statements(hooks, &Tally::default());
        statements
            .into_iter()
            .map(|said| (said.type_, (said.holds, said.reason)))
            .collect()
    }

    #[test]
    fn each_feed_says_for_itself_whether_it_is_watched() {
        let hooks = [
            hook("exec", FeedName::Process, "attached"),
            hook("connect4", FeedName::Network, "attached"),
            hook("dns", FeedName::Network, "failed"),
            hook("mmap", FeedName::Module, "unsupported"),
        ];
        let told = said(&hooks);
        assert_eq!(told[PROCESS_FEED], (true, "Watched"));
        assert_eq!(told[NETWORK_FEED], (true, "Partly"));
        assert_eq!(told[MODULE_FEED], (false, "NotAttached"));
        assert_eq!(told[HOOKS_ATTACHED], (false, "HookMissing"));
        assert_eq!(watched(&hooks), BTreeSet::from([Feed::Process, Feed::Network]));
    }

    #[test]
    fn without_executions_the_process_feed_is_not_watched_whatever_else_of_it_is_in_place() {
        let mut hooks = [
            hook("tp_btf/sched_process_fork", FeedName::Process, "failed"),
            hook(EXECUTIONS, FeedName::Process, "attached"),
            hook("connect4", FeedName::Network, "attached"),
        ];
        assert_eq!(said(&hooks)[PROCESS_FEED], (true, "Partly"));
        hooks[0].state = ATTACHED.into();
        hooks[1].state = "failed".into();
        assert_eq!(said(&hooks)[PROCESS_FEED], (false, "NotAttached"));
        assert_eq!(watched(&hooks), BTreeSet::from([Feed::Network]));
    }

    #[test]
    fn a_fallback_is_watched_and_an_old_sensor_knows_fewer_feeds() {
        let told = said(&[
            hook("exec", FeedName::Process, "attached"),
            hook("mmap", FeedName::Module, "fallback"),
        ]);
        assert_eq!(told[MODULE_FEED], (true, "Fallback"));
        assert_eq!(told[NETWORK_FEED], (false, "NotSupported"));
        assert_eq!(told[HOOKS_ATTACHED], (true, "AllAttached"));
    }
}
