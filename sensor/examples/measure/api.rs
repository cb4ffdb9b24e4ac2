//! An API server of a few answers: it lists one pod and nothing else, never tells of a change, and acknowledges every
//! report at once.

use anyhow::{Context, Result};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Serves as long as it lives.
#[derive(Debug)]
pub struct Api {
    _runtime: Runtime,
    kubeconfig: PathBuf,
}

impl Api {
    /// Writes a kubeconfig that leads to it into the folder.
    pub fn serve(folder: &Path, pod: Value) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?;
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "bench",
            "clusters": [{"name": "bench", "cluster": {"server": format!("http://{}", listener.local_addr()?)}}],
            "users": [{"name": "bench", "user": {}}],
            "contexts": [{"name": "bench", "context": {"cluster": "bench", "user": "bench"}}],
        });
        let kubeconfig = folder.join("kubeconfig");
        std::fs::write(&kubeconfig, config.to_string()).context("cannot write a kubeconfig")?;
        let router = Router::new().fallback(answer).with_state(Arc::new(pod));
        runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            _runtime: runtime,
            kubeconfig,
        })
    }

    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }
}

async fn answer(State(pod): State<Arc<Value>>, method: Method, uri: Uri, body: Bytes) -> Response {
    if method == Method::PATCH {
        return json_answer(&acknowledged(&body));
    }
    let watches = uri
        .query()
        .is_some_and(|query| query.split('&').any(|part| part == "watch=true"));
    if watches {
        let nothing = futures::stream::pending::<Result<Bytes, std::io::Error>>();
        return Body::from_stream(nothing).into_response();
    }
    let items = if uri.path() == "/api/v1/pods" {
        json!([*pod])
    } else {
        json!([])
    };
    let list = json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": "1"}, "items": items});
    json_answer(&list)
}

fn json_answer(value: &Value) -> Response {
    ([(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}

/// The object as it was sent, with what the operator would say of it.
fn acknowledged(body: &[u8]) -> Value {
    let mut object: Value = serde_json::from_slice(body).unwrap_or_default();
    let acknowledged = json!({"epoch": object["spec"]["epoch"], "seq": object["spec"]["seq"]});
    object["status"] = json!({"acknowledged": acknowledged});
    object
}
