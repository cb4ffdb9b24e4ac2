//! Simulated workloads, through the same merging and ageing as real ones: whether a baseline knows what it does not know.

mod drive;
mod prediction;
mod random;
mod sliding;
mod states;
mod workload;
