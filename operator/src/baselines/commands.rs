//! What the learned commands of a workload suffice to tell, as people are told.

use anchorwatch_convert::to_i64;
use anchorwatch_core::{
    baseline::{Baseline, FeedBaseline, Maturity, Scorability},
    behaviour::Feed,
    id::ContainerName,
    policy::Policy,
    rules::Rule,
};
use anchorwatch_crds::v1alpha1::{BehaviorBaselineStatus, CommandStanding, FeedName};

use crate::conditions::{COMMANDS_SCORABLE, Statement};

/// Sets it for the process feed of each container.
pub(super) fn set(status: &mut BehaviorBaselineStatus, baseline: &Baseline, policy: &Policy) {
    for container in &mut status.containers {
        let name = ContainerName::new(container.name.clone());
        let feeds = baseline.containers.get(&name).map(|held| &held.feeds);
        let Some(held) = feeds.and_then(|feeds| feeds.get(&Feed::Process)) else {
            continue;
        };
        for feed in container.feeds.iter_mut().filter(|feed| feed.feed == FeedName::Process) {
            feed.commands = Some(standing(held, policy));
        }
    }
}

fn standing(held: &FeedBaseline, policy: &Policy) -> CommandStanding {
    let scorability = Scorability::of(held, policy);
    let entries = held.entries.values();
    CommandStanding {
        learned: to_i64(scorability.learned),
        scorable: scorability.holds(),
        alpha_millionths: rounded(scorability.alpha * 1e6),
        expected_in_hundred_weeks: scorability.expected_a_week.map(|expected| rounded(expected * 100.0)),
        raised: to_i64(
            entries
                .filter(|entry| entry.rule() == Some(Rule::UnusualCommand))
                .count(),
        ),
    }
}

/// Probabilities and expectations are small and not negative.
#[expect(clippy::cast_possible_truncation, reason = "far below 2^53")]
fn rounded(number: f64) -> i64 {
    number.round() as i64
}

/// Whether unusual commands can be told everywhere, as far as the baseline judges.
pub(super) fn scorable(baseline: &Baseline, policy: &Policy) -> Statement {
    let judging = baseline.feeds().filter(|(_, feed, held)| {
        let judges = match held.maturity {
            Maturity::Learning => false,
            Maturity::Provisional | Maturity::Enforcing => true,
        };
        *feed == Feed::Process && judges
    });
    let lacking = judging
        .map(|(container, _, held)| (container, Scorability::of(held, policy)))
        .find(|(_, scorability)| !scorability.holds());
    let (reason, message) = match &lacking {
        None => (
            "Scorable",
            "unusual commands can be told as the policy's tolerance asks for".to_owned(),
        ),
        Some((container, scorability)) => (
            "TooFewCommands",
            format!(
                "container {container} learned {} commands, and chance alone is to raise less than they can tell: its \
                 unusual commands are raised at Info only",
                scorability.learned
            ),
        ),
    };
    Statement {
        type_: COMMANDS_SCORABLE,
        holds: lacking.is_none(),
        reason,
        message,
    }
}
