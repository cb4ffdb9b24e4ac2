//! The plugin on a PATH of its own, and a cluster that answers with what was recorded.

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{Method, StatusCode, Uri, header::CONTENT_TYPE},
    response::IntoResponse,
};
use serde_json::{Value, json};

/// What the plugin is built as.
pub const PLUGIN: &str = env!("CARGO_BIN_EXE_kubectl-drift");

type Objects = Arc<Mutex<BTreeMap<String, Value>>>;

/// A home with the plugin on its PATH, `kubectl` that does nothing but call it, and a kubeconfig.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    /// One whose cluster answers with these objects.
    pub fn new(objects: BTreeMap<String, Value>) -> Self {
        let home = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        std::fs::create_dir_all(home.path("bin")).unwrap();
        std::os::unix::fs::symlink(PLUGIN, home.path("bin/kubectl-drift")).unwrap();
        home.executable(
            "bin/kubectl",
            "#!/bin/sh\n[ \"$1\" = drift ] || exit 64\nshift\nexec kubectl-drift \"$@\"\n",
        );
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "recorded",
            "clusters": [{"name": "recorded", "cluster": {"server": served(objects)}}],
            "contexts": [{"name": "recorded", "context": {"cluster": "recorded", "user": "alice", "namespace": "shop"}}],
            "users": [{"name": "alice", "user": {}}],
        });
        home.file("kubeconfig", &config.to_string());
        home
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn file(&self, name: &str, content: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(path)
            .unwrap()
            .write_all(content.as_bytes())
            .unwrap();
    }

    pub fn executable(&self, name: &str, content: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        self.file(name, content);
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// A program that runs in this home.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap_or_default();
        command
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("KUBECONFIG", self.path("kubeconfig"))
            .env("TERM", "xterm");
        command
    }

    /// What a line does in a shell.
    pub fn sh(&self, line: &str) -> Output {
        self.command("sh").args(["-c", line]).output().unwrap()
    }
}

/// What a program printed.
pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    text(&output.stdout) + &text(&output.stderr)
}

/// Whether a program is there; a test that needs it is noted as skipped where it is not.
pub fn has(program: &str, test: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| is_executable(&folder.join(program)));
    if !found {
        println!("skipped: {test}: there is no {program}");
        if let Some(file) = std::env::var_os("ANCHORWATCH_SKIP_FILE") {
            let file = std::fs::OpenOptions::new().append(true).create(true).open(file);
            writeln!(file.unwrap(), "{test}: there is no {program}").unwrap();
        }
    }
    found
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// The address of an API server that answers GET with objects by their paths, takes patches of them, answers searches, and
/// says that whoever asks is `alice`. It ends with the test.
fn served(objects: BTreeMap<String, Value>) -> String {
    let objects: Objects = Arc::new(Mutex::new(objects));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let router = Router::new().fallback(answer).with_state(objects);
            axum::serve(listener, router).await.unwrap();
        });
    });
    format!("http://{address}")
}

async fn answer(State(objects): State<Objects>, method: Method, uri: Uri, body: Bytes) -> impl IntoResponse {
    let mut objects = objects.lock().unwrap();
    let (status, answer) = match (method.as_str(), objects.get_mut(uri.path())) {
        ("POST", _) if uri.path().ends_with("/selfsubjectreviews") => {
            let user = json!({"userInfo": {"username": "alice"}});
            (
                201,
                json!({"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview", "metadata": {}, "status": user}),
            )
        }
        ("POST", _) if uri.path().ends_with("/behaviorqueries") => {
            let mut query: Value = serde_json::from_slice(&body).unwrap_or_default();
            query["status"] = super::recorded::answered(&query["spec"]);
            let name = query["metadata"]["name"].as_str().unwrap_or_default();
            objects.insert(format!("{}/{name}", uri.path()), query.clone());
            (201, query)
        }
        ("GET", Some(object)) => (200, object.clone()),
        ("PATCH", Some(object)) => {
            let patch: Value = serde_json::from_slice(&body).unwrap_or_default();
            if let (Some(spec), Some(changes)) = (object["spec"].as_object_mut(), patch["spec"].as_object()) {
                spec.extend(changes.clone());
            }
            (200, object.clone())
        }
        _ => {
            let message = format!("{method} {uri} was not recorded");
            (
                404,
                json!({
                    "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "reason": "NotFound", "code": 404,
                    "message": message,
                }),
            )
        }
    };
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(CONTENT_TYPE, "application/json")], answer.to_string())
}
