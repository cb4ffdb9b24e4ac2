//! People decide, and approve in Git: what that changes, on the real cluster.
#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod review {
    mod approvals;
    mod crowd;
    mod decisions;
    mod gone;
    mod grave;
    mod inheriting;
    mod other_tools;
    mod plugin;
    mod prometheus;
    mod replicas;
    mod scene;
}
