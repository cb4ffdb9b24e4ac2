//! Black-box tests of Anchorwatch against a real cluster, and the journey that the demo shows.
//!
//! Nothing of `anchorwatch-core` is known here: what is expected is written down, never computed by the code under test.

pub mod agent;
pub mod audit;
pub mod cluster;
pub mod findings;
pub mod install;
pub mod journey;
pub mod judged;
pub mod latency;
pub mod narrator;
pub mod outside;
pub mod plugin;
pub mod port;
pub mod prometheus;
pub mod registry;
pub mod rollouts;
pub mod sensor_tokens;
pub mod skip;
pub mod wait;

pub use cluster::{AgentImages, Cluster};
