//! The search over what all workloads of a cluster do.
//!
//! A generation is made of what is known at one moment and never changed: `hnsw_rs`, whose graph it is, can't take
//! anything out. Its graph is drawn by lot and misses a few points, so that nothing is decided by it: it proposes, and
//! each answer is compared exactly by the features that are stored beside it. What is exactly what was asked for is found
//! by its features, never by the graph; a single namespace is compared as a whole.

mod entry;
mod gathering;
mod generation;
pub mod graph;
mod jaccard;

pub use entry::{Answer, Holder, Known};
pub use generation::Generation;
