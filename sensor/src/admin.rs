//! What the kubelet and Prometheus ask: `/healthz`, `/readyz`, `/metrics`.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::metrics::Metrics;

/// The pipeline goes round every second; a minute without is a fault that a restart may mend.
const SILENCE: Duration = Duration::from_mins(1);

/// How the pipeline is.
#[derive(Debug)]
pub struct Health {
    /// When the pipeline last went round.
    beat: Mutex<Instant>,
    hooks: AtomicBool,
    pods: AtomicBool,
}

impl Health {
    pub fn new(now: Instant) -> Self {
        Self {
            beat: Mutex::new(now),
            hooks: AtomicBool::new(false),
            pods: AtomicBool::new(false),
        }
    }

    pub fn beat(&self, now: Instant) {
        *self.beat.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
    }

    /// Events of the kernel are read.
    pub fn hooks_attached(&self) {
        self.hooks.store(true, Ordering::Relaxed);
    }

    /// This node's pods are known.
    pub fn pods_listed(&self) {
        self.pods.store(true, Ordering::Relaxed);
    }

    fn is_alive(&self, now: Instant) -> bool {
        let beat = *self.beat.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        now.saturating_duration_since(beat) < SILENCE
    }

    /// What is missing.
    fn missing(&self) -> Vec<&'static str> {
        let hooks = (!self.hooks.load(Ordering::Relaxed)).then_some("hooks are not attached");
        let pods = (!self.pods.load(Ordering::Relaxed)).then_some("the node's pods are not listed yet");
        hooks.into_iter().chain(pods).collect()
    }
}

/// What the handlers answer from.
#[derive(Debug, Clone)]
pub struct Admin {
    pub health: Arc<Health>,
    pub metrics: Arc<Metrics>,
}

impl Admin {
    pub fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(healthz))
            .route("/readyz", get(readyz))
            .route("/metrics", get(metrics))
            .with_state(self)
    }
}

async fn healthz(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if admin.health.is_alive(Instant::now()) {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the pipeline stands still\n")
    }
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    let missing = admin.health.missing();
    if missing.is_empty() {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n")
    }
}

async fn metrics(State(admin): State<Admin>) -> (StatusCode, String) {
    match admin.metrics.text() {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_that_stands_still_is_not_alive() {
        let now = Instant::now();
        let health = Health::new(now);
        assert!(health.is_alive(now + SILENCE / 2));
        assert!(!health.is_alive(now + SILENCE));
        health.beat(now + SILENCE);
        assert!(health.is_alive(now + SILENCE));
    }

    #[test]
    fn the_sensor_is_ready_when_hooks_are_attached_and_pods_listed() {
        let health = Health::new(Instant::now());
        assert_eq!(health.missing().len(), 2);
        health.hooks_attached();
        assert_eq!(health.missing(), ["the node's pods are not listed yet"]);
        health.pods_listed();
        assert!(health.missing().is_empty());
    }
}
