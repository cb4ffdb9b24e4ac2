//! There is one operator and one sensor a node: the tests that change them take turns.

use anchorwatch_e2e::Cluster;
use anchorwatch_e2e::install::{Component, Install};
use tokio::sync::{Mutex, MutexGuard};

static TURN: Mutex<()> = Mutex::const_new(());

/// A component with test switches set, while it lives.
pub struct Turn {
    install: Install,
    component: Component,
    variables: Vec<&'static str>,
    _turn: MutexGuard<'static, ()>,
}

impl Turn {
    /// Waits for its turn, then restarts the component with the variables.
    pub async fn with(cluster: &Cluster, component: Component, variables: &[(&'static str, &str)]) -> Self {
        let turn = TURN.lock().await;
        let install = Install::of(cluster);
        install.set(component, variables).await.unwrap();
        Self {
            install,
            component,
            variables: variables.iter().map(|(name, _)| *name).collect(),
            _turn: turn,
        }
    }

    /// The release.
    pub fn install(&self) -> &Install {
        &self.install
    }

    /// Restarts the component without the variables.
    pub async fn end(self) {
        self.install.unset(self.component, &self.variables).await.unwrap();
    }
}
