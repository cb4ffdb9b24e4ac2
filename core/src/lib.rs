//! What Anchorwatch decides, and nothing that it does: observation to behaviour to verdict to alert, as pure,
//! synchronous functions.
//!
//! ```text
//! Observation ─ behaviour ─▶ Behaviour (exact key) ─ baseline::merge (decide, rules) ─▶ learned or quarantined entry
//!                                                                                          │ quarantined
//! rollout::plan_record ─▶ Record ─ rollout::match_finding ─▶ alert::plan_alerts ◀──────────┘
//!                                                                │ Finding, severity, state
//!                                                                ▼
//!                                                            AlertPlan
//! ```
//!
//! Nothing here reads a clock, the environment, a file or a socket, and no async runtime, Kubernetes client or kernel
//! interface may be imported: whoever calls passes `now` and what was fetched, and carries out what is returned.
//! Maps are ordered, so that the same inputs give the same bytes.

pub mod address;
pub mod alert;
pub mod backtest;
pub mod baseline;
pub mod behaviour;
pub mod chain;
pub mod decide;
pub mod features;
pub mod id;
pub mod normalise;
pub mod observation;
mod placeholder;
pub mod policy;
pub mod rare;
pub mod redact;
pub mod review;
pub mod rollout;
pub mod rules;
pub mod score;
pub mod seen;
mod settle;
pub mod severity;
mod shape;
mod signs;
pub mod text;
pub mod time;

#[cfg(test)]
mod invariants;
#[cfg(test)]
mod testkit;
