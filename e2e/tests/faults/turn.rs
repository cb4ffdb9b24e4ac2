//! There is one operator and one sensor a node: the tests that change them take turns.

use std::panic::AssertUnwindSafe;

use anchorwatch_e2e::Cluster;
use anchorwatch_e2e::install::{Component, Goal, Install};
use futures::FutureExt;
use tokio::sync::Mutex;

static TURN: Mutex<()> = Mutex::const_new(());

/// Restarts a component with test switches set, does the work, and restarts it without them, also when the work fails.
pub async fn with_switches<T>(
    cluster: &Cluster,
    component: Component,
    variables: &[(&str, &str)],
    goal: Goal,
    work: impl AsyncFnOnce(&Install) -> T,
) -> T {
    let _turn = TURN.lock().await;
    let install = Install::of(cluster);
    let set = install.set(component, variables, goal).await;
    let outcome = match set {
        Ok(()) => AssertUnwindSafe(work(&install)).catch_unwind().await,
        Err(error) => Err(Box::new(format!("{error:#}")) as Box<dyn std::any::Any + Send>),
    };
    let names: Vec<&str> = variables.iter().map(|(name, _)| *name).collect();
    install.unset(component, &names).await.unwrap();
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
