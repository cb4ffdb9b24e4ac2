//! The plugin as it is installed: against an API server that answers with what was recorded, in shells, and its page in a
//! browser.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]
#![allow(
    clippy::print_stdout,
    reason = "whoever watches a test should see why it did not run"
)]

mod installed {
    mod backtest;
    mod examples;
    mod page;
    mod recorded;
    mod shells;
    mod support;
}
