//! A Prometheus of the test's own, a process on this machine: it finds the release's pods by their annotations, as one does that
//! runs in the cluster, scrapes them every second, and holds the chart's alerting rules against what they say.

use std::env;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kube::{Client, Config};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::KUBECONFIG;
use crate::port;
use crate::skip::skip;
use crate::wait::until;

/// Path of the program.
const PROMETHEUS: &str = "ANCHORWATCH_E2E_PROMETHEUS";
/// Path of a file of rules.
const RULES: &str = "ANCHORWATCH_E2E_RULES";
/// From its start until it answers.
const STARTED: Duration = Duration::from_secs(20);

/// It runs for as long as this is held.
#[derive(Debug)]
pub struct Prometheus {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Prometheus {
    /// Starts the one that the environment names, to scrape the pods of a namespace; a test of this name is skipped where it
    /// names none, because nothing out here reaches the pods of a cluster that is not ours.
    pub async fn offered(test: &str, namespace: &str) -> Result<Option<Self>> {
        let (Some(program), Some(rules), Some(kubeconfig)) =
            (env::var_os(PROMETHEUS), env::var_os(RULES), env::var_os(KUBECONFIG))
        else {
            skip(test, "needs the local cluster, whose pods this machine reaches")?;
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let settings = settings(Path::new(&kubeconfig), Path::new(&rules), namespace);
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, settings.to_string())?;
        let port = port::free()?;
        let process = Command::new(&program)
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--log.level=warn")
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log"))?)
            .spawn()
            .with_context(|| format!("{} can't be run", program.display()))?;
        let started = Self { process, port, folder };
        until("Prometheus", STARTED, async || {
            started
                .query("vector(1)")
                .await
                .with_context(|| started.log())
                .map(drop)
        })
        .await?;
        Ok(Some(started))
    }

    /// What it scrapes: of each target its labels, and whether it is up.
    pub async fn targets(&self) -> Result<Vec<Value>> {
        let data = self.get("/api/v1/targets?state=active").await?;
        listed(&data["activeTargets"])
    }

    /// The series that a query selects, with their labels, under `metric`, and values.
    pub async fn query(&self, query: &str) -> Result<Vec<Value>> {
        ensure!(!query.contains(['%', '&', '+']), "{query:?} would have to be encoded");
        let request = http::Request::post("/api/v1/query")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(format!("query={query}").into_bytes())?;
        let data = self.answer(request).await?;
        listed(&data["result"])
    }

    /// The alerts that its rules raise: labels, annotations and state.
    pub async fn alerts(&self) -> Result<Vec<Value>> {
        let data = self.get("/api/v1/alerts").await?;
        listed(&data["alerts"])
    }

    async fn get(&self, path: &str) -> Result<Value> {
        self.answer(http::Request::get(path).body(Vec::new())?).await
    }

    async fn answer(&self, request: http::Request<Vec<u8>>) -> Result<Value> {
        let mut config = Config::new(format!("http://127.0.0.1:{}", self.port).parse()?);
        // It speaks no TLS: this machine's certificates, if it has any, are not asked for.
        config.root_cert = Some(Vec::new());
        let answer: Value = Client::try_from(config)?.request(request).await?;
        ensure!(answer["status"] == "success", "Prometheus says {answer}");
        Ok(answer["data"].clone())
    }

    /// What it complained of.
    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn listed(values: &Value) -> Result<Vec<Value>> {
    values
        .as_array()
        .cloned()
        .with_context(|| format!("{values} is no list"))
}

/// Its configuration, for pods that carry the usual annotations. JSON is YAML.
fn settings(kubeconfig: &Path, rules: &Path, namespace: &str) -> Value {
    let pod = |name: &str| format!("__meta_kubernetes_pod_{name}");
    json!({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [rules],
        "scrape_configs": [{
            "job_name": "annotated-pods",
            "kubernetes_sd_configs": [{
                "role": "pod", "kubeconfig_file": kubeconfig, "namespaces": {"names": [namespace]},
            }],
            "relabel_configs": [
                {"source_labels": [pod("annotation_prometheus_io_scrape")], "regex": "true", "action": "keep"},
                {
                    "source_labels": [pod("ip"), pod("annotation_prometheus_io_port")],
                    "separator": ":", "target_label": "__address__",
                },
                {"source_labels": ["__meta_kubernetes_namespace"], "target_label": "namespace"},
                {"source_labels": [pod("name")], "target_label": "pod"},
                {
                    "source_labels": [pod("label_app_kubernetes_io_component")],
                    "target_label": "component",
                },
            ],
        }],
    })
}
