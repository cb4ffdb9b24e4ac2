//! The custom resources of Anchorwatch, group `anchorwatch.dev`, and the manifests generated from them.
//!
//! Types only: no decision is taken here and nothing of `anchorwatch-core` is known. The doc comments become the
//! descriptions that `kubectl explain` shows, so they speak to the person who writes a policy or reads an alert.

// kube's `printcolumn(type_ = "string", …)` repeats by design, once a column.
#![allow(clippy::duplicated_attributes)]

mod manifest;
pub mod v1alpha1;

pub use manifest::{Manifest, manifests};

/// The API group of every resource of Anchorwatch.
pub const GROUP: &str = "anchorwatch.dev";
