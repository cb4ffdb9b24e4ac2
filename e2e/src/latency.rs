//! How long it takes from an event in a container to its finding in a DriftAlert.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anchorwatch_crds::v1alpha1::DriftAlert;
use anyhow::{Context, Result};
use futures::{StreamExt, TryStreamExt};
use kube::api::Api;
use kube::runtime::{WatchStreamExt, watcher};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::Cluster;
use crate::agent::{Agent, Judgement};
use crate::wait::until;

/// Programs of coreutils that the agent has no everyday use for: each is a drift of its own.
const PROGRAMS: [&str; 50] = [
    "arch",
    "b2sum",
    "base32",
    "base64",
    "basename",
    "basenc",
    "cat",
    "chcon",
    "chgrp",
    "chmod",
    "chown",
    "cksum",
    "comm",
    "cp",
    "csplit",
    "cut",
    "dd",
    "df",
    "dir",
    "dircolors",
    "dirname",
    "du",
    "env",
    "expand",
    "expr",
    "factor",
    "fmt",
    "fold",
    "groups",
    "head",
    "hostid",
    "id",
    "install",
    "join",
    "link",
    "ln",
    "logname",
    "ls",
    "md5sum",
    "mkdir",
    "mkfifo",
    "mknod",
    "mktemp",
    "mv",
    "nice",
    "nl",
    "nohup",
    "numfmt",
    "od",
    "paste",
];
/// Workloads, so that no alert has more findings than it holds.
const AGENTS: usize = 4;
/// Number of triggers.
pub const TRIGGERS: usize = AGENTS * PROGRAMS.len();
/// Rest between two triggers: a person at a shell, not a flood that the sensor's token bucket holds back.
const REST: Duration = Duration::from_millis(400);
const CEILING: Duration = Duration::from_secs(30);

/// The workload's name in an alert, and the executable.
type Key = (String, String);

/// When each finding was first seen in the API.
#[derive(Debug)]
struct Sightings {
    seen: Arc<Mutex<HashMap<Key, Instant>>>,
    news: Arc<Notify>,
    watch: JoinHandle<()>,
}

impl Drop for Sightings {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Sightings {
    fn watch(alerts: Api<DriftAlert>) -> Self {
        let (seen, news) = (Arc::new(Mutex::new(HashMap::new())), Arc::new(Notify::new()));
        let (into, tell) = (Arc::clone(&seen), Arc::clone(&news));
        let watch = tokio::spawn(async move {
            let mut stream = watcher(alerts, watcher::Config::default())
                .default_backoff()
                .applied_objects()
                .boxed();
            while let Ok(Some(alert)) = stream.try_next().await {
                let now = Instant::now();
                for key in keys(&alert) {
                    into.lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .entry(key)
                        .or_insert(now);
                }
                tell.notify_one();
            }
        });
        Self { seen, news, watch }
    }

    async fn of(&self, key: &Key) -> Result<Instant> {
        let wait = async {
            loop {
                let seen = self
                    .seen
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .get(key)
                    .copied();
                match seen {
                    Some(instant) => return instant,
                    None => self.news.notified().await,
                }
            }
        };
        let limit = tokio::time::timeout(CEILING, wait).await;
        limit.with_context(|| format!("{} of {} was not raised within {} s", key.1, key.0, CEILING.as_secs()))
    }
}

fn keys(alert: &DriftAlert) -> Vec<Key> {
    let Some(status) = &alert.status else { return Vec::new() };
    let executables = status
        .findings
        .iter()
        .map(|finding| finding.behavior.executable().to_owned());
    executables
        .map(|executable| (status.workload.name.clone(), executable))
        .collect()
}

/// Makes so many drifts, one after the other, and returns how long each took. The clock starts before the agent is
/// asked, so the way to the agent is counted, too.
pub async fn measure(cluster: &Cluster, namespace: &str, image: &str) -> Result<Vec<Duration>> {
    let agents: Vec<Agent> = (0..AGENTS)
        .map(|number| Agent::new(cluster, namespace, &format!("agent-{number}")))
        .collect();
    let judgement = Judgement {
        minimum: "5s",
        correlation: "10m",
    };
    futures::future::try_join_all(agents.iter().map(|agent| agent.start(image, 1, judgement))).await?;
    for agent in &agents {
        until("the baselines to judge", CEILING, async || agent.is_judged().await).await?;
    }
    let sightings = Sightings::watch(Api::namespaced(cluster.client.clone(), namespace));
    let mut times = Vec::with_capacity(TRIGGERS);
    for program in PROGRAMS {
        for agent in &agents {
            let executable = format!("/usr/bin/{program}");
            let asked = Instant::now();
            agent.ask(&[&executable, "--version"]).await?;
            let seen = sightings.of(&(agent.name().to_owned(), executable)).await?;
            times.push(seen.saturating_duration_since(asked));
            tokio::time::sleep(REST).await;
        }
    }
    Ok(times)
}
