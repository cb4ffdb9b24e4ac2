//! `/metrics`, `/healthz` and `/readyz`.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::net::TcpListener;
use tracing::error;

use crate::{metrics::Metrics, world::SharedWorld};

/// Whether this operator could serve: as a leader whose caches are filled, or as a standby that sees the Lease.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says whether it could.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What the pages are made from.
#[derive(Clone, Debug)]
pub struct Admin {
    /// The metrics.
    pub metrics: Metrics,
    /// Whether it is ready.
    pub readiness: Readiness,
    /// What is counted only when somebody asks.
    pub world: SharedWorld,
    /// Held from counting until it is written out: who asks meanwhile would see what is counted halfway.
    pub counting: Arc<Mutex<()>>,
}

impl Admin {
    /// Serves the pages for as long as the process lives.
    pub async fn serve(self, listen: SocketAddr) -> io::Result<()> {
        let listener = TcpListener::bind(listen).await?;
        axum::serve(listener, self.router()).await
    }

    fn router(self) -> Router {
        Router::new()
            .route("/metrics", get(metrics))
            .route("/healthz", get(|| async { "ok" }))
            .route("/readyz", get(ready))
            .with_state(self)
    }

    /// The metrics, as of one moment.
    fn count(&self) -> prometheus::Result<Vec<u8>> {
        let _alone = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(world) = self.world.get() {
            world.show(&self.metrics);
        }
        self.metrics.encode()
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    match admin.count() {
        Ok(text) => ([(CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            error!(error = &error as &dyn std::error::Error, "the metrics can't be encoded");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn ready(State(admin): State<Admin>) -> (StatusCode, &'static str) {
    if admin.readiness.get() {
        (StatusCode::OK, "ok")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{body::Body, http::Request};
    use std::time::{Duration, Instant};
    use tower::ServiceExt;

    use crate::testkit::{HandMade, drift_alert, put};

    async fn status(admin: &Admin, path: &str) -> StatusCode {
        let request = Request::get(path).body(Body::empty()).unwrap();
        admin.clone().router().oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn it_is_alive_before_it_is_ready() {
        let admin = Admin {
            metrics: Metrics::new().unwrap(),
            readiness: Readiness::default(),
            world: SharedWorld::default(),
            counting: Arc::default(),
        };
        assert_eq!(status(&admin, "/healthz").await, StatusCode::OK);
        assert_eq!(status(&admin, "/metrics").await, StatusCode::OK);
        assert_eq!(status(&admin, "/readyz").await, StatusCode::SERVICE_UNAVAILABLE);
        admin.readiness.set(true);
        assert_eq!(status(&admin, "/readyz").await, StatusCode::OK);
    }

    #[test]
    fn whoever_scrapes_while_another_does_waits_and_sees_the_whole() {
        let mut made = HandMade::new();
        put(&mut made.feeds.alerts, drift_alert(1, "High", "Open"));
        let admin = Admin {
            metrics: made.metrics.clone(),
            readiness: Readiness::default(),
            world: Arc::new(Arc::clone(&made.world).into()),
            counting: Arc::default(),
        };
        let text = std::thread::scope(|scope| {
            let another = admin.counting.lock().unwrap();
            let scrape = scope.spawn(|| admin.count().unwrap());
            // What does not wait is done long before.
            let begun = Instant::now();
            while !scrape.is_finished() && begun.elapsed() < Duration::from_millis(50) {
                std::thread::yield_now();
            }
            assert!(!scrape.is_finished());
            drop(another);
            scrape.join().unwrap()
        });
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains("anchorwatch_operator_alerts{severity=\"High\",state=\"Open\"} 1"));
    }
}
