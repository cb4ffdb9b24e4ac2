//! The window that a baseline ages by, where a policy asks for a shorter one: what is forgotten can't be given back, so that
//! a slip of the pen must not take it.

use serde::{Deserialize, Serialize};

use super::Baseline;
use crate::{
    policy::Policy,
    time::{Duration, Timestamp},
};

/// How long a shorter window must have been asked for before anything is forgotten by it.
const STANDS: Duration = Duration::from_hours(24);

/// The window that a baseline ages by.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Window {
    /// Its days, before today.
    pub days: u8,
    /// Since when a policy asks for a shorter one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shorter_since: Option<Timestamp>,
}

impl Baseline {
    /// Days of the window that it ages by: the policy's, or the longer one before it that is not given up yet.
    pub fn window_days(&self, policy: &Policy) -> u8 {
        let held = self.window.map_or(0, |window| window.days);
        held.max(policy.window_days)
    }

    /// Notes the window that a policy asks for, where none is known.
    pub(super) fn begin_window(&mut self, policy: &Policy) {
        self.window.get_or_insert(Window {
            days: policy.window_days,
            shorter_since: None,
        });
    }

    /// Takes the window that a policy asks for: a longer one at once, a shorter one once it was asked for a day. Returns
    /// whether anything differs.
    pub(super) fn take_window(&mut self, policy: &Policy, now: Timestamp) -> bool {
        self.begin_window(policy);
        let asked = Window {
            days: policy.window_days,
            shorter_since: None,
        };
        let next = self.window.map(|held| match held.shorter_since {
            _ if asked.days >= held.days => asked,
            Some(since) if since <= now && now.since(since) >= STANDS => asked,
            Some(since) if since <= now => held,
            // A clock was ahead, or it is asked for the first time.
            Some(_) | None => Window {
                shorter_since: Some(now.whole_second()),
                ..held
            },
        });
        let changed = self.window != next;
        self.window = next;
        changed
    }

    /// How long it takes until a shorter window is taken that is asked for.
    pub(super) fn shorter_after(&self, now: Timestamp) -> Option<Duration> {
        let since = self.window?.shorter_since?;
        Some(since.plus(STANDS).since(now))
    }
}
